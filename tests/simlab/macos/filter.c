/*
 * The host's tools as BSD tools: what only GNU understands is refused, so that
 * a script that relies on it fails here as it would on a Mac.
 */
#include "tests/simlab/macos/macos.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct tool {
	const char *name;
	const char *gnu_options; /* letters that BSD's does not have */
	const char *gnu_word;    /* one word (a find primary) that it lacks, or NULL */
	bool any_text;           /* arguments are text, not options (echo, test) */
};

static const struct tool TOOLS[] = {
	{"[", "", NULL, true},
	{"awk", "", NULL, true},
	{"basename", "z", NULL, false},
	{"cat", "AET", NULL, false},
	{"chmod", "c", NULL, false},
	{"chown", "c", NULL, false},
	{"cmp", "", NULL, false},
	{"cp", "bdlstTuxZ", NULL, false},
	{"cut", "z", NULL, false},
	{"dd", "", NULL, false},
	{"df", "BTx", NULL, false},
	{"diff", "", NULL, true},
	{"dirname", "z", NULL, false},
	{"du", "0bBDlSX", NULL, false},
	{"echo", "", NULL, true},
	{"env", "C", NULL, true},
	{"expr", "", NULL, true},
	{"false", "", NULL, true},
	{"find", "", "-printf", true},
	{"grep", "PTz", NULL, true},
	{"gunzip", "", NULL, true},
	{"gzip", "", NULL, true},
	{"head", "qvz", NULL, false},
	{"hostname", "Iidy", NULL, false},
	{"id", "zZ", NULL, false},
	{"kill", "", NULL, true},
	{"ln", "bdLPrtT", NULL, false},
	{"logname", "", NULL, false},
	{"ls", "DIMNQwXZ", NULL, false},
	{"mkdir", "Z", NULL, false},
	{"mktemp", "p", NULL, false},
	{"mv", "btTuZ", NULL, false},
	{"nohup", "", NULL, true},
	{"od", "", NULL, false},
	{"printf", "", NULL, true},
	{"pwd", "", NULL, false},
	{"readlink", "fem", NULL, false},
	{"rm", "", NULL, false},
	{"rmdir", "v", NULL, false},
	{"sleep", "", NULL, false},
	{"sort", "V", NULL, true},
	{"tail", "sz", NULL, false},
	{"tar", "", NULL, true},
	{"tee", "p", NULL, false},
	{"test", "", NULL, true},
	{"touch", "d", NULL, false},
	{"tr", "", NULL, true},
	{"true", "", NULL, true},
	{"tty", "", NULL, false},
	{"uniq", "zw", NULL, false},
	{"wc", "L", NULL, false},
	{"which", "", NULL, false},
	{"whoami", "", NULL, false},
	{"xargs", "adir", NULL, true},
};

/* The first letter of `arg` that BSD's tool does not know, or 0. */
static char refused(const struct tool *t, const char *arg)
{
	if (arg[0] != '-' || arg[1] == '\0')
		return 0;
	if (arg[1] == '-')
		return arg[2] != '\0' && !t->any_text ? '-' : 0;
	if (t->any_text && strchr(t->gnu_options, arg[1]) == NULL)
		return 0;
	size_t at = strcspn(arg + 1, t->gnu_options);
	return arg[1 + at];
}

int macos_filter(const char *name, int argc, char **argv)
{
	const struct tool *t = NULL;
	for (size_t i = 0; i < sizeof TOOLS / sizeof TOOLS[0] && t == NULL; i++)
		if (strcmp(TOOLS[i].name, name) == 0)
			t = &TOOLS[i];
	if (t == NULL)
		return -1;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		char c = t->gnu_options[0] != '\0' || !t->any_text ? refused(t, argv[i]) : 0;
		if (c != 0)
			return macos_illegal(name, c);
		if (t->gnu_word != NULL && strcmp(argv[i], t->gnu_word) == 0)
			return macos_illegal(name, 'p');
	}
	return macos_exec_tool(name, argv);
}
