/* Small things with text: escaping, quoting, sizes, times, nearest words. */
#ifndef PL_BASE_TEXT_H
#define PL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/** strdup that reports; NULL gives NULL. */
struct pl_error *pl_strdup(const char *s, char **ret) PL_MUST_USE;

/** malloc'd formatted text. */
struct pl_error *pl_asprintf(char **ret, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;

/**
 * Text from a guest or the network made safe for a terminal or a log line:
 * printable UTF-8 stays, everything else becomes \xNN (\n, \t, \\ likewise).
 * Cut with "..." at size. Returns out.
 */
const char *pl_escape(const void *text, size_t len, char *out, size_t size);
const char *pl_escape_str(const char *text, char *out, size_t size);

/**
 * The same for a line that mixes our words with escaped ones: a backslash
 * stays as it is, so that nothing is escaped twice. What it returns is valid
 * UTF-8, also where it was cut.
 */
const char *pl_safe_line(const char *text, char *out, size_t size);

/**
 * The same for text of several lines: newlines and tabs stay, CR before a
 * newline goes, other control bytes become \xNN. Appends to b.
 */
struct pl_error *pl_escape_lines(const void *text, size_t len, struct pl_buf *b) PL_MUST_USE;

/** One word for a POSIX shell, in single quotes where it needs them. Appends. */
struct pl_error *pl_shell_quote(const char *word, struct pl_buf *b) PL_MUST_USE;

/** "64M" → bytes. K, M, G are binary; no unit is bytes. False if it is not one. */
bool pl_parse_size(const char *s, uint64_t *ret);

/** "90s", "5m", "2h", "250ms", "200us" → nanoseconds; no unit is seconds. */
bool pl_parse_time(const char *s, int64_t *ret);

/** 0 to 15 for a digit of either case, else -1. */
int pl_hex_digit(char c);

/** Decimal or 0x hexadecimal, the whole string, within [0, max]. */
bool pl_parse_u64(const char *s, uint64_t max, uint64_t *ret);

/** "1.5 MiB", "812 B". Returns out. */
const char *pl_format_size(uint64_t bytes, char *out, size_t size);

/** "12.3s", "4m05s". Returns out. */
const char *pl_format_time(int64_t ns, char *out, size_t size);

/** "90s", "5m", "250ms", "200us": reads back by pl_parse_time() as the same. Returns out. */
const char *pl_format_time_exact(int64_t ns, char *out, size_t size);

/** The candidate nearest to word (edit distance at most 1/2 its length), or NULL. */
const char *pl_nearest(const char *word, const char *const *candidates, size_t count);

bool pl_starts_with(const char *s, const char *prefix);
bool pl_ends_with(const char *s, const char *suffix);

#endif
