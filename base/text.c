#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "base/wait.h"

struct pl_error *pl_strdup(const char *s, char **ret)
{
	*ret = NULL;
	if (s == NULL)
		return NULL;
	*ret = strdup(s);
	return *ret == NULL ? pl_error_nomem() : NULL;
}

struct pl_error *pl_asprintf(char **ret, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int length = vasprintf(ret, fmt, args);
	va_end(args);
	if (length >= 0)
		return NULL;
	*ret = NULL;
	return pl_error_nomem();
}

/*
 * The length of the printable UTF-8 character at p, or 0. C1 controls, the
 * bidirectional overrides and surrogates count as not printable: they can
 * change what a terminal shows.
 */
static size_t printable(const unsigned char *p, size_t left)
{
	uint32_t c;
	size_t n = pl_utf8_decode(p, left, &c);
	bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
	bool direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
	return control || direction || c == 0x2028 || c == 0x2029 ? 0 : n;
}

/* The escaped form of the character at p: *size bytes in out, from *step bytes. */
static void escape_one(
	const unsigned char *p, size_t left, bool backslashes, char out[static 8], size_t *size, size_t *step)
{
	size_t n = p[0] == '\\' && backslashes ? 0 : printable(p, left);
	*step = n == 0 ? 1 : n;
	*size = n;
	if (n > 0)
		memcpy(out, p, n);
	else if (p[0] == '\\' || p[0] == '\n' || p[0] == '\t')
		*size = (size_t)snprintf(out, 8, "\\%c", p[0] == '\\' ? '\\' : p[0] == '\n' ? 'n' : 't');
	else
		*size = (size_t)snprintf(out, 8, "\\x%02x", p[0]);
}

static bool fits(const unsigned char *p, size_t len, bool backslashes, size_t room)
{
	char piece[8];
	size_t n, step;
	for (size_t i = 0; i < len; i += step) {
		escape_one(p + i, len - i, backslashes, piece, &n, &step);
		if (n > room)
			return false;
		room -= n;
	}
	return true;
}

static const char *escape(const unsigned char *p, size_t len, bool backslashes, char *out, size_t size)
{
	size_t used = 0, n, step;
	if (size == 0)
		return out;
	/* What does not fit as a whole leaves room for three dots. */
	bool whole = fits(p, len, backslashes, size - 1);
	size_t room = whole ? size - 1 : size < 4 ? 0 : size - 4;
	for (size_t i = 0; i < len; i += step) {
		char piece[8];
		escape_one(p + i, len - i, backslashes, piece, &n, &step);
		if (used + n > room)
			break;
		memcpy(out + used, piece, n);
		used += n;
	}
	for (int dots = 0; !whole && dots < 3 && used + 1 < size; dots++)
		out[used++] = '.';
	out[used] = '\0';
	return out;
}

const char *pl_escape(const void *text, size_t len, char *out, size_t size)
{
	return escape(text, len, true, out, size);
}

const char *pl_escape_str(const char *text, char *out, size_t size)
{
	return pl_escape(text, strlen(text), out, size);
}

const char *pl_safe_line(const char *text, char *out, size_t size)
{
	return escape((const unsigned char *)text, strlen(text), false, out, size);
}

struct pl_error *pl_escape_lines(const void *text, size_t len, struct pl_buf *b)
{
	const unsigned char *p = text;
	struct pl_error *e = NULL;
	for (size_t i = 0; i < len && e == NULL;) {
		size_t n = p[i] == '\n' || p[i] == '\t' ? 1 : printable(p + i, len - i);
		if (n > 0)
			e = pl_buf_append(b, p + i, n);
		else if (p[i] != '\r' || i + 1 >= len || p[i + 1] != '\n')
			e = pl_buf_printf(b, "\\x%02x", p[i]);
		i += n == 0 ? 1 : n;
	}
	return e;
}

struct pl_error *pl_shell_quote(const char *word, struct pl_buf *b)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,@%+-";
	size_t length = strlen(word);
	if (length > 0 && strspn(word, plain) == length)
		return pl_buf_puts(b, word);
	struct pl_error *e = pl_buf_puts(b, "'");
	while (e == NULL && *word != '\0') {
		size_t n = strcspn(word, "'");
		e = pl_buf_append(b, word, n);
		word += n;
		if (e == NULL && *word == '\'') {
			e = pl_buf_puts(b, "'\\''");
			word++;
		}
	}
	return e != NULL ? e : pl_buf_puts(b, "'");
}

int pl_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool pl_parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	if (!isdigit((unsigned char)s[0]))
		return false;
	char *end = NULL;
	errno = 0;
	/* Base 0 would take a leading 0 for octal, which nobody means. */
	int base = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
	unsigned long long v = strtoull(s, &end, base);
	if (errno != 0 || *end != '\0' || v > max)
		return false;
	*ret = v;
	return true;
}

/* Digits, then a unit that `units` lists: the number and the unit's index. */
static bool number_with_unit(const char *s, const char *const *units, size_t count, uint64_t *n, size_t *unit)
{
	if (!isdigit((unsigned char)s[0]))
		return false;
	char *end = NULL;
	errno = 0;
	*n = strtoull(s, &end, 10);
	if (errno != 0)
		return false;
	for (*unit = 0; *unit < count; (*unit)++)
		if (strcasecmp(end, units[*unit]) == 0)
			return true;
	return false;
}

bool pl_parse_size(const char *s, uint64_t *ret)
{
	static const char *const units[] = {"", "K", "M", "G"};
	uint64_t n;
	size_t unit;
	if (!number_with_unit(s, units, 4, &n, &unit))
		return false;
	if (n > UINT64_MAX >> (10 * unit))
		return false;
	*ret = n << (10 * unit);
	return true;
}

bool pl_parse_time(const char *s, int64_t *ret)
{
	static const char *const units[] = {"", "us", "ms", "s", "m", "h"};
	static const int64_t ns[] = {
		PL_SECOND, PL_MS / 1000, PL_MS, PL_SECOND, 60 * PL_SECOND, 3600 * PL_SECOND};
	uint64_t n;
	size_t unit;
	if (!number_with_unit(s, units, 6, &n, &unit) || n > (uint64_t)(INT64_MAX / ns[unit]))
		return false;
	*ret = (int64_t)n * ns[unit];
	return true;
}

const char *pl_format_size(uint64_t bytes, char *out, size_t size)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	if (bytes < 1024) {
		snprintf(out, size, "%u B", (unsigned)bytes);
		return out;
	}
	double v = (double)bytes / 1024;
	size_t unit = 0;
	while (v >= 1024 && unit < 5) {
		v /= 1024;
		unit++;
	}
	snprintf(out, size, "%.1f %s", v, units[unit]);
	return out;
}

const char *pl_format_time(int64_t ns, char *out, size_t size)
{
	int64_t tenths = ns / (PL_SECOND / 10);
	if (tenths < 600)
		snprintf(out, size, "%d.%ds", (int)(tenths / 10), (int)(tenths % 10));
	else
		snprintf(out, size, "%dm%02ds", (int)(tenths / 600), (int)(tenths / 10 % 60));
	return out;
}

const char *pl_format_time_exact(int64_t ns, char *out, size_t size)
{
	static const struct {
		int64_t ns;
		const char *name;
	} units[] = {{3600 * PL_SECOND, "h"}, {60 * PL_SECOND, "m"}, {PL_SECOND, "s"}, {PL_MS, "ms"},
		{PL_MS / 1000, "us"}};
	size_t i = 0;
	while (i < 4 && (ns == 0 ? i < 3 : ns % units[i].ns != 0))
		i++;
	snprintf(out, size, "%lld%s", (long long)(ns / units[i].ns), units[i].name);
	return out;
}

/* Levenshtein's distance, case ignored, of words cut at 64 bytes. */
static size_t distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	size_t row[MAX + 1];
	size_t la = strnlen(a, MAX), lb = strnlen(b, MAX);
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t above = row[j];
			bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
			size_t best = diagonal + (same ? 0 : 1);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			diagonal = above;
		}
	}
	return row[lb];
}

const char *pl_nearest(const char *word, const char *const *candidates, size_t count)
{
	const char *best = NULL;
	size_t least = strlen(word) / 2 + 1;
	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, candidates[i]);
		if (d < least) {
			least = d;
			best = candidates[i];
		}
	}
	return best;
}

bool pl_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool pl_ends_with(const char *s, const char *suffix)
{
	size_t a = strlen(s), b = strlen(suffix);
	return a >= b && memcmp(s + a - b, suffix, b) == 0;
}
