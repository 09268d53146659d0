/* `inspect --debugger`: the command file that opens a core, and `--open`. */
#ifndef CMD_INSPECT_DEBUGGER_H
#define CMD_INSPECT_DEBUGGER_H

#include <jansson.h>

#include "orchestrator/cmd/cmd.h"
#include "orchestrator/core/inspect.h"

/** True if the options ask for it; PL_ERR_USAGE for those that do not fit together. */
struct pl_error *inspect_debugger_asked(const struct cmd_input *in, bool *ret) PL_MUST_USE;

/**
 * Writes the command file to --output, or to env->out, and with --open becomes the debugger: then
 * it returns only when that failed. doc is of the file; options are those that it was made with.
 */
struct pl_error *inspect_debugger_run(struct cmd_env *env, const struct cmd_input *in,
	const struct inspect_options *options, const json_t *doc) PL_MUST_USE;

#endif
