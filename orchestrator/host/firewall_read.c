/* What socketfilterfw's output says. See firewall.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/host/firewall.h"

struct line {
	const char *text;
	size_t size;
};

/* The next line, trimmed; false at the end. */
static bool next_line(const char **text, size_t *left, struct line *ret)
{
	const char *end;
	size_t n;

	if (!*left)
		return false;
	end = memchr(*text, '\n', *left);
	n = end ? (size_t)(end - *text) : *left;
	*ret = (struct line){*text, n};
	*text += end ? n + 1 : n;
	*left -= end ? n + 1 : n;
	while (ret->size && isspace((unsigned char)ret->text[0])) {
		ret->text++;
		ret->size--;
	}
	while (ret->size && isspace((unsigned char)ret->text[ret->size - 1]))
		ret->size--;
	return true;
}

static bool holds(const struct line *l, const char *what)
{
	return memmem(l->text, l->size, what, strlen(what)) != NULL;
}

bool firewall_read_state(const char *text, size_t size, enum firewall_state *ret)
{
	static const enum firewall_state states[] = {FIREWALL_OFF, FIREWALL_ON, FIREWALL_BLOCKS_ALL};
	static const char mark[] = "State = ";
	const char *at = size ? memmem(text, size, mark, sizeof(mark) - 1) : NULL;
	size_t left;

	if (!at)
		return false;
	at += sizeof(mark) - 1;
	left = size - (size_t)(at - text);
	if (!left || *at < '0' || *at > '2' || (left > 1 && isdigit((unsigned char)at[1])))
		return false;
	*ret = states[*at - '0'];
	return true;
}

/* "12 : /path" → the path; false for another line. */
static bool program_of(const struct line *l, struct line *ret)
{
	size_t i = 0;

	while (i < l->size && isdigit((unsigned char)l->text[i]))
		i++;
	if (!i)
		return false;
	while (i < l->size && l->text[i] == ' ')
		i++;
	if (i == l->size || l->text[i++] != ':')
		return false;
	while (i < l->size && l->text[i] == ' ')
		i++;
	*ret = (struct line){l->text + i, l->size - i};
	return ret->size && ret->text[0] == '/';
}

static bool is_program(const struct line *l, const char *program, const char *resolved)
{
	size_t n = strlen(program);

	if (l->size == n && !memcmp(l->text, program, n))
		return true;
	return resolved && l->size == strlen(resolved) && !memcmp(l->text, resolved, l->size);
}

enum firewall_rule firewall_read_rule(const char *text, size_t size, const char *program)
{
	char *resolved = realpath(program, NULL);
	enum firewall_rule rule = FIREWALL_NO_RULE;
	bool ours = false;
	struct line l, path;

	while (next_line(&text, &size, &l)) {
		if (program_of(&l, &path))
			ours = is_program(&path, program, resolved);
		else if (ours && holds(&l, "Allow incoming"))
			rule = FIREWALL_ALLOW;
		else if (ours && holds(&l, "Block incoming"))
			rule = FIREWALL_BLOCK;
	}
	free(resolved);
	return rule;
}
