/* The lines of a text of given size, as a program printed it. */
#ifndef PL_BASE_LINES_H
#define PL_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct pl_line {
	const char *text; /* into the text; no NUL behind it */
	size_t size;
};

/** The next line without white space at its ends; moves text and left on. False at the end. */
bool pl_line_next(const char **text, size_t *left, struct pl_line *ret);

/** The next word of a line, up to white space; moves the line on. False if there is none. */
bool pl_line_word(struct pl_line *line, struct pl_line *ret);

bool pl_line_is(const struct pl_line *line, const char *what);
bool pl_line_starts(const struct pl_line *line, const char *prefix);
bool pl_line_holds(const struct pl_line *line, const char *what);

#endif
