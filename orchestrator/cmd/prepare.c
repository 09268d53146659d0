#include "base/json.h"
#include "base/text.h"
#include "base/wait.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/run.h"

/* The document of a run that ended before it kept anything has nothing to print: its error says it. */
static struct pl_error *print_prepared(const struct cmd_env *env, const json_t *report)
{
	char name[100], guest[100], took[32];
	const json_t *prepared = json_object_get(report, "prepared");
	if (env->json)
		return cmd_print_json(env, report);
	if (pl_json_int_or(report, "exit_code", 1) != 0)
		return NULL;
	pl_escape_str(pl_json_str_or(prepared, "snapshot", "?"), name, sizeof name);
	pl_escape_str(pl_json_str_or(report, "guest", "?"), guest, sizeof guest);
	double seconds = json_real_value(json_object_get(report, "seconds"));
	if (pl_json_bool_or(prepared, "made", false))
		fprintf(env->out, "%s of %s is prepared, in %s; `paniclab run` starts from it\n", name, guest,
			pl_format_time((int64_t)(seconds * (double)PL_SECOND), took, sizeof took));
	else
		fprintf(env->out, "%s of %s is there and fits; --again makes a new one\n", name, guest);
	return NULL;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	const struct run_options choices = {.prepare = true, .again = cmd_flag(in, "again")};
	(void)exit_code;
	return cmd_run_scenario(env, in, &choices, print_prepared);
}

static const struct cmd_option options[] = {
	{"again", 0, NULL, "make a new one although one that fits is there"},
	{"events", 0, NULL, "print one JSON object a line as things happen, and nothing else"},
	{NULL, 0, NULL, NULL},
};

const struct cmd cmd_prepare = {
	.name = "prepare",
	.synopsis = "[options] LAB SCENARIO",
	.summary = "do everything up to the trigger, kept as a snapshot from which runs start",
	.example = "paniclab prepare lab.yaml scenario.yaml",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.uses_state = true,
	.run = run,
};
