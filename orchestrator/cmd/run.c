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

static struct pl_error *execute(struct cmd_env *env, const struct cmd_input *in, const struct lab *lab,
	const struct scenario *scenario)
{
	char *program = NULL, *dir = NULL;
	json_t *document = NULL;
	struct progress progress = {.env = env, .events = cmd_flag(in, "events")};
	struct pl_error *e = own_path(&program);
	if (e != NULL)
		return e;
	struct run_options o = {
		.lab = lab,
		.scenario = scenario,
		.state = env->state,
		.program = program,
		.log = &env->log,
		.cancel = env->cancel,
		.ui = progress_ui(&progress),
	};
	if (env->dry_run) {
		e = run_plan(&o, &document);
		if (e == NULL)
			e = print_plan(env, document);
	} else {
		e = run_execute(&o, &document, &dir);
		if (document != NULL && !progress.events)
			pl_error_keep_first(&e, print_report(env, document));
	}
	json_decref(document);
	free(program);
	free(dir);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct lab *lab = NULL;
	struct scenario *scenario = NULL;
	(void)exit_code;
	struct pl_error *e = lab_load(cmd_arg(in, 0), &lab);
	if (e == NULL)
		e = scenario_load(cmd_arg(in, 1), &scenario);
	if (e == NULL)
		e = execute(env, in, lab, scenario);
	scenario_destroy(scenario);
	lab_destroy(lab);
	return e;
}

static const struct cmd_option options[] = {
	{"events", 0, NULL, "print one JSON object a line as things happen, and nothing else"},
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
