/*
 * The command line of one command: its own options and the common ones.
 *
 * GNU style: --name VALUE, --name=VALUE, -x VALUE, -xVALUE, -- ends the
 * options; options and arguments mix. Errors are PL_ERR_USAGE and name the
 * nearest option.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "base/buf.h"
#include "orchestrator/cmd/cmd.h"

struct cmd_given {
	const char *name;  /* the option's, without dashes */
	const char *value; /* "" for a flag; of a path with its "~" expanded */
	char *expanded;    /* that, or NULL */
};

struct cmd_input {
	struct cmd_given *given;
	size_t given_count;
	const char **args;
	size_t args_count;
};

/** The options that every command has; ends with a NULL name. */
extern const struct cmd_option cmd_common_options[];

/** Parses argv after the command's name. Values are borrowed from argv, but for expanded paths. */
struct pl_error *cmd_parse(const struct cmd *cmd, int argc, char **argv, struct cmd_input *ret) PL_MUST_USE;
void cmd_input_deinit(struct cmd_input *in);

/** The text of `paniclab NAME --help`. */
struct pl_error *cmd_help(const struct cmd *cmd, struct pl_buf *out) PL_MUST_USE;

#endif
