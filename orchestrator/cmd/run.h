/* What `run` and `prepare` share: LAB and SCENARIO, progress, --dry-run. */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "orchestrator/cmd/cmd.h"
#include "orchestrator/run/run.h"

/** Prints the report, or what of it the command is about. */
typedef struct pl_error *(*cmd_print_run)(const struct cmd_env *env, const json_t *report);

/** Loads the two files that are the arguments, and plans or runs; of choices only the modes count. */
struct pl_error *cmd_run_scenario(struct cmd_env *env, const struct cmd_input *in,
	const struct run_options *choices, cmd_print_run print) PL_MUST_USE;

#endif
