#include "orchestrator/core/panic_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "orchestrator/core/panic_labels.h"
#include "orchestrator/core/panic_parser.h"
#include "orchestrator/core/panic_parts.h"
#include "orchestrator/core/panic_source.h"

#define MESSAGE_MAX (32 * 1024) /* bytes between "panic(cpu" and the backtrace */

/* Lines that cannot be part of a message: what xnu prints right behind it. */
static bool ends_message(struct panic_piece raw)
{
	struct panic_piece line = panic_piece_trim(raw);
	struct panic_frame f = {0};
	bool is = false;

	if (panic_piece_starts(line, "Backtrace (CPU ") || panic_piece_starts(line, "Debugger called: ") ||
		panic_first_line(line) || panic_label_of(line))
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

/* Where the text begins on the line below "panic(cpu N caller 0x...): ". */
static struct panic_piece behind_space(struct panic_piece message)
{
	while (message.len > 0 && strchr(" \t\n", *message.p) && *message.p != '\0') {
		message.p++;
		message.len--;
	}
	return message;
}

/* Parts the message's lines: text, source, and lines that are neither. */
static struct pl_error *finish_message(struct panic_parser *p)
{
	struct panic_text *t = p->t;
	struct panic_piece all =
		behind_space((struct panic_piece){pl_buf_text(&p->message), p->message.size});
	struct panic_piece text, source;
	struct panic_line line;
	struct panic_lines rest;
	const char *behind;

	p->in_message = false;
	struct pl_error *e = NULL;
	if (panic_message_split(all, &text, &source)) {
		e = panic_keep(&t->source, source);
		behind = source.p + source.len;
	} else {
		struct panic_piece paragraph = first_paragraph(all), file, number;
		panic_message_split(panic_piece_trim(paragraph), &text, &source);
		behind = paragraph.p + paragraph.len;
		if (!t->source && panic_assertion_split(paragraph, &text, &file, &number))
			e = pl_asprintf(
				&t->source, "%.*s:%.*s", (int)file.len, file.p, (int)number.len, number.p);
	}
	if (!e && !t->string)
		e = panic_piece_dup(text, &t->string);
	panic_lines_init(&rest, behind, all.len - (size_t)(behind - all.p));
	while (!e && panic_lines_next(&rest, &line))
		e = panic_take_or_note(p, (struct panic_piece){line.p, line.len});
	return e;
}

static struct pl_error *feed(struct panic_parser *p, struct panic_piece line)
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
		return e ? e : panic_take_or_note(p, line);
	if (panic_piece_trim(line).len == 0)
		return NULL;
	e = panic_take_line(p, line, &understood);
	p->started = understood;
	p->start = line.p;
	if (!understood)
		p->t->lines_before++;
	return e;
}

static bool is_fault(const char *message)
{
	return message && (strstr(message, "type 14=") || strstr(message, "data abort") ||
				  strstr(message, "instruction fetch abort"));
}

/* Behind what is read of one panic: only whether there are more. */
static void look_further(struct panic_text *t, const char *text, size_t size, size_t from)
{
	static const char mark[] = "panic(cpu ";

	while (from < size) {
		const char *at = memmem(text + from, size - from, mark, strlen(mark));
		if (!at)
			return;
		from = (size_t)(at - text);
		if (panic_first_line((struct panic_piece){at, size - from})) {
			t->next = from;
			t->other_panics++;
			return;
		}
		from++;
	}
}

static struct pl_error *parse_plain(const char *text, size_t size, struct panic_text *t)
{
	struct panic_parser p = {.t = t};
	struct panic_lines lines;
	struct panic_line line;
	struct pl_error *e = NULL;

	pl_buf_init(&p.message, MESSAGE_MAX);
	panic_lines_init(&lines, text, size);
	while (!e && !p.over && panic_lines_next(&lines, &line)) {
		if (p.started && line.p - p.start > PANIC_TEXT_MAX) {
			look_further(t, text, size, (size_t)(line.p - text));
			break;
		}
		e = feed(&p, (struct panic_piece){line.p, line.len});
		if (p.over)
			t->next = (size_t)(line.p - text);
	}
	if (!e && p.in_message)
		e = finish_message(&p);
	panic_take_end(&p);
	if (!e && !t->process) {
		t->process = p.task;
		p.task = NULL;
	}
	free(p.task);
	pl_buf_deinit(&p.message);
	t->found = t->string || t->frame_count > 0 || t->kext_count > 0 || t->dependency_count > 0 ||
		   t->kernel_version;
	t->fault_address.known = t->fault_address.known && is_fault(t->string);
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
			e = panic_keep(&t->build, (struct panic_piece){open + 1, (size_t)(close - open - 1)});
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
	ret->report = inner != NULL;
	ret->next = inner ? 0 : ret->next;
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
	for (size_t i = 0; i < p->dependency_count; i++)
		panic_kext_deinit(&p->dependencies[i]);
	for (size_t i = 0; i < p->loaded_count; i++) {
		free(p->loaded[i].id);
		free(p->loaded[i].version);
	}
	for (size_t i = 0; i < p->not_understood_count; i++)
		free(p->not_understood[i]);
	free(p->frames);
	free(p->kexts);
	free(p->dependencies);
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
