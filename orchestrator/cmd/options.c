#include "orchestrator/cmd/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"

const struct cmd_option cmd_common_options[] = {
	{"json", 0, NULL, "print JSON: one document; serve: one object a line"},
	{"quiet", 'q', NULL, "no progress"},
	{"verbose", 'v', NULL, "say more; repeat for more still"},
	{"color", 0, "WHEN", "auto, always or never (NO_COLOR is honoured)"},
	{"state", 0, "DIR", "state folder instead of $XDG_STATE_HOME/paniclab"},
	{"dry-run", 'n', NULL, "print what would be done, change nothing"},
	{"help", 'h', NULL, "print this and exit"},
	{NULL, 0, NULL, NULL},
};

static const struct cmd_option *find_in(const struct cmd_option *o, const char *name, size_t len, char letter)
{
	for (; o != NULL && o->name != NULL; o++) {
		if (letter != 0 ? o->letter == letter
				: strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	}
	return NULL;
}

static const struct cmd_option *find(const struct cmd *cmd, const char *name, size_t len, char letter)
{
	const struct cmd_option *o = find_in(cmd->options, name, len, letter);
	return o != NULL ? o : find_in(cmd_common_options, name, len, letter);
}

static struct pl_error *unknown(const struct cmd *cmd, const char *word)
{
	const char *names[64];
	size_t n = 0;
	for (const struct cmd_option *o = cmd->options; o != NULL && o->name != NULL && n < 64; o++)
		names[n++] = o->name;
	for (const struct cmd_option *o = cmd_common_options; o->name != NULL && n < 64; o++)
		names[n++] = o->name;
	char shown[100], bare[100];
	pl_escape_str(word, shown, sizeof shown);
	pl_escape(word + 2, strcspn(word, "=") < 2 ? 0 : strcspn(word, "=") - 2, bare, sizeof bare);
	const char *nearest = pl_starts_with(word, "--") ? pl_nearest(bare, names, n) : NULL;
	struct pl_error *e = pl_error_new(PL_ERR_USAGE, "unknown option %s", shown);
	if (nearest != NULL)
		e = pl_error_hint(e, "did you mean --%s?", nearest);
	/* "-v keepsyms=1": boot-args look like options */
	if (word[1] != '-' && strpbrk(word, " =") != NULL)
		e = pl_error_hint(e, "put -- in front of a text that begins with a dash");
	return pl_error_hint(e, "see paniclab %s --help", cmd->name);
}

/* A shell expands the "~" of a word of its own, not that of --kdk=~/kits. */
static bool is_path(const struct cmd_option *o)
{
	static const char *const paths[] = {"FILE", "DIR", "PATH"};

	for (size_t i = 0; o->arg != NULL && i < sizeof paths / sizeof *paths; i++)
		if (strcmp(o->arg, paths[i]) == 0)
			return true;
	return false;
}

static void add(struct cmd_input *in, const struct cmd_option *o, const char *value)
{
	in->given[in->given_count++] = (struct cmd_given){.name = o->name, .value = value};
}

static struct pl_error *add_path(struct cmd_input *in, const struct cmd_option *o, const char *value)
{
	add(in, o, value);
	struct cmd_given *g = &in->given[in->given_count - 1];
	struct pl_error *e = pl_fs_expand(value, &g->expanded);
	g->value = g->expanded;
	return e;
}

/* One word that starts with a dash; *i moves on when it takes the next word. */
static struct pl_error *parse_option(
	const struct cmd *cmd, int argc, char **argv, int *i, struct cmd_input *in)
{
	const char *word = argv[*i];
	bool is_long = word[1] == '-';
	size_t len = is_long ? strcspn(word + 2, "=") : 1;
	const struct cmd_option *o = find(cmd, word + 2, len, is_long ? 0 : word[1]);
	const char *attached = is_long ? (word[2 + len] == '=' ? word + 3 + len : NULL) : NULL;
	if (o == NULL)
		return unknown(cmd, word);
	if (!is_long && word[2] != '\0') {
		/* -vv and -p80: a flag is followed by more flags, an option by its value. */
		if (o->arg != NULL) {
			attached = word + 2;
		} else {
			for (const char *p = word + 1; *p != '\0'; p++) {
				const struct cmd_option *flag = find(cmd, NULL, 0, *p);
				if (flag == NULL || flag->arg != NULL)
					return unknown(cmd, word);
				if (p > word + 1)
					add(in, flag, "");
			}
		}
	}
	if (o->arg == NULL && attached != NULL)
		return pl_error_new(PL_ERR_USAGE, "--%s takes no value", o->name);
	if (o->arg != NULL && attached == NULL) {
		if (*i + 1 >= argc)
			return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--%s needs a value", o->name),
				"give it as --%s %s", o->name, o->arg);
		attached = argv[++*i];
	}
	if (is_path(o))
		return add_path(in, o, attached);
	add(in, o, attached == NULL ? "" : attached);
	return NULL;
}

static size_t letters(int argc, char **argv)
{
	size_t n = (size_t)argc;
	for (int i = 0; i < argc; i++)
		n += strlen(argv[i]);
	return n;
}

struct pl_error *cmd_parse(const struct cmd *cmd, int argc, char **argv, struct cmd_input *ret)
{
	/* No word gives more options than it has letters. */
	size_t most = letters(argc, argv) + 1;
	*ret = (struct cmd_input){
		.given = calloc(most, sizeof *ret->given),
		.args = calloc((size_t)argc + 1, sizeof *ret->args),
	};
	if (ret->given == NULL || ret->args == NULL)
		return pl_error_nomem();
	bool options = true;
	for (int i = 0; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
			struct pl_error *e = parse_option(cmd, argc, argv, &i, ret);
			if (e != NULL)
				return e;
		} else {
			ret->args[ret->args_count++] = argv[i];
		}
	}
	if (cmd_flag(ret, "help") || (ret->args_count >= cmd->min_args && ret->args_count <= cmd->max_args))
		return NULL;
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "%s",
			ret->args_count < cmd->min_args ? "an argument is missing" : "too many arguments"),
		"paniclab %s %s", cmd->name, cmd->synopsis);
}

void cmd_input_deinit(struct cmd_input *in)
{
	for (size_t i = 0; i < in->given_count; i++)
		free(in->given[i].expanded);
	free(in->given);
	free(in->args);
	*in = (struct cmd_input){0};
}

const char *cmd_value(const struct cmd_input *in, const char *name)
{
	for (size_t i = in->given_count; i-- > 0;)
		if (strcmp(in->given[i].name, name) == 0)
			return in->given[i].value;
	return NULL;
}

bool cmd_flag(const struct cmd_input *in, const char *name)
{
	return cmd_value(in, name) != NULL;
}

const char *cmd_nth(const struct cmd_input *in, const char *name, size_t i)
{
	for (size_t k = 0; k < in->given_count; k++)
		if (strcmp(in->given[k].name, name) == 0 && i-- == 0)
			return in->given[k].value;
	return NULL;
}

const char *cmd_arg(const struct cmd_input *in, size_t i)
{
	return i < in->args_count ? in->args[i] : NULL;
}

size_t cmd_args(const struct cmd_input *in)
{
	return in->args_count;
}

static struct pl_error *help_options(const struct cmd_option *o, struct pl_buf *out)
{
	struct pl_error *e = NULL;
	for (; e == NULL && o != NULL && o->name != NULL; o++) {
		char left[64];
		snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg == NULL ? "" : " ",
			o->arg == NULL ? "" : o->arg);
		if (o->letter != 0)
			e = pl_buf_printf(out, "  -%c, %-22s %s\n", o->letter, left, o->help);
		else
			e = pl_buf_printf(out, "      %-22s %s\n", left, o->help);
	}
	return e;
}

struct pl_error *cmd_help(const struct cmd *cmd, struct pl_buf *out)
{
	struct pl_error *e = pl_buf_printf(
		out, "usage: paniclab %s %s\n\n%s\n\noptions:\n", cmd->name, cmd->synopsis, cmd->summary);
	if (e == NULL)
		e = help_options(cmd->options, out);
	if (e == NULL)
		e = help_options(cmd_common_options, out);
	if (e != NULL)
		return e;
	e = pl_buf_puts(out, "\nexample:\n");
	for (const char *line = cmd->example; e == NULL && *line != '\0';) {
		line += strspn(line, " \n");
		int length = (int)strcspn(line, "\n");
		if (length > 0)
			e = pl_buf_printf(out, "  %.*s\n", length, line);
		line += length;
	}
	return e;
}
