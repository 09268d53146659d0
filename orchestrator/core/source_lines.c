#include "orchestrator/core/source_lines.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"
#include "base/text.h"

#define PATIENCE (60 * PL_SECOND) /* a kernel's DWARF is big: lldb takes many seconds for it */
#define OUTPUT_MAX ((size_t)4 << 20)
#define ARGS_FIXED 16
#define ARG_SIZE 64
#define NEWEST 30 /* of the versions of LLVM whose names are tried */
#define OLDEST 11

/* The different addresses of one file, and their answers. */
struct batch {
	const struct source_query *first; /* of the file's queries, by address */
	size_t queries;
	const char *file;
	const char *arch;
	uint64_t base;
	uint64_t *addresses;
	char **answers;
	size_t count;
};

struct tool_call {
	const char **argv;
	struct pl_buf input;
};

struct tool {
	const char *name;
	bool versions; /* Debian's has a version in its name: llvm-symbolizer-14 */
	/* argv[1] and on, with text for its arguments; what goes to standard input. */
	struct pl_error *(*make)(
		const struct batch *b, const char **argv, char (*text)[ARG_SIZE], struct pl_buf *input);
	void (*read)(struct batch *b, char *out);
};

/* Where the ":123" that text ends with begins; 0: it does not, or nothing is before it. */
static size_t trailing_number(const char *text, size_t len)
{
	size_t at = len;

	while (at > 0 && isdigit((unsigned char)text[at - 1]))
		at--;
	return at < len && at >= 2 && text[at - 1] == ':' ? at - 1 : 0;
}

/* "/path/file.c:12", without a column behind it; NULL for anything else, and for line 0. */
static char *answer(const char *text, size_t len)
{
	size_t colon = trailing_number(text, len), before = trailing_number(text, colon);

	if (before) {
		len = colon;
		colon = before;
	}
	return colon && !strchr("?:", text[0]) && strtoul(text + colon + 1, NULL, 10) > 0 ? strndup(text, len)
											  : NULL;
}

/* ---- llvm-symbolizer: addresses on standard input; a line for each, and an empty one ---- */

static struct pl_error *make_symbolizer(
	const struct batch *b, const char **argv, char (*text)[ARG_SIZE], struct pl_buf *input)
{
	struct pl_error *e = NULL;
	size_t n = 1;

	(void)text;
	argv[n++] = "--functions=none";
	argv[n++] = "--no-inlines";
	argv[n++] = "--default-arch";
	argv[n++] = b->arch;
	argv[n++] = "--obj";
	argv[n++] = b->file;
	argv[n] = NULL;
	for (size_t i = 0; i < b->count && !e; i++)
		e = pl_buf_printf(input, "0x%" PRIx64 "\n", b->addresses[i]);
	return e;
}

static void read_symbolizer(struct batch *b, char *out)
{
	char *rest = NULL;
	size_t i = 0;

	for (char *line = strtok_r(out, "\n", &rest); line && i < b->count;
		line = strtok_r(NULL, "\n", &rest))
		b->answers[i++] = answer(line, strlen(line));
}

/* ---- atos: "panic (in kernel) (kern.c:42)", a line for each ---- */

static struct pl_error *make_atos(
	const struct batch *b, const char **argv, char (*text)[ARG_SIZE], struct pl_buf *input)
{
	size_t n = 1;

	(void)input;
	argv[n++] = "-o";
	argv[n++] = b->file;
	argv[n++] = "-arch";
	argv[n++] = b->arch;
	argv[n++] = "-fullPath";
	argv[n++] = "-l";
	snprintf(text[0], ARG_SIZE, "0x%" PRIx64, b->base);
	argv[n++] = text[0];
	for (size_t i = 0; i < b->count; i++) {
		snprintf(text[i + 1], ARG_SIZE, "0x%" PRIx64, b->addresses[i]);
		argv[n++] = text[i + 1];
	}
	argv[n] = NULL;
	return NULL;
}

static void read_atos(struct batch *b, char *out)
{
	char *rest = NULL;
	size_t i = 0;

	for (char *line = strtok_r(out, "\n", &rest); line && i < b->count;
		line = strtok_r(NULL, "\n", &rest), i++) {
		const char *open = strrchr(line, '('), *close = open ? strchr(open, ')') : NULL;
		if (close)
			b->answers[i] = answer(open + 1, (size_t)(close - open - 1));
	}
}

/* ---- lldb: each command is repeated before its answer, which may be empty ---- */

#define LOOKUP "target modules lookup --verbose --address "

static struct pl_error *make_lldb(
	const struct batch *b, const char **argv, char (*text)[ARG_SIZE], struct pl_buf *input)
{
	size_t n = 1;

	(void)input;
	argv[n++] = "--no-lldbinit";
	argv[n++] = "--batch";
	argv[n++] = "--arch";
	argv[n++] = b->arch;
	argv[n++] = "--file";
	argv[n++] = b->file;
	for (size_t i = 0; i < b->count; i++) {
		snprintf(text[i], ARG_SIZE, LOOKUP "0x%" PRIx64, b->addresses[i]);
		argv[n++] = "--one-line";
		argv[n++] = text[i];
	}
	argv[n] = NULL;
	return NULL;
}

static void read_lldb(struct batch *b, char *out)
{
	char *rest = NULL;
	size_t next = 0;

	for (char *line = strtok_r(out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (pl_starts_with(line, "(lldb) " LOOKUP)) {
			next++;
			continue;
		}
		const char *entry = strstr(line, "LineEntry: ["), *path = entry ? strstr(entry, "): ") : NULL;
		if (path && next > 0 && next <= b->count && !b->answers[next - 1])
			b->answers[next - 1] = answer(path + 3, strlen(path + 3));
	}
}

static const struct tool tools[] = {
	{"llvm-symbolizer", true, make_symbolizer, read_symbolizer},
	{"atos", false, make_atos, read_atos},
	{"lldb", true, make_lldb, read_lldb},
};

/* ---- */

enum outcome { RAN, ABSENT, FAILED };

static enum outcome run(
	const char *name, struct tool_call *c, const struct pl_wait *w, struct pl_proc_result *r)
{
	struct pl_wait patience = pl_wait_at_most(w, PATIENCE);
	struct pl_proc_spec spec = {.argv = c->argv,
		.input = c->input.size ? c->input.data : NULL,
		.input_size = c->input.size,
		.output_max = OUTPUT_MAX};

	c->argv[0] = name;
	struct pl_error *failed = pl_proc_run(&spec, &patience, r);
	bool absent = failed && pl_error_kind(failed) == PL_ERR_LAB;
	bool ran = !failed && r->status == 0;
	pl_error_free(failed);
	return ran ? RAN : absent ? ABSENT : FAILED;
}

static bool run_some_version(
	const struct tool *t, struct tool_call *c, const struct pl_wait *w, struct pl_proc_result *r)
{
	char name[ARG_SIZE];
	enum outcome how = run(t->name, c, w, r);

	for (int v = NEWEST; t->versions && how == ABSENT && v >= OLDEST; v--) {
		pl_proc_result_deinit(r);
		snprintf(name, sizeof name, "%s-%d", t->name, v);
		how = run(name, c, w, r);
	}
	return how == RAN;
}

/* *ran false: the next tool is tried. */
static struct pl_error *ask(const struct tool *t, struct batch *b, const struct pl_wait *w, bool *ran)
{
	struct tool_call c = {.argv = calloc(ARGS_FIXED + 2 * b->count, sizeof *c.argv)};
	char(*text)[ARG_SIZE] = calloc(b->count + 1, ARG_SIZE);
	struct pl_proc_result r = {0};

	*ran = false;
	pl_buf_init(&c.input, OUTPUT_MAX);
	struct pl_error *e = c.argv && text ? t->make(b, c.argv, text, &c.input) : pl_error_nomem();
	if (!e) {
		*ran = run_some_version(t, &c, w, &r);
		e = pl_wait_check(w);
	}
	if (!e && *ran && r.out.size > 0)
		t->read(b, r.out.data);
	pl_proc_result_deinit(&r);
	pl_buf_deinit(&c.input);
	free(text);
	free(c.argv);
	return e;
}

static int by_file(const void *a, const void *b)
{
	const struct source_query *x = a, *y = b;
	int files = strcmp(x->file, y->file);
	return files ? files : (x->address > y->address) - (x->address < y->address);
}

/* The first batch of queries, sorted by file and address. */
static struct pl_error *batch_init(const struct source_query *q, size_t left, struct batch *b)
{
	*b = (struct batch){.first = q, .file = q->file, .arch = q->arch, .base = q->base};
	while (b->queries < left && strcmp(q[b->queries].file, q->file) == 0)
		b->queries++;
	b->addresses = calloc(b->queries, sizeof *b->addresses);
	b->answers = calloc(b->queries, sizeof *b->answers);
	if (!b->addresses || !b->answers)
		return pl_error_nomem();
	for (size_t i = 0; i < b->queries && b->count < SOURCE_LINES_MAX; i++)
		if (i == 0 || q[i].address != q[i - 1].address)
			b->addresses[b->count++] = q[i].address;
	return NULL;
}

static struct pl_error *hand_out(const struct batch *b)
{
	struct pl_error *e = NULL;

	for (size_t i = 0, n = 0; !e && i < b->queries && n < b->count; i++) {
		if (b->first[i].address != b->addresses[n] && ++n == b->count)
			break;
		e = b->answers[n] ? pl_strdup(b->answers[n], b->first[i].answer) : NULL;
	}
	return e;
}

static void batch_deinit(struct batch *b)
{
	for (size_t i = 0; b->answers && i < b->count; i++)
		free(b->answers[i]);
	free(b->addresses);
	free(b->answers);
}

/* *next is the first of the tools that may still work; one that failed is not tried again. */
static struct pl_error *answer_batch(
	struct batch *b, const struct pl_wait *w, size_t *next, const char **tool)
{
	struct pl_error *e = NULL;
	bool ran = false;

	while (!e && !ran && *next < sizeof tools / sizeof *tools) {
		e = ask(&tools[*next], b, w, &ran);
		if (ran)
			*tool = tools[*next].name;
		else
			(*next)++;
	}
	return e ? e : hand_out(b);
}

struct pl_error *source_lines(struct source_query *queries, size_t count, const struct pl_wait *w,
	const char **tool, const char **why)
{
	struct pl_error *e = NULL;
	struct batch b;
	size_t next = 0;

	*tool = *why = NULL;
	if (count > 1)
		qsort(queries, count, sizeof *queries, by_file);
	for (size_t at = 0; !e && at < count; at += b.queries) {
		e = batch_init(queries + at, count - at, &b);
		if (!e)
			e = answer_batch(&b, w, &next, tool);
		batch_deinit(&b);
	}
	if (!e && count > 0 && !*tool)
		*why = "none of llvm-symbolizer, atos and lldb could be run";
	return e;
}
