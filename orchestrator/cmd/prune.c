#include "orchestrator/run/prune.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/commands.h"

static const char *fate(const struct cmd_env *env, const json_t *one)
{
	if (pl_json_str_or(one, "delete", NULL) == NULL)
		return "kept";
	if (env->dry_run)
		return "would be deleted";
	return pl_json_bool_or(one, "deleted", false) ? "deleted" : "NOT deleted";
}

static void print_row(const struct cmd_env *env, const json_t *one)
{
	char name[64], scenario[80], guest[80], why[400];
	const char *state = pl_json_str_or(one, "state", "");
	/* What fits goes for its age or number; what does not says itself why. */
	const char *because = pl_json_str_or(one, "why", pl_json_str_or(one, "delete", ""));
	fprintf(env->out, "%s  %.10s  %-16s  %-12s  %s: %s%s%s\n",
		pl_escape_str(pl_json_str_or(one, "snapshot", ""), name, sizeof name),
		pl_json_str_or(one, "made", ""),
		pl_escape_str(pl_json_str_or(one, "scenario", ""), scenario, sizeof scenario),
		pl_escape_str(pl_json_str_or(one, "guest", ""), guest, sizeof guest), fate(env, one), state,
		because[0] == '\0' ? "" : ", ", pl_escape_str(because, why, sizeof why));
}

static struct pl_error *limits(const struct cmd_input *in, struct prune *p)
{
	const char *age = cmd_value(in, "older-than"), *keep = cmd_value(in, "keep");
	p->all = cmd_flag(in, "all");
	p->keep_given = keep != NULL;
	if (age != NULL && (!pl_parse_time(age, &p->older_than) || p->older_than <= 0))
		return pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_USAGE, "'%s' is not a time", age), "--older-than"),
			"such as 90m or 72h");
	if (keep != NULL && !pl_parse_u64(keep, 1000000, &p->keep))
		return pl_error_at(pl_error_new(PL_ERR_USAGE, "'%s' is not a number", keep), "--keep");
	return NULL;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct prune p = {
		.state = env->state, .log = &env->log, .cancel = env->cancel, .dry_run = env->dry_run};
	json_t *list = NULL, *one;
	size_t i;
	(void)exit_code;
	if (!cmd_flag(in, "prepared"))
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "nothing is named to be pruned"),
			"--prepared: prepared snapshots");
	struct pl_error *e = limits(in, &p);
	if (e == NULL)
		e = prune_prepared(&p, &list);
	if (list != NULL && env->json)
		pl_error_keep_first(&e, cmd_print_json(env, list));
	json_array_foreach(list, i, one)
	{
		if (!env->json)
			print_row(env, one);
	}
	json_decref(list);
	return e;
}

static const struct cmd_option options[] = {
	{"all", 'a', NULL, "also those that still fit"},
	{"keep", 'k', "N", "keep the newest N of each VM"},
	{"older-than", 'o', "TIME", "also those that are that old"},
	{"prepared", 0, NULL, "prepared snapshots: those that are stale or gone, and as told"},
	{NULL, 0, NULL, NULL},
};

const struct cmd cmd_prune = {
	.name = "prune",
	.synopsis = "--prepared [options]",
	.summary = "delete prepared snapshots that are stale, old or too many",
	.example = "paniclab prune --prepared --older-than 168h --dry-run",
	.options = options,
	.uses_state = true,
	.run = run,
};
