#include "orchestrator/core/panic_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/core/kernel_version.h"
#include "orchestrator/core/panic_labels.h"
#include "orchestrator/core/panic_parts.h"
#include "orchestrator/core/panic_source.h"

#define STACK_SIZE (16 * 1024)  /* of a kernel thread */
#define MESSAGE_MAX (32 * 1024) /* bytes between "panic(cpu" and the backtrace */

struct parser {
	struct panic_text *t;
	bool started;
	const char *start; /* of the first line that counts */
	bool in_message;   /* between "panic(cpu" and what ends its text */
	struct pl_buf message;
	char **next; /* where the next line goes, or NULL */
	char *task;  /* the process that "Panicked task" names */
	bool in_loaded;
	bool foreign;  /* in a backtrace that is not the panic's own */
	int own_cpu;   /* of the panic's own backtrace */
	int trace_cpu; /* of the backtrace begun last */
	bool wrapped;  /* the line before was the kernel version */
	bool split;    /* "dependency:" alone: the rest is on the next line */
	bool over;     /* another panic starts: another report */
};

static struct pl_error *keep(char **field, struct panic_piece value)
{
	value = panic_piece_trim(value);
	if (*field || value.len == 0)
		return NULL;
	return panic_piece_dup(value, field);
}

/* The same for one line: xnu puts a tab between a kext's name and its version. */
static struct pl_error *keep_line(char **field, struct panic_piece value)
{
	struct pl_error *e = keep(field, value);
	for (char *c = *field; e == NULL && c != NULL && *c != '\0'; c++)
		if (*c == '\t')
			*c = ' ';
	return e;
}

/* "TIME: >usb.!UHub<TAB>1.2 (addr ...)", with the name written out */
static struct pl_error *keep_kext(char **field, struct panic_piece value)
{
	char *name, *all = NULL;
	struct panic_piece s = value;
	uint64_t when;
	size_t len = 0;

	if (*field || !panic_piece_number(&s, 10, &when) || !panic_piece_skip(&s, ": "))
		return keep_line(field, value);
	while (len < s.len && s.p[len] != ' ' && s.p[len] != '\t')
		len++;
	struct pl_error *e = panic_name_expand((struct panic_piece){s.p, len}, &name);
	if (e)
		return e;
	if (asprintf(&all, "%" PRIu64 ": %s%.*s", when, name, (int)(s.len - len), s.p + len) < 0)
		e = pl_error_nomem();
	else
		e = keep_line(field, (struct panic_piece){all, strlen(all)});
	free(name);
	free(all);
	return e;
}

/* Room for one more at powers of two; NULL without memory. */
static void *grow(void *array, size_t count, size_t element)
{
	if (count & (count - 1))
		return array;
	return realloc(array, (count ? count * 2 : 1) * element);
}

/* "Process name corresponding to current thread (0xffffff...): NAME" */
static struct panic_piece label_value(const struct panic_label *label, struct panic_piece line)
{
	panic_piece_skip(&line, label->name);
	const char *close = panic_piece_starts(line, " (") ? memchr(line.p, ')', line.len) : NULL;
	if (close) {
		line.len -= (size_t)(close + 1 - line.p);
		line.p = close + 1;
	}
	panic_piece_skip(&line, ":");
	return panic_piece_trim(line);
}

static void keep_number(struct panic_address *a, struct panic_piece value, unsigned base)
{
	if (!a->known)
		a->known = panic_piece_number(&value, base, &a->value);
}

/* "Panicked task 0x...: 165 threads: pid 0: kernel_task", the process of last resort */
static struct pl_error *take_task(struct parser *p, struct panic_piece line)
{
	uint64_t pid;
	const char *at = memmem(line.p, line.len, ": pid ", strlen(": pid "));

	if (!at || p->task)
		return NULL;
	struct panic_piece s = {at, (size_t)(line.p + line.len - at)};
	panic_piece_skip(&s, ": pid ");
	if (!panic_piece_number(&s, 10, &pid) || !panic_piece_skip(&s, ": "))
		return NULL;
	return keep(&p->task, s);
}

static struct pl_error *take_label(
	struct parser *p, const struct panic_label *label, struct panic_piece line, bool *understood)
{
	void *field = (char *)p->t + label->field;
	struct panic_piece value = label_value(label, line);

	*understood = true;
	if (panic_piece_starts(value, "Not yet set"))
		return NULL;
	switch (label->kind) {
	case LABEL_TEXT:
		return keep_line(field, value);
	case LABEL_KEXT:
		return keep_kext(field, value);
	case LABEL_TASK:
		return take_task(p, line);
	case LABEL_NEXT:
		if (value.len == 0)
			p->next = field;
		return keep(field, value);
	case LABEL_HEX:
		keep_number(field, value, 16);
		return NULL;
	case LABEL_DECIMAL:
		keep_number(field, value, 10);
		return NULL;
	case LABEL_UUID:
		if (!p->t->kernel_uuid[0])
			*understood = kernel_uuid_parse(value.p, value.len, p->t->kernel_uuid);
		return NULL;
	case LABEL_LOADED:
		p->in_loaded = true;
		return NULL;
	case LABEL_KNOWN:
		return NULL;
	}
	return NULL;
}

static void note_unknown(struct parser *p, struct panic_piece line)
{
	struct panic_text *t = p->t;
	char *copy;

	t->lines_unknown++;
	if (t->not_understood_count == PANIC_LINES_MAX)
		return;
	void *grown = grow(t->not_understood, t->not_understood_count, sizeof *t->not_understood);
	if (!grown)
		return;
	t->not_understood = grown;
	struct pl_error *e = panic_piece_dup(line, &copy);
	if (e)
		pl_error_free(e);
	else
		t->not_understood[t->not_understood_count++] = copy;
}

/*
 * Two CPUs may write at once: a frame right above the last one on its stack is
 * the panic's own, whoever's backtrace began last. The same CPU's second
 * backtrace walks the same stack again.
 */
static bool is_own_frame(const struct parser *p, const struct panic_frame *f)
{
	const struct panic_text *t = p->t;

	if (!p->foreign)
		return true;
	if (t->frame_count == 0 || p->trace_cpu == p->own_cpu)
		return false;
	uint64_t last = t->frames[t->frame_count - 1].frame;
	return f->frame > last && f->frame - last < STACK_SIZE;
}

static struct pl_error *take_frame(struct parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	struct panic_frame f;
	struct pl_error *e = panic_frame_parse(line, &f, is);

	if (e || !*is)
		return e;
	if (f.noise)
		note_unknown(p, line);
	if (!is_own_frame(p, &f) || t->frame_count == PANIC_FRAMES_MAX) {
		panic_frame_deinit(&f);
		return NULL;
	}
	void *grown = grow(t->frames, t->frame_count, sizeof f);
	if (!grown) {
		panic_frame_deinit(&f);
		return pl_error_nomem();
	}
	t->frames = grown;
	t->frames[t->frame_count++] = f;
	return NULL;
}

static struct pl_error *add_kext(struct panic_kext **list, size_t *count, struct panic_kext *k)
{
	void *grown = *count < PANIC_KEXTS_MAX ? grow(*list, *count, sizeof *k) : NULL;

	if (!grown) {
		panic_kext_deinit(k);
		return *count < PANIC_KEXTS_MAX ? pl_error_nomem() : NULL;
	}
	*list = grown;
	(*list)[(*count)++] = *k;
	return NULL;
}

static struct pl_error *take_kext(struct parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	struct panic_kext k;
	bool dependency;
	bool split = p->split;

	p->split = panic_piece_starts(line, "dependency:") && line.len == strlen("dependency:");
	*is = p->split;
	if (p->split)
		return NULL;
	struct pl_error *e = panic_kext_parse(line, &k, is, &dependency);
	if (e || !*is)
		return e;
	if (!dependency && !split)
		return add_kext(&t->kexts, &t->kext_count, &k);
	if (t->kext_count > 0) {
		struct panic_kext *owner = &t->kexts[t->kext_count - 1];
		return add_kext(&owner->dependencies, &owner->dependency_count, &k);
	}
	panic_kext_deinit(&k);
	note_unknown(p, line); /* the text starts in the middle: nobody's dependency */
	return NULL;
}

static struct pl_error *take_loaded(struct parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	struct panic_loaded l;
	struct pl_error *e = panic_loaded_parse(line, &l, is);

	if (e || !*is)
		return e;
	void *grown = t->loaded_count < PANIC_KEXTS_MAX ? grow(t->loaded, t->loaded_count, sizeof l) : NULL;
	if (!grown) {
		free(l.id);
		free(l.version);
		return t->loaded_count < PANIC_KEXTS_MAX ? pl_error_nomem() : NULL;
	}
	t->loaded = grown;
	t->loaded[t->loaded_count++] = l;
	return NULL;
}

/* "Backtrace (CPU N), ...": of the panic the first time, of someone else later */
static bool take_backtrace(struct parser *p, struct panic_piece line)
{
	struct panic_text *t = p->t;
	uint64_t cpu;

	if (!panic_piece_skip(&line, "Backtrace (CPU "))
		return false;
	p->trace_cpu = panic_piece_number(&line, 10, &cpu) && cpu < 4096 ? (int)cpu : -1;
	if (t->cpu < 0)
		t->cpu = p->trace_cpu;
	bool other_cpu = t->other_panics > 0 && p->trace_cpu != t->cpu;
	p->foreign = t->frame_count > 0 || other_cpu;
	if (!p->foreign)
		p->own_cpu = p->trace_cpu;
	return true;
}

/* "Debugger called: <text>": the message when there is no panic line */
static struct pl_error *take_debugger(struct parser *p, struct panic_piece line, bool *is)
{
	*is = panic_piece_skip(&line, "Debugger called: ");
	if (!*is)
		return NULL;
	if (panic_piece_skip(&line, "<") && line.len > 0 && line.p[line.len - 1] == '>')
		line.len--;
	return keep(&p->t->string, line);
}

/* "panic(cpu N caller 0xADDR): text", with noise before it on the line or not */
static const char *panic_line(struct panic_piece line)
{
	static const char mark[] = "panic(cpu ";
	const size_t len = sizeof mark - 1;
	const char *p = memmem(line.p, line.len, mark, len);
	bool number = p && p + len < line.p + line.len && isdigit((unsigned char)p[len]);
	return number ? p : NULL;
}

/* What stood before the panic's first line is of something else: a boot, an earlier panic. */
static void forget(struct parser *p)
{
	struct panic_text *t = p->t;
	struct panic_text empty = {.cpu = -1,
		.lines_before = t->lines_before + t->lines_unknown,
		.other_panics = t->frame_count > 0};

	panic_text_deinit(t);
	*t = empty;
	free(p->task);
	p->task = NULL;
	p->next = NULL;
	p->foreign = false;
}

static struct pl_error *take_panic(struct parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	const char *at = panic_line(line);
	uint64_t cpu;

	*is = at != NULL;
	if (!at)
		return NULL;
	if (t->caller.known || p->message.size > 0) {
		t->other_panics++;
		p->over = t->kernel_version != NULL;
		return NULL;
	}
	forget(p);
	struct panic_piece s = {at, (size_t)(line.p + line.len - at)};
	panic_piece_skip(&s, "panic(cpu ");
	if (panic_piece_number(&s, 10, &cpu) && cpu < 4096)
		t->cpu = (int)cpu;
	panic_piece_skip(&s, " ");
	if (panic_piece_skip(&s, "caller "))
		t->caller.known = panic_piece_number(&s, 16, &t->caller.value);
	panic_piece_skip(&s, ")");
	panic_piece_skip(&s, ":");
	panic_piece_skip(&s, " ");
	p->in_message = true;
	pl_buf_append_capped(&p->message, s.p, s.len);
	return NULL;
}

/* A mail that wrapped "Darwin Kernel Version ...; root:xnu-..." */
static struct pl_error *take_version_rest(struct parser *p, struct panic_piece line, bool *is)
{
	char **version = &p->t->kernel_version;
	const char *root = memmem(line.p, line.len, "root:", strlen("root:"));
	char *joined;

	*is = *version && root && !strstr(*version, "root:") && p->wrapped;
	p->wrapped = false;
	if (!*is)
		return NULL;
	if (asprintf(&joined, "%s %.*s", *version, (int)line.len, line.p) < 0)
		return pl_error_nomem();
	free(*version);
	*version = joined;
	return NULL;
}

/* A line that is not part of the message. */
static struct pl_error *take_line(struct parser *p, struct panic_piece raw, bool *understood)
{
	struct panic_piece line = panic_piece_trim(raw);
	const struct panic_label *label = panic_label_of(line);
	char **next = p->next;
	struct pl_error *e = NULL;

	*understood = true;
	if (line.len == 0) {
		p->in_loaded = false;
		return NULL;
	}
	p->next = NULL;
	e = take_panic(p, line, understood);
	if (e || *understood)
		return e;
	if (label)
		p->in_loaded = false;
	if (label)
		return take_label(p, label, line, understood);
	if (next) {
		*understood = true;
		p->wrapped = next == &p->t->kernel_version;
		return panic_piece_starts(line, "Not yet set") ? NULL : keep(next, line);
	}
	if (take_backtrace(p, line)) {
		*understood = true;
		return NULL;
	}
	e = take_debugger(p, line, understood);
	if (!e && !*understood)
		e = take_version_rest(p, line, understood);
	if (!e && !*understood)
		e = take_frame(p, line, understood);
	if (!e && !*understood)
		e = take_kext(p, line, understood);
	if (!e && !*understood && p->in_loaded)
		e = take_loaded(p, line, understood);
	return e;
}

static struct pl_error *take_or_note(struct parser *p, struct panic_piece line)
{
	bool understood;
	struct pl_error *e = take_line(p, line, &understood);

	if (!e && !understood)
		note_unknown(p, line);
	return e;
}

/* Lines that cannot be part of a message: what xnu prints right behind it. */
static bool ends_message(struct panic_piece raw)
{
	struct panic_piece line = panic_piece_trim(raw);
	struct panic_frame f = {0};
	bool is = false;

	if (panic_piece_starts(line, "Backtrace (CPU ") || panic_piece_starts(line, "Debugger called: ") ||
		panic_line(line) || panic_label_of(line))
		return true;
	pl_error_free(panic_frame_parse(line, &f, &is));
	if (is)
		panic_frame_deinit(&f);
	return is;
}

/* Without a source: up to the first empty line, for a text may have several. */
static struct panic_piece first_paragraph(struct panic_piece message)
{
	const char *p = memmem(message.p, message.len, "\n\n", 2);
	if (p)
		message.len = (size_t)(p - message.p);
	return message;
}

/* Parts the message's lines: text, source, and lines that are neither. */
static struct pl_error *finish_message(struct parser *p)
{
	struct panic_text *t = p->t;
	struct panic_piece all = {pl_buf_text(&p->message), p->message.size};
	struct panic_piece text, source;
	struct panic_line line;
	struct panic_lines rest;
	const char *behind;

	p->in_message = false;
	struct pl_error *e = NULL;
	if (panic_message_split(all, &text, &source)) {
		e = keep(&t->source, source);
		behind = source.p + source.len;
	} else {
		text = first_paragraph(all);
		behind = text.p + text.len;
	}
	if (!e && !t->string)
		e = panic_piece_dup(text, &t->string);
	panic_lines_init(&rest, behind, all.len - (size_t)(behind - all.p));
	while (!e && panic_lines_next(&rest, &line))
		e = take_or_note(p, (struct panic_piece){line.p, line.len});
	return e;
}

static struct pl_error *feed(struct parser *p, struct panic_piece line)
{
	struct pl_error *e = NULL;
	bool understood;

	if (p->in_message && !ends_message(line) && p->message.size + line.len < MESSAGE_MAX) {
		pl_buf_append_capped(&p->message, "\n", 1);
		pl_buf_append_capped(&p->message, line.p, line.len);
		return NULL;
	}
	if (p->in_message)
		e = finish_message(p);
	if (e || p->started)
		return e ? e : take_or_note(p, line);
	if (panic_piece_trim(line).len == 0)
		return NULL;
	e = take_line(p, line, &understood);
	p->started = understood;
	p->start = line.p;
	if (!understood)
		p->t->lines_before++;
	return e;
}

static struct pl_error *parse_plain(const char *text, size_t size, struct panic_text *t)
{
	struct parser p = {.t = t};
	struct panic_lines lines;
	struct panic_line line;
	struct pl_error *e = NULL;

	pl_buf_init(&p.message, MESSAGE_MAX);
	panic_lines_init(&lines, text, size);
	while (!e && !p.over && panic_lines_next(&lines, &line)) {
		if (p.started && line.p - p.start > PANIC_TEXT_MAX)
			break;
		e = feed(&p, (struct panic_piece){line.p, line.len});
	}
	if (!e && p.in_message)
		e = finish_message(&p);
	if (!e && !t->process) {
		t->process = p.task;
		p.task = NULL;
	}
	free(p.task);
	pl_buf_deinit(&p.message);
	t->found = t->string || t->frame_count > 0 || t->kext_count > 0 || t->kernel_version;
	t->complete = t->string && t->frame_count > 0 && t->uptime_ns.known;
	return e;
}

/* What a JSON report says beside the panic's text, which may be cut: "macOS 13.0 (22A380)". */
static struct pl_error *take_head(const char *text, size_t size, struct panic_text *t)
{
	static const char *const keys[] = {"os_version", "build"};
	struct pl_error *e = NULL;

	for (size_t i = 0; !e && !t->build && i < 2; i++) {
		char *value;
		size_t len;
		e = panic_source_value(text, size, keys[i], &value, &len);
		if (value)
			value[strcspn(value, "\n")] = '\0'; /* of a value that lost its end */
		char *open = value ? strchr(value, '(') : NULL;
		char *close = open ? strchr(open, ')') : NULL;
		if (!e && close && close - open > 1 && close - open < 16)
			e = keep(&t->build, (struct panic_piece){open + 1, (size_t)(close - open - 1)});
		free(value);
	}
	return e;
}

struct pl_error *panic_text_parse(const char *text, size_t size, struct panic_text *ret)
{
	char *inner;
	size_t inner_size;

	memset(ret, 0, sizeof *ret);
	ret->cpu = -1;
	struct pl_error *e = panic_source_json(text, size, &inner, &inner_size);
	if (e)
		return e;
	e = inner ? parse_plain(inner, inner_size, ret) : parse_plain(text, size, ret);
	if (!e && inner && ret->found)
		e = take_head(text, size, ret);
	free(inner);
	return e;
}

void panic_text_deinit(struct panic_text *p)
{
	for (size_t i = 0; i < p->frame_count; i++)
		panic_frame_deinit(&p->frames[i]);
	for (size_t i = 0; i < p->kext_count; i++)
		panic_kext_deinit(&p->kexts[i]);
	for (size_t i = 0; i < p->loaded_count; i++) {
		free(p->loaded[i].id);
		free(p->loaded[i].version);
	}
	for (size_t i = 0; i < p->not_understood_count; i++)
		free(p->not_understood[i]);
	free(p->frames);
	free(p->kexts);
	free(p->loaded);
	free(p->not_understood);
	free(p->string);
	free(p->source);
	free(p->process);
	free(p->boot_args);
	free(p->build);
	free(p->kernel_version);
	free(p->model);
	free(p->last_loaded_kext);
	memset(p, 0, sizeof *p);
}
