#include "orchestrator/run/prune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/context.h"
#include "orchestrator/run/prepared.h"
#include "orchestrator/run/prepared_drop.h"

enum { WHY_MAX = 512 };

static const int64_t ASK_TIME = 60 * PL_SECOND;

/* Merging a snapshot's disks can take minutes. */
static const int64_t DELETE_TIME = 600 * PL_SECOND;

/* ---- a record's lab and VM ---- */

struct scene {
	struct lab *lab;
	struct scenario *scenario;
	struct run_options options;
	struct run run;
};

/* The file as it is now, or, where it is gone or damaged, as it was. */
static struct pl_error *load_lab(const json_t *record, struct lab **ret)
{
	const char *path = pl_json_str_or(json_object_get(record, "files"), "lab", "");
	struct pl_error *e = lab_load(path, ret);
	if (e == NULL)
		return NULL;
	pl_error_free(e);
	char *text = json_dumps(json_object_get(record, "lab"), JSON_COMPACT | JSON_ENCODE_ANY);
	e = text == NULL ? pl_error_new(PL_ERR_DATA, "it has no lab")
			 : lab_parse(text, strlen(text), path, ret);
	free(text);
	return e;
}

static struct pl_error *load_scenario(const json_t *record, struct scenario **ret)
{
	const char *path = pl_json_str_or(json_object_get(record, "files"), "scenario", "");
	struct pl_error *e = scenario_load(path, ret);
	if (e == NULL)
		return NULL;
	pl_error_free(e);
	char *text = json_dumps(json_object_get(record, "recipe"), JSON_COMPACT | JSON_ENCODE_ANY);
	e = text == NULL ? pl_error_new(PL_ERR_DATA, "it has no scenario")
			 : scenario_parse(text, strlen(text), path, ret);
	free(text);
	return e;
}

static const char *vmx_of(const json_t *record)
{
	return pl_json_str_or(json_object_get(json_object_get(record, "inputs"), "vm"), "vmx", "");
}

static struct pl_error *scene_open(struct scene *s, const struct prune *p, const json_t *record)
{
	struct pl_wait w = pl_wait_for(ASK_TIME, p->cancel);
	char *vmx = NULL;
	struct pl_error *e = load_lab(record, &s->lab);
	if (e == NULL)
		e = load_scenario(record, &s->scenario);
	s->options = (struct run_options){.lab = s->lab,
		.scenario = s->scenario,
		.state = p->state,
		.log = p->log,
		.cancel = p->cancel};
	if (e == NULL)
		e = run_context_init(&s->run, &s->options);
	if (e == NULL)
		e = pl_strdup(vmx_of(record), &vmx);
	struct lab_vm by_path = {.vmx = vmx};
	if (e == NULL)
		e = s->run.host.ops->find(s->run.host.host, &by_path, &w, &s->run.vm);
	if (e == NULL)
		e = arming_prepare(&s->run, &w);
	free(vmx);
	return e;
}

static void scene_close(struct scene *s)
{
	if (s->run.o != NULL)
		run_context_deinit(&s->run);
	scenario_destroy(s->scenario);
	lab_destroy(s->lab);
}

/* ---- what becomes of it ---- */

static struct pl_error *look(struct scene *s, const json_t *record, const char **state, char **why)
{
	struct pl_wait w = run_wait(&s->run, ASK_TIME);
	bool listed = false;
	struct pl_error *e = vm_has_snapshot(
		&s->run.host, &s->run.vm, pl_json_str_or(record, "snapshot", ""), &w, &listed);
	if (e == NULL && listed)
		e = prepared_start_unfit(&s->run, record, why);
	*state = !listed ? "gone" : *why != NULL ? "stale" : "fits";
	return e;
}

/* NULL: it stays. rank: how many newer ones its VM has. */
static const char *reason(const struct prune *p, const json_t *record, const char *state, uint64_t rank)
{
	int64_t age = (int64_t)time(NULL) - pl_json_int_or(record, "at", 0);
	if (strcmp(state, "unknown") == 0)
		return NULL;
	if (strcmp(state, "fits") != 0)
		return state;
	if (p->all)
		return "all";
	if (p->older_than > 0 && age >= p->older_than / PL_SECOND)
		return "age";
	return p->keep_given && rank >= p->keep ? "count" : NULL;
}

static struct pl_error *drop(struct scene *s, const struct prune *p, const json_t *record, const char *state)
{
	struct store_lock lock = STORE_UNLOCKED;
	struct pl_wait w = pl_wait_for(DELETE_TIME, p->cancel);
	/* Its VM is gone, too: then there is only the record. */
	if (s->run.vm.vmx == NULL || strcmp(state, "gone") == 0)
		return prepared_forget(p->state, pl_json_str_or(record, "digest", ""));
	struct pl_error *e = store_lock(p->state, s->run.vm.vmx, "prune", &lock);
	if (e == NULL)
		e = prepared_drop(p->state, &s->run.host, &s->run.vm, record, &w);
	store_unlock(&lock);
	return pl_error_context(e, "%s", pl_json_str_or(record, "snapshot", ""));
}

static uint64_t rank_of(const json_t *all, size_t index)
{
	uint64_t rank = 0;
	for (size_t i = 0; i < index; i++)
		rank += strcmp(vmx_of(json_array_get(all, i)), vmx_of(json_array_get(all, index))) == 0 ? 1
													: 0;
	return rank;
}

static struct pl_error *prune_one(const struct prune *p, const json_t *all, size_t index, json_t *ret)
{
	struct scene s = {0};
	const json_t *record = json_array_get(all, index);
	const char *state = "unknown";
	char *why = NULL, line[WHY_MAX];
	struct pl_error *e = scene_open(&s, p, record);
	if (e == NULL)
		e = look(&s, record, &state, &why);
	if (e != NULL && pl_error_kind(e) != PL_ERR_INTERRUPTED) {
		state = vmx_of(record)[0] != '\0' && access(vmx_of(record), F_OK) < 0 ? "gone" : "unknown";
		free(why);
		pl_error_line(e, line, sizeof line);
		pl_error_free(e);
		e = pl_strdup(line, &why);
	}
	const char *because = e == NULL ? reason(p, record, state, rank_of(all, index)) : NULL;
	if (because != NULL && !p->dry_run)
		e = drop(&s, p, record, state);
	json_array_append_new(ret,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s?, s:b}", "snapshot",
			pl_json_str_or(record, "snapshot", ""), "digest",
			pl_json_str_or(record, "digest", ""), "guest", pl_json_str_or(record, "guest", ""),
			"scenario", pl_json_str_or(record, "scenario", ""), "made",
			pl_json_str_or(record, "made", ""), "vmx", vmx_of(record), "state", state, "why", why,
			"delete", because, "deleted", because != NULL && !p->dry_run && e == NULL));
	free(why);
	scene_close(&s);
	return e;
}

struct pl_error *prune_prepared(const struct prune *p, json_t **ret)
{
	json_t *all = NULL;
	struct pl_error *first = NULL;
	*ret = json_array();
	struct pl_error *e = *ret == NULL ? pl_error_nomem() : prepared_list(p->state, NULL, p->log, &all);
	for (size_t i = 0; e == NULL && i < json_array_size(all); i++) {
		struct pl_error *one = prune_one(p, all, i, *ret);
		bool ends = one != NULL && pl_error_kind(one) == PL_ERR_INTERRUPTED;
		pl_error_keep_first(&first, one);
		if (ends)
			break;
	}
	json_decref(all);
	pl_error_keep_first(&first, e);
	return first;
}
