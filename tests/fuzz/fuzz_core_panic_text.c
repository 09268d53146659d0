/*
 * Any bytes as a panic text. It is read without an error, within its limits; what
 * it gives stands in the input, addresses too; its JSON reads back as the same,
 * and is the same with CRLF, and quoted in a mail. It has the same signature
 * twice: one printable line.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/signature.h"

#define CHANGED_MAX (256 * 1024) /* bytes of the input in another dress: far from PANIC_TEXT_MAX */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void check_limits(const struct panic_text *p)
{
	need(p->frame_count <= PANIC_FRAMES_MAX && p->kext_count <= PANIC_KEXTS_MAX);
	need(p->loaded_count <= PANIC_KEXTS_MAX && p->dependency_count <= PANIC_KEXTS_MAX);
	for (size_t i = 0; i < p->kext_count; i++)
		need(p->kexts[i].dependency_count <= PANIC_KEXTS_MAX);
	need(p->not_understood_count <= PANIC_LINES_MAX && p->not_understood_count <= p->lines_unknown);
	need(p->found || (!p->string && p->frame_count == 0));
	need(p->cpu >= -1);
	need(p->kernel_uuid[0] == '\0' || strlen(p->kernel_uuid) == 36);
}

/* ---- what it gives is in the input ---- */

/* The input with tabs as spaces (as the reader keeps them) and in lower case (as numbers are made). */
struct haystack {
	char *text;
	char *lower;
	size_t size;
};

static void has(const struct haystack *h, const char *word)
{
	size_t n = word ? strlen(word) : 0;
	char *flat = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		flat[i] = word[i];
	for (size_t i = 0; i < n; i++)
		if (flat[i] == '\t')
			flat[i] = ' ';
	need(n == 0 || memmem(h->text, h->size, flat, n) != NULL);
	free(flat);
}

static void has_number(const struct haystack *h, const struct panic_address *a, bool decimal)
{
	char text[32];

	if (!a->known)
		return;
	if (decimal)
		snprintf(text, sizeof text, "%" PRIu64, a->value);
	else
		snprintf(text, sizeof text, "%" PRIx64, a->value);
	need(memmem(h->lower, h->size, text, strlen(text)) != NULL);
}

/* Line by line, for prefixes between them were taken off. */
static void has_lines(const struct haystack *h, const char *text)
{
	char *copy = text ? strdup(text) : NULL, *at = copy;

	for (char *part; copy && (part = strsep(&at, "\n"));)
		has(h, part);
	free(copy);
}

static void has_kext(const struct haystack *h, const struct panic_kext *k)
{
	has(h, k->id);
	has(h, k->version);
	has_number(h, &k->start, false);
	has_number(h, &k->end, false);
	for (size_t i = 0; i < k->dependency_count; i++)
		has_kext(h, &k->dependencies[i]);
}

static void check_origin(const struct panic_text *p, const char *data, size_t size)
{
	struct haystack h = {malloc(size + 1), malloc(size + 1), size};

	for (size_t i = 0; i < size; i++) {
		h.text[i] = data[i] == '\t' ? ' ' : data[i];
		h.lower[i] = (char)tolower((unsigned char)data[i]);
	}
	has_lines(&h, p->string);
	if (!memmem(data, size, ", line: ", strlen(", line: "))) /* an assertion's is put together */
		has(&h, p->source);
	has(&h, p->process);
	has(&h, p->boot_args);
	has(&h, p->build);
	has(&h, p->model);
	has_number(&h, &p->caller, false);
	has_number(&h, &p->fault_address, false);
	has_number(&h, &p->kernel_slide, false);
	has_number(&h, &p->uptime_ns, true);
	for (size_t i = 0; i < p->frame_count; i++) {
		const struct panic_frame *f = &p->frames[i];
		has(&h, f->image);
		has(&h, f->symbol);
		has_number(&h, &(struct panic_address){true, f->address}, false);
		has_number(&h, &(struct panic_address){true, f->frame}, false);
		has_number(&h, &f->offset, !f->symbol);
	}
	for (size_t i = 0; i < p->kext_count; i++)
		has_kext(&h, &p->kexts[i]);
	for (size_t i = 0; i < p->dependency_count; i++)
		has_kext(&h, &p->dependencies[i]);
	for (size_t i = 0; i < p->loaded_count; i++)
		has(&h, p->loaded[i].version);
	for (size_t i = 0; i < p->not_understood_count; i++)
		has(&h, p->not_understood[i]);
	free(h.text);
	free(h.lower);
}

/* ---- it is the same in another dress ---- */

static json_t *json_of(const struct panic_text *p)
{
	json_t *o;

	need(panic_text_json(p, NULL, &o) == NULL);
	char *text = json_dumps(o, 0);
	need(text != NULL);
	json_t *back = json_loads(text, 0, NULL);
	need(back != NULL && json_equal(o, back));
	json_decref(back);
	free(text);
	return o;
}

static void check_dressed(
	const json_t *want, const char *data, size_t size, const char *before, const char *end)
{
	struct pl_buf b;
	struct panic_text p;

	pl_buf_init(&b, CHANGED_MAX);
	for (size_t at = 0; at < size;) {
		const char *nl = memchr(data + at, '\n', size - at);
		size_t length = nl ? (size_t)(nl - data) - at : size - at;
		bool fits = pl_buf_append_capped(&b, before, strlen(before)) &&
			    pl_buf_append_capped(&b, data + at, length) &&
			    (!nl || pl_buf_append_capped(&b, end, strlen(end)));
		if (!fits)
			break;
		at += length + (nl != NULL);
		if (at < size)
			continue;
		need(panic_text_parse(pl_buf_text(&b), b.size, &p) == NULL);
		json_t *o = json_of(&p);
		if (!json_equal(want, o)) {
			char *x = json_dumps(want, JSON_INDENT(1)), *y = json_dumps(o, JSON_INDENT(1));
			fprintf(stderr, "%s\n%s\n", x, y);
			abort();
		}
		json_decref(o);
		panic_text_deinit(&p);
	}
	pl_buf_deinit(&b);
}

/* Or looks like it: compacted kext names begin with > too. */
static bool quoted_already(const char *data, size_t size)
{
	bool start = true;

	for (size_t i = 0; i < size; i++) {
		if (start && data[i] == '>')
			return true;
		start = data[i] == '\n' || (start && data[i] == ' ');
	}
	return false;
}

static void check_signature(const struct panic_text *p)
{
	struct signature s, again;

	need(signature_make(p, NULL, &s) == NULL && signature_make(p, NULL, &again) == NULL);
	need(!s.title == !s.id[0] && strcmp(s.id, again.id) == 0);
	for (const char *c = s.title; c && *c; c++)
		need(*c >= ' ' && *c <= '~');
	signature_deinit(&s);
	signature_deinit(&again);
}

/* Where another report begins, there is one. */
static void check_next(const struct panic_text *p, const char *text, size_t size)
{
	if (p->next == 0)
		return;
	need(!p->report && p->next < size && p->other_panics > 0);
	need(memmem(text + p->next, size - p->next, "panic(cpu ", strlen("panic(cpu ")) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct panic_text p;
	char *exact = malloc(size + 1); /* so that reading past the end is seen */

	if (size > 0)
		memcpy(exact, data, size);
	char *text = realloc(exact, size ? size : 1);
	need(panic_text_parse(text, size, &p) == NULL);
	check_limits(&p);
	check_next(&p, text, size);
	need(!p.string || strlen(p.string) <= size * 3);
	check_signature(&p);
	json_t *o = json_of(&p);
	if (!p.report) {
		check_origin(&p, text, size);
		check_dressed(o, text, size, "", "\r\n");
		if (p.caller.known && !quoted_already(text, size))
			check_dressed(o, text, size, "> ", "\n");
	}
	json_decref(o);
	panic_text_deinit(&p);
	free(text);
	return 0;
}
