#include "orchestrator/core/panic_source.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

#define PREFIX_MAX 64 /* of a time stamp before each line */

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p;
}

/* Behind a quote: straight, or the typographic ones (U+201C, U+201D) of forums; else NULL. */
static const char *skip_quote(const char *p, const char *end)
{
	if (p < end && *p == '"')
		return p + 1;
	bool curly = end - p >= 3 && memcmp(p, "\xe2\x80", 2) == 0 && (p[2] == '\x9c' || p[2] == '\x9d');
	return curly ? p + 3 : NULL;
}

/* A quote right before p, which no backslash makes part of another value? */
static bool quote_before(const char *text, const char *p)
{
	if (p > text && p[-1] == '"')
		return p - 1 == text || p[-2] != '\\';
	return p - text >= 3 && skip_quote(p - 3, p) == p;
}

/* Behind `"key" : "`, or NULL. */
static const char *value_of(const char *text, size_t size, const char *key)
{
	const char *end = text + size;
	const char *from = text;

	for (;;) {
		const char *p = memmem(from, (size_t)(end - from), key, strlen(key));
		if (!p)
			return NULL;
		from = p + strlen(key);
		const char *v = quote_before(text, p) ? skip_quote(from, end) : NULL;
		v = v ? skip_space(v, end) : NULL;
		if (!v || v == end || *v != ':')
			continue;
		v = skip_quote(skip_space(v + 1, end), end);
		if (v)
			return v;
	}
}

/* The quote that ends a value has , or } or nothing behind it; others were pasted without their backslash. */
static bool ends_value(const char *p, const char *end)
{
	const char *behind = skip_quote(p, end);
	if (!behind)
		return false;
	behind = skip_space(behind, end);
	return behind == end || *behind == ',' || *behind == '}';
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t v = 0;

	for (int i = 0; i < 4; i++) {
		int digit = p + i < end ? pl_hex_digit(p[i]) : -1;
		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

/* The code unit of "\uD83D" at p, which is behind its backslash; -1 for anything else. */
static int32_t code_unit(const char *p, const char *end)
{
	return p < end && *p == 'u' ? hex4(p + 1, end) : -1;
}

/* "uD83D\uDE00" is one character by two units (RFC 8259, 7); a half of it alone is none. */
static const char *unescape_unit(const char *p, const char *end, char **out)
{
	uint32_t c = (uint32_t)code_unit(p, end);
	const char *behind = p + 5;
	int32_t low = c >= 0xd800 && c < 0xdc00 && behind < end && *behind == '\\'
			      ? code_unit(behind + 1, end)
			      : -1;

	if (low >= 0xdc00 && low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
		behind += 6;
	}
	char bytes[4];
	size_t n = pl_utf8_encode(c, bytes);
	if (n == 0)
		n = pl_utf8_encode(PL_UTF8_REPLACEMENT, bytes);
	memcpy(*out, bytes, n);
	*out += n;
	return behind;
}

/* One escape behind its backslash; never writes more bytes than it reads. */
static const char *unescape(const char *p, const char *end, char **out)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *known = *p ? strchr(from, *p) : NULL;

	if (code_unit(p, end) > 0)
		return unescape_unit(p, end, out);
	*(*out)++ = known ? to[known - from] : *p;
	return p + 1;
}

/* From p to its closing quote, or to the end, without escapes. */
static struct pl_error *take_value(const char *p, const char *end, char **ret, size_t *ret_size)
{
	char *out = malloc((size_t)(end - p) + 1);

	if (!out)
		return pl_error_nomem();
	*ret = out;
	while (p < end && !ends_value(p, end)) {
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

/* A piece of a report's string, posted without its key: line ends as "\n", and no real ones. */
static const char *bare_string(const char *text, size_t size)
{
	static const char *const signs[] = {"\\nBacktrace (CPU ", "\\nMac OS version:", "\\nKernel version:"};

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
		const char *p = memmem(text, size, signs[i], strlen(signs[i]));
		if (!p)
			continue;
		while (p > text && p[-1] != '\n')
			p--;
		return p;
	}
	return NULL;
}

struct pl_error *panic_source_value(
	const char *text, size_t size, const char *key, char **ret, size_t *ret_size)
{
	const char *p = value_of(text, size, key);

	*ret = NULL;
	*ret_size = 0;
	return p ? take_value(p, text + size, ret, ret_size) : NULL;
}

struct pl_error *panic_source_json(const char *text, size_t size, char **ret, size_t *ret_size)
{
	const char *p = value_of(text, size, "macOSPanicString");

	*ret = NULL;
	*ret_size = 0;
	if (!p)
		p = value_of(text, size, "panicString");
	if (!p)
		p = bare_string(text, size);
	return p ? take_value(p, text + size, ret, ret_size) : NULL;
}

/* Where the first line begins that shows how the text is prefixed; *ret_len is the prefix's length. */
static const char *marked_line(const char *text, size_t size, size_t *ret_len)
{
	static const char *const marks[] = {
		"panic(cpu ", "Backtrace (CPU ", "Kernel version:", "Mac OS version:", "Boot args:"};

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		const char *p = memmem(text, size, marks[i], strlen(marks[i]));
		const char *mark = p;
		if (!p)
			continue;
		while (p > text && p[-1] != '\n')
			p--;
		*ret_len = (size_t)(mark - p);
		return p;
	}
	return NULL;
}

/* Steps over up to *levels of "> "; *levels becomes how many there were. Kext names begin with ">" too. */
static const char *behind_quotes(const char *p, const char *stop, size_t *levels)
{
	size_t n = 0;

	while (n < *levels) {
		const char *q = p;
		while (q < stop && *q == ' ')
			q++;
		if (q == stop || *q != '>')
			break;
		p = q + 1;
		n++;
	}
	*levels = n;
	return n > 0 && p < stop && *p == ' ' ? p + 1 : p;
}

/* As the panic's own line: digits where it has digits, the same elsewhere. */
static bool same_prefix(const struct panic_lines *l, const char *p, const char *stop)
{
	if ((size_t)(stop - p) < l->prefix_len)
		return false;
	for (size_t i = 0; i < l->prefix_len; i++) {
		bool digits = strchr(" 0123456789", l->prefix[i]) && strchr(" 0123456789", p[i]);
		if (l->prefix[i] != p[i] && (!digits || l->prefix[i] == '\0' || p[i] == '\0'))
			return false;
	}
	return true;
}

/* Without any, digits that another CPU wrote would make a prefix of each frame's "0". */
static bool has_punctuation(const char *p, size_t len)
{
	while (len > 0 && !ispunct((unsigned char)*p)) {
		p++;
		len--;
	}
	return len > 0;
}

void panic_lines_init(struct panic_lines *l, const char *text, size_t size)
{
	size_t len = 0;
	const char *p = marked_line(text, size, &len);

	*l = (struct panic_lines){.p = text, .end = text + size};
	if (!p)
		return;
	const char *mark = p + len;
	l->quotes = len;
	p = behind_quotes(p, mark, &l->quotes);
	len = (size_t)(mark - p);
	bool stamp = len > 0 && len <= PREFIX_MAX && !isspace((unsigned char)*p) && has_punctuation(p, len);
	if (stamp) {
		l->prefix = p;
		l->prefix_len = len;
	}
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
	size_t levels = l->quotes;
	p = behind_quotes(p, stop, &levels);
	if (same_prefix(l, p, stop))
		p += l->prefix_len;
	*ret = (struct panic_line){p, (size_t)(stop - p)};
	return true;
}
