#include "base/lines.h"

#include <ctype.h>
#include <string.h>

static bool blank(char c)
{
	return isspace((unsigned char)c) != 0;
}

bool pl_line_next(const char **text, size_t *left, struct pl_line *ret)
{
	if (*left == 0)
		return false;
	const char *end = memchr(*text, '\n', *left);
	size_t n = end != NULL ? (size_t)(end - *text) : *left;
	*ret = (struct pl_line){*text, n};
	*text += end != NULL ? n + 1 : n;
	*left -= end != NULL ? n + 1 : n;
	while (ret->size > 0 && blank(ret->text[0])) {
		ret->text++;
		ret->size--;
	}
	while (ret->size > 0 && blank(ret->text[ret->size - 1]))
		ret->size--;
	return true;
}

bool pl_line_word(struct pl_line *line, struct pl_line *ret)
{
	while (line->size > 0 && blank(line->text[0])) {
		line->text++;
		line->size--;
	}
	*ret = (struct pl_line){line->text, 0};
	while (line->size > 0 && !blank(line->text[0])) {
		line->text++;
		line->size--;
		ret->size++;
	}
	return ret->size > 0;
}

bool pl_line_is(const struct pl_line *line, const char *what)
{
	return line->size == strlen(what) && memcmp(line->text, what, line->size) == 0;
}

bool pl_line_starts(const struct pl_line *line, const char *prefix)
{
	size_t n = strlen(prefix);
	return line->size >= n && memcmp(line->text, prefix, n) == 0;
}

bool pl_line_holds(const struct pl_line *line, const char *what)
{
	return memmem(line->text, line->size, what, strlen(what)) != NULL;
}
