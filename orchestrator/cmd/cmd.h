/*
 * Commands: each file in this folder exports one `const struct cmd`; main.c
 * lists them. The tables are all there is: parsing, --help and its layout are
 * made from them.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

struct cmd_option {
	const char *name; /* "bind", without dashes; NULL ends the table */
	char letter;      /* 'b', or 0 */
	const char *arg;  /* "ADDR", or NULL for a flag */
	const char *help;
};

/* What every command has. */
struct cmd_env {
	FILE *out;                /* results */
	FILE *err;                /* progress and messages */
	struct pl_log log;        /* writes to err */
	struct pl_cancel *cancel; /* set by SIGINT, SIGTERM and SIGHUP */
	bool json;
	bool quiet;
	int verbose;
	bool dry_run;
	bool terminal; /* err is one: a live progress line may be drawn */
	bool color;
	char *state; /* the state folder: --state, else $XDG_STATE_HOME/paniclab */
};

struct cmd_input; /* parsed options and arguments */

/** The last value of --name, or NULL. */
const char *cmd_value(const struct cmd_input *in, const char *name);
/** True if --name was given. */
bool cmd_flag(const struct cmd_input *in, const char *name);
/** The i-th value of a repeated --name, or NULL. */
const char *cmd_nth(const struct cmd_input *in, const char *name, size_t i);
/** The i-th argument, or NULL. */
const char *cmd_arg(const struct cmd_input *in, size_t i);
size_t cmd_args(const struct cmd_input *in);

struct cmd {
	const char *name;
	const char *synopsis;             /* "[options] LAB SCENARIO" */
	const char *summary;              /* one line, for the list */
	const char *example;              /* one or more lines */
	const struct cmd_option *options; /* its own; the common ones are added */
	size_t min_args;
	size_t max_args;
	bool uses_state; /* needs env.state; the others work without a HOME */
	/** *exit_code starts as 0; an error decides it by its kind. */
	struct pl_error *(*run)(struct cmd_env *env, const struct cmd_input *in, int *exit_code);
};

/**
 * A result as JSON, with its newline. NULL, as json_pack() gives it, is out of
 * memory; that nobody can read env->out any more is cmd_main()'s to say.
 */
struct pl_error *cmd_print_json(const struct cmd_env *env, const json_t *doc) PL_MUST_USE;

/** The whole program: picks the command, parses, runs, prints the error. */
int cmd_main(const struct cmd *const *commands, int argc, char **argv);

#endif
