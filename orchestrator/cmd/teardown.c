#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/run/journal.h"
#include "orchestrator/run/restore.h"
#include "orchestrator/run/store.h"
#include "orchestrator/run/teardown.h"

static void on_undo(void *arg, const char *change, const char *status, const char *detail, int64_t ns)
{
	const struct cmd_env *env = arg;
	char shown[400], took[32];
	if (!env->quiet)
		fprintf(env->err, "        %s %s: %s (%s)\n",
			strcmp(status, "undone") == 0 ? "restored" : "NOT restored", change,
			pl_escape_str(detail, shown, sizeof shown), pl_format_time(ns, took, sizeof took));
}

/* With --json it is an entry of the one document. */
static struct pl_error *show_pending(const struct cmd_env *env, const char *id, json_t *document)
{
	char *path = NULL;
	struct journal_state s = {0};
	struct pl_error *e = pl_asprintf(&path, "%s/runs/%s/journal.ndjson", env->state, id);
	if (e == NULL)
		e = journal_read(path, &s);
	json_t *would = e == NULL ? restore_pending(&s) : json_array();
	size_t i;
	json_t *one;
	char what[64], by_hand[2200];
	json_array_foreach(would, i, one)
	{
		if (!env->json)
			fprintf(env->out, "%s: would undo %s, as by hand: %s\n", id,
				pl_escape_str(pl_json_str_or(one, "what", ""), what, sizeof what),
				pl_escape_str(pl_json_str_or(one, "by_hand", ""), by_hand, sizeof by_hand));
	}
	json_array_append_new(document, json_pack("{s:s, s:o}", "id", id, "would_undo", would));
	journal_state_deinit(&s);
	free(path);
	return e;
}

static void show_left(const struct cmd_env *env, const char *id, const json_t *left)
{
	size_t i;
	json_t *one;
	char what[500], by_hand[2200];
	json_array_foreach(left, i, one)
	{
		fprintf(env->err, "paniclab: %s: not restored: %s\n         by hand: %s\n", id,
			pl_escape_str(pl_json_str_or(one, "what", ""), what, sizeof what),
			pl_escape_str(pl_json_str_or(one, "by_hand", ""), by_hand, sizeof by_hand));
	}
}

struct tally {
	json_t *document; /* array of {"id","restored","left"}, with --dry-run of {"id","would_undo"} */
	size_t done;
	size_t under_way;
};

static struct pl_error *restore_one(struct cmd_env *env, const char *id, struct tally *t)
{
	json_t *left = NULL;
	if (env->dry_run)
		return show_pending(env, id, t->document);
	if (!env->quiet)
		fprintf(env->err, "restoring run %s\n", id);
	struct pl_wait w = pl_wait_for(120 * PL_SECOND, env->cancel);
	struct teardown teardown = {
		.state = env->state, .id = id, .log = &env->log, .on_undo = on_undo, .arg = env};
	struct pl_error *e = teardown_run(&teardown, &w, &left);
	show_left(env, id, left);
	json_array_append_new(t->document, json_pack("{s:s, s:b, s:o}", "id", id, "restored", e == NULL,
						   "left", left == NULL ? json_array() : left));
	if (e == NULL)
		t->done++;
	/* Whatever kept it from being restored, that is what its user must know. */
	return left != NULL ? pl_error_as(e, PL_ERR_RESTORE) : e;
}

static struct pl_error *restore_named(struct cmd_env *env, const char *word, struct tally *t)
{
	char *id = NULL, *dir = NULL;
	struct pl_error *e = store_find(env->state, word, &id, &dir);
	if (e == NULL)
		e = restore_one(env, id, t);
	free(id);
	free(dir);
	return e;
}

/* Every pending run; without --all there must be one at most. */
static struct pl_error *restore_several(struct cmd_env *env, bool all, struct tally *t)
{
	char **ids = NULL;
	size_t count = 0, pending = 0;
	struct pl_error *e = store_ids(env->state, &ids, &count);
	struct pl_error *first = NULL;
	for (int pass = 0; e == NULL && pass < 2; pass++) {
		for (size_t i = count; i-- > 0;) {
			struct run_summary s = {0};
			struct pl_error *one = run_summary_read(env->state, ids[i], &s);
			bool ours = one == NULL && s.pending > 0 && !s.under_way;
			if (pass == 0 && one == NULL && s.under_way)
				t->under_way++;
			if (ours && pass == 0)
				pending++;
			else if (ours)
				one = restore_one(env, ids[i], t);
			run_summary_deinit(&s);
			pl_error_keep_first(&first, one);
		}
		if (pending > 1 && !all)
			e = pl_error_hint(pl_error_new(PL_ERR_USAGE, "%zu runs are to be restored", pending),
				"name one of `paniclab runs`, or give --all");
	}
	store_ids_free(ids, count);
	pl_error_keep_first(&e, first);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct tally t = {.document = json_array()};
	bool all = cmd_flag(in, "all");
	(void)exit_code;
	if (all && cmd_args(in) > 0) {
		json_decref(t.document);
		return pl_error_new(PL_ERR_USAGE, "--all and a run's name exclude one another");
	}
	struct pl_error *e =
		cmd_args(in) > 0 ? restore_named(env, cmd_arg(in, 0), &t) : restore_several(env, all, &t);
	if (env->json) {
		pl_error_keep_first(&e, cmd_print_json(env, t.document));
	} else if (e == NULL && !env->dry_run) {
		fputs(t.done == 0 ? "nothing is to be restored" : "everything is restored", env->out);
		if (t.under_way > 0)
			fprintf(env->out, "; %zu run%s under way, left alone", t.under_way,
				t.under_way == 1 ? " is" : "s are");
		fputs("\n", env->out);
	}
	json_decref(t.document);
	return e;
}

static const struct cmd_option options[] = {
	{"all", 'a', NULL, "every run that is not restored"},
	{NULL, 0, NULL, NULL},
};

const struct cmd cmd_teardown = {
	.name = "teardown",
	.synopsis = "[options] [RUN]",
	.summary = "restore what a run changed, from its journal; safe to repeat",
	.example = "paniclab teardown --all",
	.options = options,
	.max_args = 1,
	.uses_state = true,
	.run = run,
};
