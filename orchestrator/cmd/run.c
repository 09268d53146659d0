#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/progress.h"
#include "orchestrator/cmd/run.h"
#include "orchestrator/report/report.h"

/* This program's own path, for the host's firewall. */
static struct pl_error *own_path(char **ret)
{
	char path[PATH_MAX] = "";
#ifdef __APPLE__
	uint32_t size = sizeof path;
	if (_NSGetExecutablePath(path, &size) != 0)
		path[0] = '\0';
#else
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	path[n < 0 ? 0 : n] = '\0';
#endif
	char *real = path[0] == '\0' ? NULL : realpath(path, NULL);
	if (real == NULL)
		return pl_error_new(PL_ERR_LAB, "cannot tell where this program is");
	*ret = real;
	return NULL;
}

static struct pl_error *print_plan(const struct cmd_env *env, const json_t *plan)
{
	size_t i;
	json_t *step;
	char text[600];
	if (env->json)
		return cmd_print_json(env, plan);
	fprintf(env->out, "plan for %s (%s now); nothing is changed by --dry-run\n",
		pl_escape_str(pl_json_str_or(json_object_get(plan, "vm"), "name", "?"), text, sizeof text),
		pl_json_str_or(plan, "power", "?"));
	json_array_foreach(json_object_get(plan, "steps"), i, step)
	{
		fprintf(env->out, "%3zu. %-12s %s\n", i + 1, pl_json_str_or(step, "name", ""),
			pl_escape_str(pl_json_str_or(step, "reason", ""), text, sizeof text));
		if (pl_json_str_or(step, "changes", NULL) != NULL)
			fprintf(env->out, "     %-12s changes: %s\n", "",
				pl_json_str_or(step, "changes", ""));
	}
	return NULL;
}

static struct pl_error *print_report(const struct cmd_env *env, const json_t *report)
{
	struct pl_buf text;
	if (env->json)
		return cmd_print_json(env, report);
	pl_buf_init(&text, REPORT_MAX);
	struct pl_error *e = report_text(report, env->color, &text);
	if (e == NULL)
		fputs(pl_buf_text(&text), env->out);
	pl_buf_deinit(&text);
	return e;
}

static struct pl_error *execute(
	struct cmd_env *env, struct run_options *o, struct progress *progress, cmd_print_run print)
{
	json_t *document = NULL;
	char *dir = NULL;
	struct pl_error *e = NULL;
	if (env->dry_run) {
		e = run_plan(o, &document);
		if (e == NULL)
			e = print_plan(env, document);
	} else {
		e = run_execute(o, &document, &dir);
		if (document != NULL && !progress->events)
			pl_error_keep_first(&e, print(env, document));
	}
	json_decref(document);
	free(dir);
	return e;
}

struct pl_error *cmd_run_scenario(struct cmd_env *env, const struct cmd_input *in,
	const struct run_options *choices, cmd_print_run print)
{
	struct lab *lab = NULL;
	struct scenario *scenario = NULL;
	char *program = NULL;
	struct progress progress = {.env = env, .events = cmd_flag(in, "events")};
	struct pl_error *e = lab_load(cmd_arg(in, 0), &lab);
	if (e == NULL)
		e = scenario_load(cmd_arg(in, 1), &scenario);
	if (e == NULL)
		e = own_path(&program);
	struct run_options o = *choices;
	o.lab = lab;
	o.scenario = scenario;
	o.state = env->state;
	o.program = program;
	o.log = &env->log;
	o.cancel = env->cancel;
	o.ui = progress_ui(&progress);
	if (e == NULL)
		e = execute(env, &o, &progress, print);
	free(program);
	scenario_destroy(scenario);
	lab_destroy(lab);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	const struct run_options choices = {.no_prepared = cmd_flag(in, "no-prepared")};
	(void)exit_code;
	return cmd_run_scenario(env, in, &choices, print_report);
}

static const struct cmd_option options[] = {
	{"events", 0, NULL, "print one JSON object a line as things happen, and nothing else"},
	{"no-prepared", 0, NULL, "boot and arm the guest even where a prepared snapshot fits"},
	{NULL, 0, NULL, NULL},
};

const struct cmd cmd_run = {
	.name = "run",
	.synopsis = "[options] LAB SCENARIO",
	.summary = "make a guest panic, catch its core, say why, put everything back",
	.example = "paniclab run lab.yaml scenario.yaml",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.uses_state = true,
	.run = run,
};
