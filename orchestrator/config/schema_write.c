/* Printing a struct by a table, as YAML or as JSON. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "orchestrator/config/schema.h"

struct writer {
	struct pl_buf *out;
	bool json;
	unsigned depth;
	bool first; /* nothing written yet in the innermost list or map */
	bool dash;  /* YAML: the next key follows its list's "- " */
	struct pl_error *error;
};

static void emit_bytes(struct writer *w, const char *text, size_t size)
{
	if (w->error == NULL)
		w->error = pl_buf_append(w->out, text, size);
}

static void emit(struct writer *w, const char *text)
{
	emit_bytes(w, text, strlen(text));
}

/* Words that some YAML reader takes for something else than a text. */
static bool is_reserved(const char *s)
{
	static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return false;
}

/* True if it can stand in YAML without quotes and is still the same text. */
static bool is_plain(const char *s)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-";
	unsigned char c = (unsigned char)s[0];

	return (isalpha(c) || c == '/' || c == '_') && s[strspn(s, safe)] == '\0' && !is_reserved(s);
}

/*
 * The code point at p when a quoted YAML text can't hold it as it is: line and
 * paragraph separators (YAML 1.1 folds them into blanks), C1 controls, the
 * byte order mark. 0 for what can stand; *length is that of its UTF-8.
 */
static unsigned must_escape(const unsigned char *p, size_t *length)
{
	*length = 1;
	if (p[0] < ' ' || p[0] == 0x7f)
		return p[0];
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
		*length = 2;
		return p[1];
	}
	if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
		*length = 3;
		return 0x2000U + (p[2] & 0x3fU);
	}
	if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) {
		*length = 3;
		return 0xfeff;
	}
	return 0;
}

/* The escapes that YAML and JSON have in common. */
static void put_quoted(struct writer *w, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	char escape[8];
	size_t length;

	emit(w, "\"");
	for (; *p != '\0'; p += length) {
		unsigned code = must_escape(p, &length);
		if (*p == '"' || *p == '\\')
			snprintf(escape, sizeof escape, "\\%c", *p);
		else if (code == '\n' || code == '\t')
			snprintf(escape, sizeof escape, "\\%c", code == '\n' ? 'n' : 't');
		else if (code != 0)
			snprintf(escape, sizeof escape, "\\u%04x", code);
		else {
			emit_bytes(w, (const char *)p, length);
			continue;
		}
		emit(w, escape);
	}
	emit(w, "\"");
}

static void put_text(struct writer *w, const char *s)
{
	if (!w->json && is_plain(s))
		emit(w, s);
	else
		put_quoted(w, s);
}

static void new_line(struct writer *w)
{
	if (w->out->size > 0)
		emit(w, "\n");
	for (unsigned i = 0; i < w->depth; i++)
		emit(w, "  ");
}

static void begin(struct writer *w, const char *bracket)
{
	if (w->json)
		emit(w, bracket);
	w->depth++;
	w->first = true;
}

static void end(struct writer *w, const char *bracket)
{
	w->depth--;
	w->dash = false;
	if (w->json) {
		if (!w->first)
			new_line(w);
		emit(w, bracket);
	}
	w->first = false;
}

static void next(struct writer *w)
{
	if (w->json && !w->first)
		emit(w, ",");
	if (!w->dash)
		new_line(w);
	w->first = false;
	w->dash = false;
}

static void put_key(struct writer *w, const char *key)
{
	next(w);
	put_text(w, key);
	emit(w, ":");
}

static void put_item(struct writer *w)
{
	next(w);
	if (!w->json)
		emit(w, "- ");
}

static void put_size(struct writer *w, uint64_t bytes)
{
	static const char units[] = {'G', 'M', 'K'};
	char text[32];

	for (unsigned i = 0; i < 3; i++) {
		unsigned shift = 30 - 10 * i;
		if (bytes == 0 || (bytes & ((UINT64_C(1) << shift) - 1)) != 0)
			continue;
		snprintf(text, sizeof text, w->json ? "\"%llu%c\"" : "%llu%c",
			(unsigned long long)(bytes >> shift), units[i]);
		emit(w, text);
		return;
	}
	snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
	emit(w, text);
}

static void put_time(struct writer *w, int64_t ns)
{
	char text[32];

	pl_format_time_exact(ns, text, sizeof text);
	if (w->json)
		put_quoted(w, text);
	else
		emit(w, text);
}

static void put_scalar(struct writer *w, const struct field *f, const char *from)
{
	char number[8];
	uint16_t port;
	uint64_t size;
	int64_t ns;
	int value;
	bool flag;
	char *text;

	switch (f->type) {
	case FIELD_PORT:
		memcpy(&port, from, sizeof port);
		snprintf(number, sizeof number, "%u", (unsigned)port);
		emit(w, number);
		break;
	case FIELD_SIZE:
		memcpy(&size, from, sizeof size);
		put_size(w, size);
		break;
	case FIELD_TIME:
		memcpy(&ns, from, sizeof ns);
		put_time(w, ns);
		break;
	case FIELD_BOOL:
		memcpy(&flag, from, sizeof flag);
		emit(w, flag ? "true" : "false");
		break;
	case FIELD_TRUE:
		emit(w, "true");
		break;
	case FIELD_WORD:
		memcpy(&value, from, sizeof value);
		put_text(w, schema_word(f->words, value));
		break;
	default:
		memcpy(&text, from, sizeof text);
		put_text(w, text);
		break;
	}
}

static void put_map(struct writer *w, const struct field *fields, const void *base);

static void put_words(struct writer *w, const struct field *f, const char *from)
{
	unsigned bits;

	memcpy(&bits, from, sizeof bits);
	if (bits == 0) {
		emit(w, "[]");
		return;
	}
	begin(w, "[");
	for (const struct word *word = f->words; word->name != NULL; word++) {
		if ((bits & (unsigned)word->value) == 0)
			continue;
		put_item(w);
		put_text(w, word->name);
	}
	end(w, "]");
}

static void put_array(struct writer *w, const struct field *f, const void *base)
{
	static const struct field path = {.type = FIELD_PATH};
	const char *array;
	char *name;
	size_t count;
	bool named = f->type == FIELD_NAMED;

	memcpy(&array, (const char *)base + f->offset, sizeof array);
	memcpy(&count, (const char *)base + f->count, sizeof count);
	begin(w, named ? "{" : "[");
	for (size_t i = 0; i < count; i++) {
		if (f->type == FIELD_PATHS) {
			put_item(w);
			put_scalar(w, &path, array + i * sizeof(char *));
			continue;
		}
		const char *record = array + i * f->size;
		if (named) {
			memcpy(&name, record + f->name_offset, sizeof name);
			put_key(w, name);
			if (w->json)
				emit(w, " ");
		} else {
			put_item(w);
			w->dash = !w->json;
		}
		put_map(w, f->sub, record);
	}
	end(w, named ? "}" : "]");
}

static bool is_nested(const struct field *f, const char *base)
{
	int value;

	if (f->type != FIELD_WORD)
		return f->type == FIELD_MAP;
	memcpy(&value, base + f->offset, sizeof value);
	return f->sub != NULL && value == f->value;
}

static bool is_auto_port(const struct field *f, const char *base)
{
	bool yes = false;

	if (f->type == FIELD_PORT && (f->flags & FIELD_AUTO) != 0)
		memcpy(&yes, base + f->tag, sizeof yes);
	return yes;
}

static void put_field(struct writer *w, const struct field *f, const char *base)
{
	unsigned bits = 0;

	put_key(w, f->name);
	if (is_nested(f, base)) {
		if (w->json)
			emit(w, " ");
		put_map(w, f->sub, f->type == FIELD_MAP ? base + f->offset : base);
		return;
	}
	if (f->type == FIELD_WORDS)
		memcpy(&bits, base + f->offset, sizeof bits);
	bool block = f->type == FIELD_PATHS || f->type == FIELD_MAPS || f->type == FIELD_NAMED || bits != 0;
	if (w->json || !block)
		emit(w, " ");
	if (f->type == FIELD_WORDS)
		put_words(w, f, base + f->offset);
	else if (block)
		put_array(w, f, base);
	else if (is_auto_port(f, base))
		put_text(w, "auto");
	else
		put_scalar(w, f, base + f->offset);
}

static void put_map(struct writer *w, const struct field *fields, const void *base)
{
	begin(w, "{");
	for (const struct field *f = fields; f->name != NULL; f++)
		if (schema_present(f, base))
			put_field(w, f, base);
	end(w, "}");
}

struct pl_error *schema_write(
	const struct field *fields, const void *base, enum schema_form form, struct pl_buf *out)
{
	struct writer w = {.out = out, .json = form == SCHEMA_JSON, .first = true};

	if (w.json) {
		put_map(&w, fields, base);
	} else {
		for (const struct field *f = fields; f->name != NULL; f++)
			if (schema_present(f, base))
				put_field(&w, f, base);
	}
	emit(&w, "\n");
	return w.error;
}
