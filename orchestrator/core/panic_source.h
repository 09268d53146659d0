/*
 * Finding the panic text in what holds it: the JSON of a report file, or a log
 * full of other things; and handing it out line by line.
 */
#ifndef CORE_PANIC_SOURCE_H
#define CORE_PANIC_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/**
 * The value of "macOSPanicString" or "panicString" in a JSON report, unescaped
 * and malloc'd; *ret is NULL when there is none. Looks for the key alone, so
 * reports that were cut, or damaged elsewhere, work too: quotes that lost their
 * backslash or became typographic, and a string without its key.
 */
struct pl_error *panic_source_json(const char *text, size_t size, char **ret, size_t *ret_size) PL_MUST_USE;

/** The same of any other key. */
struct pl_error *panic_source_value(
	const char *text, size_t size, const char *key, char **ret, size_t *ret_size) PL_MUST_USE;

/* Lines, without line end, CR, mail quoting ("> ") and a serial log's time stamps. */
struct panic_lines {
	const char *p;
	const char *end;
	size_t quotes;      /* levels of them before the panic's first line */
	const char *prefix; /* of the panic's first line; others have the same with other digits */
	size_t prefix_len;
};

struct panic_line {
	const char *p;
	size_t len;
};

void panic_lines_init(struct panic_lines *l, const char *text, size_t size);
bool panic_lines_next(struct panic_lines *l, struct panic_line *ret);

#endif
