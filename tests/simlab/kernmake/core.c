/*
 * A core from a description, one order a line, '#' starts a comment:
 *
 *   let NAME EXPR               EXPR: hex numbers and names, joined by + or -
 *   names FILE EXPR             each symbol of `llvm-nm FILE`'s output, at its address + EXPR
 *   load FILE EXPR [bare]       a Mach-O file's segments at their addresses + EXPR, header and
 *                               symbols slid; bare: without __LINKEDIT
 *   region ADDRESS SIZE         memory of made-up bytes, in whole pages
 *   u32|u64 ADDRESS EXPR        into memory that is there
 *   string ADDRESS TEXT         with a NUL
 *   file ADDRESS PATH [COPY]    the same of a file; {EXPR} in it becomes 0x and 16 digits,
 *                               {+EXPR} as few as it has; the result is written to COPY too
 *   uuid ADDRESS FILE           LC_UUID of a Mach-O file
 *   stack BASE PC RETURN...     a thread that is at PC, and 16 KiB of stack at BASE on
 *                               which walking from its rbp finds these return addresses
 *   ident TEXT                  LC_IDENT
 *
 * Segments are written in the order of the orders, threads likewise.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "tests/simlab/core_memory.h"
#include "tests/simlab/kernel_desc.h"
#include "tests/simlab/kernmake/kernmake.h"

#define PAGE UINT64_C(4096)
#define REGIONS 128
#define THREADS 64
#define NAMES 1024
#define STACK UINT64_C(0x4000)
#define IDENT 256

struct region {
	uint64_t address;
	uint64_t size;
	uint8_t *bytes;
};

struct thread {
	uint64_t pc, rbp;
};

struct name {
	char name[64];
	uint64_t value;
};

struct build {
	struct region regions[REGIONS];
	size_t region_count;
	struct thread threads[THREADS];
	size_t thread_count;
	struct name names[NAMES];
	size_t name_count;
	char ident[IDENT];
};

static struct pl_error *wrong(const char *what, const char *word)
{
	return pl_error_why(pl_error_new(PL_ERR_DATA, "%s", what), "%s", word ? word : "nothing");
}

/* ---- numbers ---- */

static struct pl_error *define(struct build *b, const char *name, uint64_t value)
{
	if (b->name_count == NAMES || strlen(name) >= sizeof b->names->name)
		return wrong("too many names, or too long a name", name);
	struct name *n = &b->names[b->name_count++];
	snprintf(n->name, sizeof n->name, "%s", name);
	n->value = value;
	return NULL;
}

/* The name defined last wins. */
static struct pl_error *term(const struct build *b, const char *word, uint64_t *ret)
{
	char *end;

	for (size_t i = b->name_count; i-- > 0;) {
		if (strcmp(b->names[i].name, word) == 0) {
			*ret = b->names[i].value;
			return NULL;
		}
	}
	*ret = strtoull(word, &end, 16);
	return *word && !*end ? NULL : wrong("neither a number nor a name", word);
}

static struct pl_error *number(const struct build *b, const char *text, uint64_t *ret)
{
	char word[64];
	bool minus = false;

	*ret = 0;
	if (!text)
		return wrong("a number is missing", text);
	for (;;) {
		size_t n = strcspn(text, "+-");
		uint64_t value;
		snprintf(word, sizeof word, "%.*s", (int)n, text);
		struct pl_error *e = term(b, word, &value);
		if (e)
			return e;
		*ret += minus ? 0 - value : value;
		if (!text[n])
			return NULL;
		minus = text[n] == '-';
		text += n + 1;
	}
}

/* ---- memory ---- */

static struct pl_error *add_region(struct build *b, uint64_t address, uint64_t size, uint8_t **ret)
{
	size = (size + PAGE - 1) / PAGE * PAGE;
	if (b->region_count == REGIONS || size == 0 || size > KERNMAKE_FILE_MAX)
		return pl_error_new(PL_ERR_DATA, "too many regions, or too big a one");
	uint8_t *bytes = malloc((size_t)size);
	if (!bytes)
		return pl_error_nomem();
	for (uint64_t i = 0; i < size; i += 8)
		core_le64(bytes + i, kernel_mix(address + i) & 0x00ff00ff00ff00ff);
	b->regions[b->region_count++] = (struct region){address, size, bytes};
	if (ret)
		*ret = bytes;
	return NULL;
}

static struct pl_error *put(struct build *b, uint64_t address, const void *bytes, size_t size)
{
	for (size_t i = 0; i < b->region_count; i++) {
		struct region *r = &b->regions[i];
		uint64_t into = address - r->address;
		if (address >= r->address && into < r->size && size <= r->size - into) {
			memcpy(r->bytes + into, bytes, size);
			return NULL;
		}
	}
	return pl_error_new(PL_ERR_DATA, "no memory at 0x%" PRIx64, address);
}

static struct pl_error *put64(struct build *b, uint64_t address, uint64_t value)
{
	uint8_t bytes[8];
	core_le64(bytes, value);
	return put(b, address, bytes, sizeof bytes);
}

/* ---- files ---- */

static struct pl_error *read_file(const char *path, struct pl_buf *ret)
{
	pl_buf_init(ret, KERNMAKE_FILE_MAX);
	return path ? pl_fs_read(path, ret) : wrong("a file is missing", path);
}

static struct pl_error *load_segment(struct build *b, const struct pl_buf *f, const char *p)
{
	uint64_t address = get64(p + 24), offset = get64(p + 40), size = get64(p + 48);
	uint8_t *bytes;

	if (offset > f->size || size > f->size - offset)
		return wrong("a segment reaches past the end of the file", p + 8);
	struct pl_error *e = add_region(b, address, get64(p + 32), &bytes);
	if (e)
		return e;
	memset(bytes, 0, (size_t)b->regions[b->region_count - 1].size);
	memcpy(bytes, f->data + offset, (size_t)size);
	return NULL;
}

static struct pl_error *load(struct build *b, const char *path, uint64_t delta, bool bare)
{
	struct pl_buf f;
	struct pl_error *e = read_file(path, &f);
	size_t at = 32;

	if (!e)
		e = shift(&f, delta);
	for (uint32_t left = e ? 0 : get32(f.data + 16); !e && left > 0; left--) {
		const char *p = f.data + at;
		bool wanted = get32(p) == 0x19 && !(bare && strcmp(p + 8, "__LINKEDIT") == 0);
		if (wanted && get64(p + 32) > 0)
			e = load_segment(b, &f, p);
		at += get32(p + 4);
	}
	pl_buf_deinit(&f);
	return pl_error_context(e, "loading %s", path ? path : "");
}

static struct pl_error *put_uuid(struct build *b, uint64_t address, const char *path)
{
	struct pl_buf f;
	struct pl_error *e = read_file(path, &f);
	size_t at = 32;

	if (!e)
		e = shift(&f, 0);
	for (uint32_t left = e ? 0 : get32(f.data + 16); !e && left > 0; left--) {
		if (get32(f.data + at) == 0x1b)
			e = put(b, address, f.data + at + 8, 16);
		at += get32(f.data + at + 4);
	}
	pl_buf_deinit(&f);
	return e;
}

/* One {EXPR}; *text is behind it after. */
static struct pl_error *expand_one(const struct build *b, const char **text, struct pl_buf *ret)
{
	char expr[256];
	uint64_t value;
	bool brief = (*text)[1] == '+';
	const char *start = *text + 1 + brief;
	size_t n = strcspn(start, "}");

	if (!start[n] || n >= sizeof expr)
		return wrong("no } in sight", *text);
	snprintf(expr, sizeof expr, "%.*s", (int)n, start);
	struct pl_error *e = number(b, expr, &value);
	*text = start + n + 1;
	return e ? e : pl_buf_printf(ret, brief ? "0x%" PRIx64 : "0x%016" PRIx64, value);
}

static struct pl_error *expand(const struct build *b, const char *text, struct pl_buf *ret)
{
	struct pl_error *e = NULL;

	while (*text && !e) {
		size_t n = strcspn(text, "{");
		e = pl_buf_append(ret, text, n);
		text += n;
		if (!e && *text)
			e = expand_one(b, &text, ret);
	}
	return e;
}

static struct pl_error *put_file(struct build *b, uint64_t address, const char *path, const char *copy)
{
	struct pl_buf f, text;
	struct pl_error *e = read_file(path, &f);

	pl_buf_init(&text, KERNMAKE_FILE_MAX);
	if (!e)
		e = expand(b, pl_buf_text(&f), &text);
	if (!e)
		e = put(b, address, pl_buf_text(&text), text.size + 1);
	if (!e && copy)
		e = pl_fs_write(copy, pl_buf_text(&text), text.size, 0644);
	pl_buf_deinit(&f);
	pl_buf_deinit(&text);
	return e;
}

/* "ffffff8000200710 T _panic" */
static struct pl_error *take_names(struct build *b, const char *path, uint64_t delta)
{
	struct pl_buf f;
	char *rest, name[256], type[8];
	uint64_t value;
	struct pl_error *e = read_file(path, &f);

	char *line = e || f.size == 0 ? NULL : strtok_r(f.data, "\n", &rest);
	for (; line && !e; line = strtok_r(NULL, "\n", &rest))
		if (sscanf(line, "%" SCNx64 " %7s %255s", &value, type, name) == 3)
			e = define(b, name, value + delta);
	pl_buf_deinit(&f);
	return e;
}

/* ---- orders ---- */

/* The outermost frame's saved rbp is 0: a kernel thread begins so. */
static struct pl_error *put_stack(struct build *b, uint64_t base, char **words)
{
	uint64_t pc = 0, back = 0, frame = base + 0x3000;
	struct pl_error *e = add_region(b, base, STACK, NULL);

	if (!e && b->thread_count == THREADS)
		e = pl_error_new(PL_ERR_DATA, "too many threads");
	if (!e)
		e = number(b, words[2], &pc);
	if (e)
		return e;
	b->threads[b->thread_count++] = (struct thread){pc, words[3] ? frame : 0};
	for (size_t i = 3; !e && words[i]; i++, frame += 0x40) {
		e = number(b, words[i], &back);
		if (!e)
			e = put64(b, frame, words[i + 1] ? frame + 0x40 : 0);
		if (!e)
			e = put64(b, frame + 8, back);
	}
	return e;
}

static struct pl_error *put_int(struct build *b, uint64_t address, const char *text, size_t size)
{
	uint64_t value;
	uint8_t bytes[8];
	struct pl_error *e = number(b, text, &value);

	core_le64(bytes, e ? 0 : value);
	return e ? e : put(b, address, bytes, size);
}

static struct pl_error *at_address(struct build *b, char **words, const char *rest)
{
	uint64_t address, size;
	struct pl_error *e = number(b, words[1], &address);

	if (e)
		return e;
	if (strcmp(words[0], "u32") == 0)
		return put_int(b, address, words[2], 4);
	if (strcmp(words[0], "u64") == 0)
		return put_int(b, address, words[2], 8);
	if (strcmp(words[0], "string") == 0)
		return put(b, address, rest, strlen(rest) + 1);
	if (strcmp(words[0], "file") == 0)
		return put_file(b, address, words[2], words[3]);
	if (strcmp(words[0], "uuid") == 0)
		return put_uuid(b, address, words[2]);
	if (strcmp(words[0], "stack") == 0)
		return put_stack(b, address, words);
	if (strcmp(words[0], "region") != 0)
		return wrong("unknown order", words[0]);
	e = number(b, words[2], &size);
	return e ? e : add_region(b, address, size, NULL);
}

static struct pl_error *order(struct build *b, char **words, const char *rest_1, const char *rest_2)
{
	uint64_t value;

	if (strcmp(words[0], "ident") == 0) {
		snprintf(b->ident, sizeof b->ident, "%s", rest_1);
		return NULL;
	}
	bool with_file = strcmp(words[0], "load") == 0 || strcmp(words[0], "names") == 0;
	if (!with_file && strcmp(words[0], "let") != 0)
		return at_address(b, words, rest_2);
	struct pl_error *e = number(b, words[2], &value);
	if (e)
		return e;
	if (strcmp(words[0], "let") == 0)
		return define(b, words[1], value);
	if (strcmp(words[0], "names") == 0)
		return take_names(b, words[1], value);
	return load(b, words[1], value, words[3] && strcmp(words[3], "bare") == 0);
}

/* What follows so many words of the line. */
static const char *rest_of(const char *line, int words)
{
	for (; words > 0; words--) {
		line += strspn(line, " \t");
		line += strcspn(line, " \t");
	}
	return line + strspn(line, " \t");
}

static struct pl_error *take_line(struct build *b, const char *line)
{
	char copy[4096], *words[128] = {NULL}, *rest = NULL;
	size_t n = 0;

	if (strlen(line) >= sizeof copy)
		return pl_error_new(PL_ERR_DATA, "too long");
	snprintf(copy, sizeof copy, "%s", line);
	for (char *w = strtok_r(copy, " \t", &rest); w && n < 127; w = strtok_r(NULL, " \t", &rest))
		words[n++] = w;
	if (n == 0 || words[0][0] == '#')
		return NULL;
	return order(b, words, rest_of(line, 1), rest_of(line, 2));
}

/* ---- writing ---- */

static struct pl_error *append(struct pl_buf *out, size_t words, const uint64_t *values)
{
	struct pl_error *e = NULL;
	uint8_t bytes[8];

	for (size_t i = 0; i < words && !e; i++) {
		core_le64(bytes, values[i]);
		e = pl_buf_append(out, bytes, sizeof bytes);
	}
	return e;
}

static struct pl_error *write_thread(struct pl_buf *out, const struct thread *t)
{
	uint64_t words[23] = {4 | UINT64_C(184) << 32, 4 | UINT64_C(42) << 32};

	words[2 + 6] = t->rbp;
	words[2 + 7] = t->rbp ? t->rbp - 0x30 : 0;
	words[2 + 16] = t->pc;
	words[2 + 17] = 0x246; /* rflags */
	words[2 + 18] = 8;     /* cs */
	return append(out, 23, words);
}

static struct pl_error *write_commands(const struct build *b, struct pl_buf *out, uint64_t data)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; i < b->region_count && !e; i++) {
		const struct region *r = &b->regions[i];
		/* no name; r-- */
		uint64_t words[9] = {0x19 | UINT64_C(72) << 32, 0, 0, r->address, r->size, data, r->size,
			UINT64_C(0x100000001), 0};
		e = append(out, 9, words);
		data += r->size;
	}
	for (size_t i = 0; i < b->thread_count && !e; i++)
		e = write_thread(out, &b->threads[i]);
	uint64_t ident = 8 | (uint64_t)(8 + IDENT) << 32;
	if (!e && b->ident[0])
		e = append(out, 1, &ident);
	if (!e && b->ident[0])
		e = pl_buf_append(out, b->ident, IDENT);
	return e;
}

static struct pl_error *write_core(const struct build *b, struct pl_buf *out)
{
	static const uint8_t zeroes[4096];
	size_t size = 72 * b->region_count + 184 * b->thread_count + (b->ident[0] ? 8 + IDENT : 0);
	uint64_t count = b->region_count + b->thread_count + (b->ident[0] != '\0');
	uint64_t data = (32 + size + PAGE - 1) / PAGE * PAGE;
	/* CPU_TYPE_X86_64, subtype 3, MH_CORE */
	uint64_t header[4] = {0x01000007feedfacf, 3 | UINT64_C(4) << 32, count | (uint64_t)size << 32, 0};

	struct pl_error *e = append(out, 4, header);
	if (!e)
		e = write_commands(b, out, data);
	if (!e)
		e = pl_buf_append(out, zeroes, (size_t)(data - out->size));
	for (size_t i = 0; i < b->region_count && !e; i++)
		e = pl_buf_append(out, b->regions[i].bytes, (size_t)b->regions[i].size);
	return e;
}

struct pl_error *core_from_text(const char *text, struct pl_buf *core)
{
	struct build *b = calloc(1, sizeof *b);
	char *copy = strdup(text), *rest = NULL;
	struct pl_error *e = b && copy ? NULL : pl_error_nomem();

	for (char *line = e ? NULL : strtok_r(copy, "\n", &rest); line && !e;
		line = strtok_r(NULL, "\n", &rest))
		e = pl_error_at(take_line(b, line), "%s", line);
	if (!e)
		e = write_core(b, core);
	for (size_t i = 0; b && i < b->region_count; i++)
		free(b->regions[i].bytes);
	free(copy);
	free(b);
	return e;
}
