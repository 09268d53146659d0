#include "orchestrator/core/panic_source.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Behind `"key" : "`, or NULL. */
static const char *value_of(const char *text, size_t size, const char *key)
{
	const char *end = text + size;
	size_t len = strlen(key);

	while (text < end) {
		const char *p = memmem(text, (size_t)(end - text), key, len);
		if (!p)
			return NULL;
		text = p + len;
		const char *v = text;
		while (v < end && isspace((unsigned char)*v))
			v++;
		if (v == end || *v++ != ':')
			continue;
		while (v < end && isspace((unsigned char)*v))
			v++;
		if (v < end && *v == '"')
			return v + 1;
	}
	return NULL;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];
		if (!isxdigit(c))
			return -1;
		v = v * 16 + (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	return v;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* One escape behind its backslash; never writes more bytes than it reads. */
static const char *unescape(const char *p, const char *end, char **out)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *known = *p ? strchr(from, *p) : NULL;

	if (*p == 'u' && hex4(p + 1, end) > 0) {
		*out = put_utf8(*out, (uint32_t)hex4(p + 1, end));
		return p + 5;
	}
	*(*out)++ = known ? to[known - from] : *p;
	return p + 1;
}

struct pl_error *panic_source_json(const char *text, size_t size, char **ret, size_t *ret_size)
{
	const char *end = text + size;
	const char *p = value_of(text, size, "\"macOSPanicString\"");

	*ret = NULL;
	*ret_size = 0;
	if (!p)
		p = value_of(text, size, "\"panicString\"");
	if (!p)
		return NULL;
	char *out = malloc((size_t)(end - p) + 1);
	if (!out)
		return pl_error_nomem();
	*ret = out;
	while (p < end && *p != '"') {
		if (*p != '\\')
			*out++ = *p++;
		else if (p + 1 < end)
			p = unescape(p + 1, end, &out);
		else
			break; /* cut within an escape */
	}
	*out = '\0';
	*ret_size = (size_t)(out - *ret);
	return NULL;
}

/* Quoted as in a mail if the panic's own line is. */
static bool is_quoted(const char *text, size_t size)
{
	const char *p = memmem(text, size, "panic(cpu ", strlen("panic(cpu "));
	if (!p)
		return false;
	while (p > text && p[-1] != '\n')
		p--;
	return *p == '>';
}

void panic_lines_init(struct panic_lines *l, const char *text, size_t size)
{
	*l = (struct panic_lines){text, text + size, is_quoted(text, size)};
}

bool panic_lines_next(struct panic_lines *l, struct panic_line *ret)
{
	if (l->p >= l->end)
		return false;
	const char *nl = memchr(l->p, '\n', (size_t)(l->end - l->p));
	const char *stop = nl ? nl : l->end;
	const char *p = l->p;
	l->p = nl ? nl + 1 : l->end;
	while (stop > p && stop[-1] == '\r')
		stop--;
	while (l->quoted && p < stop && *p == '>')
		p += p + 1 < stop && p[1] == ' ' ? 2 : 1;
	*ret = (struct panic_line){p, (size_t)(stop - p)};
	return true;
}
