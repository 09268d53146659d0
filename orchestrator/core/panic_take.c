#include "orchestrator/core/panic_parser.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/text.h"
#include "orchestrator/core/kernel_version.h"
#include "orchestrator/core/panic_labels.h"

#define STACK_SIZE (16 * 1024) /* of a kernel thread */

struct pl_error *panic_keep(char **field, struct panic_piece value)
{
	value = panic_piece_trim(value);
	if (*field || value.len == 0)
		return NULL;
	return panic_piece_dup(value, field);
}

/* The same for one line: xnu puts a tab between a kext's name and its version. */
static struct pl_error *keep_line(char **field, struct panic_piece value)
{
	struct pl_error *e = panic_keep(field, value);
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
	e = pl_asprintf(&all, "%" PRIu64 ": %s%.*s", when, name, (int)(s.len - len), s.p + len);
	if (!e)
		e = keep_line(field, (struct panic_piece){all, strlen(all)});
	free(name);
	free(all);
	return e;
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
static struct pl_error *take_task(struct panic_parser *p, struct panic_piece line)
{
	uint64_t pid;
	const char *at = memmem(line.p, line.len, ": pid ", strlen(": pid "));

	if (!at || p->task)
		return NULL;
	struct panic_piece s = {at, (size_t)(line.p + line.len - at)};
	panic_piece_skip(&s, ": pid ");
	if (!panic_piece_number(&s, 10, &pid) || !panic_piece_skip(&s, ": "))
		return NULL;
	return panic_keep(&p->task, s);
}

/* "CR0: ..., CR2: 0x..." is the processor's by then, "Fault CR2: 0x..." that of the trap. */
static void take_fault(struct panic_address *a, struct panic_piece line)
{
	static const char *const names[] = {"CR2: ", "far: "};

	if (panic_piece_starts(line, "Fault "))
		a->known = false;
	for (size_t i = 0; i < 2; i++) {
		const char *at = memmem(line.p, line.len, names[i], strlen(names[i]));
		if (!at)
			continue;
		at += strlen(names[i]);
		keep_number(a, (struct panic_piece){at, (size_t)(line.p + line.len - at)}, 16);
	}
}

static struct pl_error *take_label(
	struct panic_parser *p, const struct panic_label *label, struct panic_piece line, bool *understood)
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
		p->wrapped = value.len > 0 && field == &p->t->kernel_version;
		return panic_keep(field, value);
	case LABEL_HEX:
		keep_number(field, value, 16);
		return NULL;
	case LABEL_DECIMAL:
		keep_number(field, value, 10);
		return NULL;
	case LABEL_FAULT:
		if (p->t->other_panics == 0)
			take_fault(field, line);
		return NULL;
	case LABEL_UUID:
		if (!p->t->kernel_uuid[0])
			*understood = kernel_uuid_parse(value.p, value.len, p->t->kernel_uuid);
		return NULL;
	case LABEL_LOADED:
		p->in_loaded = true;
		return NULL;
	case LABEL_KEXTS:
		p->in_kexts = true;
		return NULL;
	case LABEL_THREADS:
		p->in_threads = true;
		return NULL;
	case LABEL_PROFILE:
		p->in_profile = true;
		return NULL;
	case LABEL_KNOWN:
		return NULL;
	}
	return NULL;
}

static void note_unknown(struct panic_parser *p, struct panic_piece line)
{
	struct panic_text *t = p->t;
	char *copy;

	t->lines_unknown++;
	if (t->not_understood_count == PANIC_LINES_MAX)
		return;
	void *grown = pl_grow(t->not_understood, t->not_understood_count, sizeof *t->not_understood);
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
static bool is_own_frame(const struct panic_parser *p, const struct panic_frame *f)
{
	const struct panic_text *t = p->t;

	if (!p->foreign)
		return true;
	if (t->frame_count == 0 || p->trace_cpu == p->own_cpu)
		return false;
	uint64_t last = t->frames[t->frame_count - 1].frame;
	return f->frame > last && f->frame - last < STACK_SIZE;
}

/* "0xFRAME : 0xADDR", "... image :" or "... symbol +": the rest may be on the next line. */
static bool may_go_on(const struct panic_frame *f, struct panic_piece line)
{
	char last = line.len > 0 ? line.p[line.len - 1] : '\0';

	if (f->noise)
		return (last == ':' || last == '+') && line.len > 1 && line.p[line.len - 2] == ' ';
	return !f->symbol && !f->image && isxdigit((unsigned char)last);
}

/* Forgets the half of a frame; what is no frame without another half was not understood. */
static void drop_half(struct panic_parser *p)
{
	if (p->half && p->half_noise)
		note_unknown(p, (struct panic_piece){p->half, strlen(p->half)});
	free(p->half);
	p->half = NULL;
}

void panic_take_end(struct panic_parser *p)
{
	drop_half(p);
}

/* The other half of the line before: "image : _symbol + 0xoff", or what lacks of it. */
static struct pl_error *take_half(struct panic_parser *p, struct panic_piece line, bool *is)
{
	struct panic_frame f = {0};
	char *joined = NULL;

	*is = false;
	if (!p->half || line.len == 0 || (!p->half_noise && panic_piece_starts(line, "0x")))
		return NULL;
	struct pl_error *e = pl_asprintf(&joined, "%s %.*s", p->half, (int)line.len, line.p);
	if (e)
		return e;
	e = panic_frame_parse((struct panic_piece){joined, strlen(joined)}, &f, is);
	free(joined);
	if (e || !*is)
		return e;
	*is = !f.noise && f.image && f.symbol && *f.symbol == '_';
	if (*is && p->half_frame < p->t->frame_count) {
		struct panic_frame *old = &p->t->frames[p->half_frame];
		panic_frame_deinit(old);
		*old = f;
	} else {
		panic_frame_deinit(&f);
	}
	p->half_noise = p->half_noise && !*is;
	return NULL;
}

static struct pl_error *take_frame(struct panic_parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	struct panic_frame f;
	struct pl_error *e = panic_frame_parse(line, &f, is);

	if (e || !*is)
		return e;
	bool own = is_own_frame(p, &f) && t->frame_count < PANIC_FRAMES_MAX;
	if (may_go_on(&f, line)) {
		e = panic_piece_dup(line, &p->half);
		p->half_frame = own ? t->frame_count : PANIC_FRAMES_MAX;
		p->half_noise = f.noise;
	} else if (f.noise) {
		note_unknown(p, line);
	}
	if (e || !own) {
		panic_frame_deinit(&f);
		return e;
	}
	void *grown = pl_grow(t->frames, t->frame_count, sizeof f);
	if (!grown) {
		panic_frame_deinit(&f);
		return pl_error_nomem();
	}
	t->frames = grown;
	t->frames[t->frame_count++] = f;
	return NULL;
}

static struct pl_error *add_kext(
	struct panic_parser *p, struct panic_kext **list, size_t *count, struct panic_kext *k)
{
	void *grown = *count < PANIC_KEXTS_MAX ? pl_grow(*list, *count, sizeof *k) : NULL;

	if (!grown) {
		panic_kext_deinit(k);
		return *count < PANIC_KEXTS_MAX ? pl_error_nomem() : NULL;
	}
	*list = grown;
	(*list)[*count] = *k;
	if (!k->start.known)
		p->placeless = &(*list)[*count];
	(*count)++;
	return NULL;
}

/* A text that starts in the middle has dependencies of a kext that it does not name. */
static struct pl_error *add_dependency(struct panic_parser *p, struct panic_kext *k)
{
	struct panic_text *t = p->t;

	if (t->kext_count == 0)
		return add_kext(p, &t->dependencies, &t->dependency_count, k);
	struct panic_kext *owner = &t->kexts[t->kext_count - 1];
	return add_kext(p, &owner->dependencies, &owner->dependency_count, k);
}

static struct pl_error *take_kext(struct panic_parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	struct panic_kext *placeless = p->placeless;
	struct panic_kext k;
	bool dependency;
	bool split = p->split;

	p->placeless = NULL;
	*is = placeless && panic_kext_place(line, placeless);
	if (*is)
		return NULL;
	p->split = panic_piece_starts(line, "dependency:") && line.len == strlen("dependency:");
	*is = p->split;
	if (p->split)
		return NULL;
	struct pl_error *e = panic_kext_parse(line, &k, is, &dependency);
	if (e || !*is)
		return e;
	if (dependency || split)
		return add_dependency(p, &k);
	*is = k.start.known || p->in_kexts;
	if (*is)
		return add_kext(p, &t->kexts, &t->kext_count, &k);
	panic_kext_deinit(&k);
	return NULL;
}

static struct pl_error *take_loaded(struct panic_parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	struct panic_loaded l;
	struct pl_error *e = panic_loaded_parse(line, &l, is);

	if (e || !*is)
		return e;
	void *grown =
		t->loaded_count < PANIC_KEXTS_MAX ? pl_grow(t->loaded, t->loaded_count, sizeof l) : NULL;
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
static bool take_backtrace(struct panic_parser *p, struct panic_piece line)
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

/* "100.." while the dump is sent: how much of it is, before or instead of another message. */
static struct panic_piece behind_progress(struct panic_piece line)
{
	struct panic_piece s = line;
	uint64_t percent;

	while (panic_piece_number(&s, 10, &percent) && panic_piece_skip(&s, ".."))
		line = s;
	return line;
}

/* "0xfffffe200cf9cfd0 kernel_task 0 4926273": thread, task, priority, time */
static bool is_thread(struct panic_piece line)
{
	uint64_t n;
	const char *space = memchr(line.p, ' ', line.len);

	return space && panic_piece_starts(line, "0x") && panic_piece_number(&line, 16, &n) &&
	       line.p == space;
}

/*
 * Lines that are understood by where they stand or what they look like, and of
 * no use: the arm64 table of threads, the reporter's hardware, what
 * vnode_iterate() prints of the elements of a damaged list, a forum's fences.
 */
static bool is_known_noise(const struct panic_parser *p, struct panic_piece line)
{
	static const char phys[] = ", phys = 0x";

	if (p->in_threads && is_thread(line))
		return true;
	if (p->in_profile && memmem(line.p, line.len, ": ", 2))
		return true;
	if (memmem(line.p, line.len, phys, strlen(phys)) && memmem(line.p, line.len, " = 0x", 5))
		return true;
	return line.len == 3 && panic_piece_starts(line, "```");
}

/* "Debugger called: <text>": the message when there is no panic line */
static struct pl_error *take_debugger(struct panic_parser *p, struct panic_piece line, bool *is)
{
	*is = panic_piece_skip(&line, "Debugger called: ");
	if (!*is)
		return NULL;
	if (panic_piece_skip(&line, "<") && line.len > 0 && line.p[line.len - 1] == '>')
		line.len--;
	p->t->debugger = !p->t->string || p->t->debugger;
	return panic_keep(&p->t->string, line);
}

/* "panic(cpu N caller 0xADDR): text", with noise before it on the line or not */
const char *panic_first_line(struct panic_piece line)
{
	static const char mark[] = "panic(cpu ";
	const size_t len = sizeof mark - 1;
	const char *p = memmem(line.p, line.len, mark, len);
	bool number = p && p + len < line.p + line.len && isdigit((unsigned char)p[len]);
	return number ? p : NULL;
}

/* What stood before the panic's first line is of something else: a boot, an earlier panic. */
static void forget(struct panic_parser *p)
{
	struct panic_text *t = p->t;

	drop_half(p);
	struct panic_text empty = {.cpu = -1,
		.lines_before = t->lines_before + t->lines_unknown,
		.other_panics = t->frame_count > 0};
	panic_text_deinit(t);
	*t = empty;
	free(p->task);
	/* All but its place in the text: much of the rest points into what is gone. */
	*p = (struct panic_parser){.t = t, .started = p->started, .start = p->start, .message = p->message};
}

/* People type these off the screen: one digit too many makes it no address, and is no text either. */
static void take_caller(struct panic_piece *s, struct panic_address *ret)
{
	ret->known = panic_piece_number(s, 16, &ret->value);
	panic_piece_skip(s, "0x");
	while (s->len > 0 && isxdigit((unsigned char)*s->p)) {
		s->p++;
		s->len--;
	}
}

static struct pl_error *take_panic(struct panic_parser *p, struct panic_piece line, bool *is)
{
	struct panic_text *t = p->t;
	const char *at = panic_first_line(line);
	uint64_t cpu;

	*is = at != NULL;
	if (!at)
		return NULL;
	if (t->caller.known || p->message.size > 0) {
		t->other_panics++;
		p->over = t->kernel_version != NULL || p->booted;
		return NULL;
	}
	forget(p);
	struct panic_piece s = {at, (size_t)(line.p + line.len - at)};
	panic_piece_skip(&s, "panic(cpu ");
	if (panic_piece_number(&s, 10, &cpu) && cpu < 4096)
		t->cpu = (int)cpu;
	panic_piece_skip(&s, " ");
	if (panic_piece_skip(&s, "caller "))
		take_caller(&s, &t->caller);
	panic_piece_skip(&s, ")");
	panic_piece_skip(&s, ":");
	panic_piece_skip(&s, " ");
	p->in_message = true;
	pl_buf_append_capped(&p->message, s.p, s.len);
	return NULL;
}

/* A mail that wrapped "Darwin Kernel Version ...; root:xnu-..." */
static struct pl_error *take_version_rest(struct panic_parser *p, struct panic_piece line, bool *is)
{
	char **version = &p->t->kernel_version;
	const char *root = memmem(line.p, line.len, "root:", strlen("root:"));
	char *joined;

	*is = *version && root && !strstr(*version, "root:") && p->wrapped;
	p->wrapped = false;
	if (!*is)
		return NULL;
	struct pl_error *e = pl_asprintf(&joined, "%s %.*s", *version, (int)line.len, line.p);
	if (e)
		return e;
	free(*version);
	*version = joined;
	return NULL;
}

/* What no label begins: each kind of line is asked in turn. */
static struct pl_error *take_unlabelled(struct panic_parser *p, struct panic_piece line, bool *is)
{
	struct pl_error *e = NULL;

	*is = take_backtrace(p, line);
	if (!*is)
		e = take_debugger(p, line, is);
	if (!e && !*is)
		e = take_version_rest(p, line, is);
	if (!e && !*is)
		e = take_frame(p, line, is);
	if (!e && !*is)
		e = take_kext(p, line, is);
	if (!e && !*is && p->in_loaded)
		e = take_loaded(p, line, is);
	if (!e && !*is)
		*is = is_known_noise(p, line);
	return e;
}

/* What a kernel prints first when it boots; what a panic prints has a label above it. */
static bool begins_boot(const struct panic_parser *p, struct panic_piece line)
{
	return p->t->frame_count > 0 && panic_piece_starts(line, "Darwin Kernel Version ");
}

/* An empty line ends a list. */
static void end_lists(struct panic_parser *p)
{
	p->in_loaded = p->in_kexts = p->in_threads = false;
}

struct pl_error *panic_take_line(struct panic_parser *p, struct panic_piece raw, bool *understood)
{
	struct panic_piece line = behind_progress(panic_piece_trim(raw));
	const struct panic_label *label = panic_label_of(line);
	char **next = p->next;
	bool joined = false;
	struct pl_error *e = label ? NULL : take_half(p, line, &joined);

	drop_half(p);
	*understood = true;
	if (e || joined)
		return e;
	if (line.len == 0) {
		end_lists(p);
		return NULL;
	}
	p->next = NULL;
	e = take_panic(p, line, understood);
	if (e || *understood)
		return e;
	if (label) {
		end_lists(p);
		return take_label(p, label, line, understood);
	}
	if (!next) {
		p->booted = p->booted || begins_boot(p, line);
		return take_unlabelled(p, line, understood);
	}
	*understood = true;
	p->wrapped = next == &p->t->kernel_version;
	return panic_piece_starts(line, "Not yet set") ? NULL : panic_keep(next, line);
}

struct pl_error *panic_take_or_note(struct panic_parser *p, struct panic_piece line)
{
	bool understood;
	struct pl_error *e = panic_take_line(p, line, &understood);

	if (!e && !understood)
		note_unknown(p, line);
	return e;
}
