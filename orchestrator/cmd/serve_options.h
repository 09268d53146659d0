/*
 * The options of `paniclab serve`: from words to a struct server_config, and back into
 * words for --dry-run.
 */
#ifndef CMD_SERVE_OPTIONS_H
#define CMD_SERVE_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "orchestrator/cmd/cmd.h"
#include "orchestrator/cmd/serve_networks.h"
#include "orchestrator/cmd/serve_service.h"
#include "server/confine.h"
#include "server/server.h"

struct serve_options {
	struct server_config config; /* points into this struct, which must stay where it is */
	struct serve_networks networks;
	char address[16]; /* to listen on */
	char *dir;
	const char *user;           /* to go on as, borrowed from the command line; NULL: stay */
	struct confine_user become; /* that user */
	bool once;
};

/** The table for --help and the parser. */
extern const struct cmd_option serve_options_table[];

/**
 * Reads what was given, looks this host's interfaces up. `socket` is a service manager's, or
 * has fd -1; its address takes the place of --bind and --port. A bad value is PL_ERR_USAGE
 * with what is wanted. *ret is to be deinited in any case.
 */
struct pl_error *serve_options_parse(
	const struct cmd_input *in, const struct serve_socket *socket, struct serve_options *ret) PL_MUST_USE;
void serve_options_deinit(struct serve_options *o);

/** What would be done, a line each. */
void serve_options_print(const struct serve_options *o, FILE *out);

/** The same as one JSON object; sizes in bytes, times in seconds, 0 is no limit. */
struct pl_error *serve_options_print_json(const struct serve_options *o, FILE *out) PL_MUST_USE;

/**
 * Raises this process's limit of open files to what config.max_sessions dumps need.
 * PL_ERR_LAB when the hard limit is too low for that.
 */
struct pl_error *serve_options_raise_files(const struct serve_options *o) PL_MUST_USE;

#endif
