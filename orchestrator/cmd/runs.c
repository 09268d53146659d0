#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/run/store.h"
#include "orchestrator/run/teardown.h"

static void print_row(const struct cmd_env *env, const struct run_summary *s)
{
	char scenario[80], guest[80];
	fprintf(env->out, "%s  %-24s  %-12s  %-15s  %s\n", s->id,
		pl_escape_str(s->scenario, scenario, sizeof scenario),
		pl_escape_str(s->guest, guest, sizeof guest),
		s->outcome[0] != '\0' ? s->outcome
		: s->under_way        ? "under way"
				      : "cut short",
		s->under_way      ? ""
		: s->pending == 0 ? "restored"
				  : "TO BE RESTORED");
}

static void add_row(json_t *list, const struct run_summary *s)
{
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:s, s:s, s:s?, s:I, s:b, s:b}", "id", s->id, "scenario",
			      s->scenario, "guest", s->guest, "started", s->started, "outcome",
			      s->outcome[0] == '\0' ? NULL : s->outcome, "pending", (json_int_t)s->pending,
			      "restored", s->pending == 0, "under_way", s->under_way));
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	char **ids = NULL;
	size_t count = 0, pending = 0;
	json_t *list = json_array();
	(void)in;
	(void)exit_code;
	struct pl_error *e = store_ids(env->state, &ids, &count);
	for (size_t i = 0; e == NULL && i < count; i++) {
		struct run_summary s = {0};
		e = run_summary_read(env->state, ids[i], &s);
		if (e == NULL && env->json)
			add_row(list, &s);
		else if (e == NULL)
			print_row(env, &s);
		pending += s.pending > 0 && !s.under_way ? 1 : 0;
		run_summary_deinit(&s);
	}
	if (e == NULL && env->json)
		e = cmd_print_json(env, list);
	else if (e == NULL && count == 0)
		fprintf(env->err, "paniclab: no runs in %s yet\n", env->state);
	if (pending > 0)
		pl_log(&env->log, PL_LOG_WARN, "%zu run%s to be restored: paniclab teardown --all", pending,
			pending == 1 ? " is" : "s are");
	json_decref(list);
	store_ids_free(ids, count);
	return e;
}

const struct cmd cmd_runs = {
	.name = "runs",
	.synopsis = "[options]",
	.summary = "list runs, their state and what is still to be restored",
	.example = "paniclab runs",
	.uses_state = true,
	.run = run,
};
