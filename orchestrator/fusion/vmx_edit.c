#include "orchestrator/fusion/vmx_edit.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "orchestrator/fusion/vmx_line.h"

/* What DictLL_MarshalLine() of open-vm-tools escapes. */
static bool needs_escape(unsigned char c)
{
	return c == '"' || c == '|' || c == 0x7f || (c < 0x20 && c != '\t');
}

static struct pl_error *append_value(struct pl_buf *out, const char *value)
{
	struct pl_error *e = pl_buf_puts(out, "\"");

	for (; !e && *value; value++)
		e = needs_escape((unsigned char)*value) ? pl_buf_printf(out, "|%02X", (unsigned)*value)
							: pl_buf_append(out, value, 1);
	return e ? e : pl_buf_puts(out, "\"");
}

/* ---- finding ------------------------------------------------------------------------ */

struct found {
	struct vmx_line line; /* in the text */
	bool there;
	struct vmx_span end; /* how this file ends its lines */
	bool open;           /* its last line has no end */
	bool utf8;
};

static bool is_utf8(const struct vmx_line *line)
{
	return (line->value.size == 5 && !strncasecmp(line->value.start, "UTF-8", 5)) ||
	       (line->value.size == 4 && !strncasecmp(line->value.start, "UTF8", 4));
}

static struct pl_error *twice(const char *key, size_t first, size_t second)
{
	char safe[128];

	return pl_error_hint(pl_error_new(PL_ERR_DATA, "the .vmx has %s in line %zu and in line %zu",
				     pl_escape_str(key, safe, sizeof safe), first, second),
		"remove one: Fusion does not open a VM with both");
}

static struct pl_error *is_encrypted(void)
{
	return pl_error_hint(pl_error_new(PL_ERR_LAB, "the VM is encrypted: its .vmx cannot be changed here"),
		"change it in Fusion's settings");
}

static struct pl_error *find(const struct pl_buf *text, const char *key, struct found *ret)
{
	const char *bytes = pl_buf_text(text);
	size_t pos = vmx_first_line(bytes, text->size), number = 0, seen = 0;
	struct vmx_line line;

	memset(ret, 0, sizeof *ret);
	ret->utf8 = pos > 0;
	ret->end = (struct vmx_span){"\n", 1};
	while (vmx_next_line(bytes, text->size, &pos, &line)) {
		if (++number == 1 && line.end.size)
			ret->end = line.end;
		ret->open = !line.end.size;
		if (vmx_line_has_key(&line, ".encoding"))
			ret->utf8 = is_utf8(&line);
		if (vmx_line_has_key(&line, "encryption.data"))
			return is_encrypted();
		if (!vmx_line_has_key(&line, key))
			continue;
		if (ret->there)
			return twice(key, seen, number);
		ret->line = line;
		ret->there = true;
		seen = number;
	}
	return NULL;
}

/* ---- putting a text together ---------------------------------------------------------- */

static struct pl_error *append(struct pl_buf *out, struct vmx_span s)
{
	return s.size ? pl_buf_append(out, s.start, s.size) : NULL;
}

/* The text becomes head, middle, tail, which may be parts of it. */
static struct pl_error *rebuild(
	struct pl_buf *text, struct vmx_span head, struct vmx_span middle, struct vmx_span tail)
{
	struct pl_buf out;
	struct pl_error *e;

	pl_buf_init(&out, text->max);
	e = append(&out, head);
	if (!e)
		e = append(&out, middle);
	if (!e)
		e = append(&out, tail);
	if (e) {
		pl_buf_deinit(&out);
		return e;
	}
	pl_buf_deinit(text);
	*text = out;
	return NULL;
}

static struct vmx_span before(const struct pl_buf *text, const char *p)
{
	const char *bytes = pl_buf_text(text);

	return (struct vmx_span){bytes, (size_t)(p - bytes)};
}

static struct vmx_span from(const struct pl_buf *text, const char *p)
{
	return (struct vmx_span){p, text->size - (size_t)(p - pl_buf_text(text))};
}

/* Without the line end that the line has. */
static struct vmx_span bare(const char *line, size_t size)
{
	while (size && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	return (struct vmx_span){line, size};
}

/* A line at the end, ended as the one before it is: so cut() leaves what was there. */
static struct pl_error *add_line(struct pl_buf *text, const struct found *f, struct vmx_span line)
{
	struct vmx_span nothing = {"", 0};
	struct pl_buf tail;
	struct pl_error *e;

	pl_buf_init(&tail, text->max);
	e = append(&tail, f->open ? f->end : nothing);
	if (!e)
		e = append(&tail, line);
	if (!e)
		e = append(&tail, f->open ? nothing : f->end);
	if (!e)
		e = rebuild(text, before(text, pl_buf_text(text) + text->size), nothing,
			(struct vmx_span){pl_buf_text(&tail), tail.size});
	pl_buf_deinit(&tail);
	return e;
}

static bool ends_with(struct vmx_span s, struct vmx_span end)
{
	return s.size >= end.size && !memcmp(s.start + s.size - end.size, end.start, end.size);
}

/* Takes the line out; a last one without a line end takes the end before it along. */
static struct pl_error *cut(struct pl_buf *text, const struct found *f)
{
	struct vmx_span head = before(text, f->line.whole.start);
	struct vmx_span tail = from(text, f->line.whole.start + f->line.whole.size);

	if (!f->line.end.size && ends_with(head, f->end))
		head.size -= f->end.size;
	return rebuild(text, head, (struct vmx_span){"", 0}, tail);
}

/* ---- the edits ------------------------------------------------------------------------- */

static struct pl_error *check_key(const char *key)
{
	char safe[128];

	if (*key && *key != '#' && !strpbrk(key, " \t\r\n=\"#|"))
		return NULL;
	return pl_error_new(
		PL_ERR_USAGE, "'%s' cannot be a key of a .vmx", pl_escape_str(key, safe, sizeof safe));
}

static struct pl_error *check_encoding(const struct found *f, const char *key, const char *value)
{
	bool utf8 = f->utf8 && strcasecmp(key, ".encoding") != 0;

	for (const char *c = value; *c && !utf8; c++)
		if ((unsigned char)*c >= 0x80)
			return pl_error_hint(
				pl_error_new(PL_ERR_USAGE,
					"the value of %s is not ASCII and the .vmx is not UTF-8", key),
				"give a value in ASCII");
	return NULL;
}

static struct pl_error *set(
	struct pl_buf *text, const struct found *f, const char *key, struct vmx_span value)
{
	struct pl_buf line;
	struct pl_error *e;

	if (f->there)
		return rebuild(text, before(text, f->line.quoted.start), value,
			from(text, f->line.quoted.start + f->line.quoted.size));
	pl_buf_init(&line, text->max);
	e = pl_buf_printf(&line, "%s = %.*s", key, (int)value.size, value.start);
	if (!e)
		e = add_line(text, f, (struct vmx_span){line.data, line.size});
	pl_buf_deinit(&line);
	return e;
}

struct pl_error *vmx_set(struct pl_buf *text, const char *key, const char *value)
{
	struct found f;
	struct pl_buf quoted;
	struct pl_error *e = check_key(key);

	if (!e)
		e = find(text, key, &f);
	if (!e)
		e = check_encoding(&f, key, value);
	if (e)
		return e;
	pl_buf_init(&quoted, text->max);
	e = append_value(&quoted, value);
	if (!e)
		e = set(text, &f, key, (struct vmx_span){quoted.data, quoted.size});
	pl_buf_deinit(&quoted);
	return e;
}

struct pl_error *vmx_remove(struct pl_buf *text, const char *key)
{
	struct found f;
	struct pl_error *e = find(text, key, &f);

	return e || !f.there ? e : cut(text, &f);
}

struct pl_error *vmx_save_line(const struct pl_buf *text, const char *key, struct pl_buf *line)
{
	struct found f;
	struct pl_error *e = find(text, key, &f);

	return e || !f.there ? e : append(line, f.line.whole);
}

/* True if these bytes are one line, and that key's. */
static bool is_line_of(const char *line, size_t size, const char *key)
{
	struct vmx_line parsed;
	size_t pos = 0;

	return vmx_next_line(line, size, &pos, &parsed) && pos == size && vmx_line_has_key(&parsed, key);
}

struct pl_error *vmx_restore_line(struct pl_buf *text, const char *key, const char *line, size_t size)
{
	struct found f;
	struct pl_error *e;

	if (!size)
		return vmx_remove(text, key);
	if (!is_line_of(line, size, key))
		return pl_error_new(PL_ERR_DATA, "what was saved of %s is not its line", key);
	e = find(text, key, &f);
	if (e)
		return e;
	if (!f.there)
		return add_line(text, &f, bare(line, size));
	if (line[size - 1] != '\n' || !f.line.end.size)
		return rebuild(text, before(text, f.line.whole.start), bare(line, size),
			from(text, f.line.end.start));
	return rebuild(text, before(text, f.line.whole.start), (struct vmx_span){line, size},
		from(text, f.line.whole.start + f.line.whole.size));
}
