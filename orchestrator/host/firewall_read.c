/* What socketfilterfw's output says. See firewall_read.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "orchestrator/host/firewall_read.h"

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
static bool program_of(const struct pl_line *l, struct pl_line *ret)
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
	*ret = (struct pl_line){l->text + i, l->size - i};
	return ret->size && ret->text[0] == '/';
}

static bool is_program(const struct pl_line *l, const char *program, const char *resolved)
{
	return pl_line_is(l, program) || (resolved && pl_line_is(l, resolved));
}

enum firewall_rule firewall_read_rule(const char *text, size_t size, const char *program)
{
	char *resolved = realpath(program, NULL);
	enum firewall_rule rule = FIREWALL_NO_RULE;
	bool ours = false;
	struct pl_line l, path;

	while (pl_line_next(&text, &size, &l)) {
		if (program_of(&l, &path))
			ours = is_program(&path, program, resolved);
		else if (ours && pl_line_holds(&l, "Allow incoming"))
			rule = FIREWALL_ALLOW;
		else if (ours && pl_line_holds(&l, "Block incoming"))
			rule = FIREWALL_BLOCK;
	}
	free(resolved);
	return rule;
}
