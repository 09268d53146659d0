#include "orchestrator/run/teardown.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/run/journal.h"
#include "orchestrator/run/restore.h"
#include "orchestrator/run/store.h"

void run_summary_deinit(struct run_summary *s)
{
	free(s->id);
	free(s->scenario);
	free(s->guest);
	free(s->started);
	free(s->outcome);
	*s = (struct run_summary){0};
}

struct pl_error *run_summary_read(const char *state, const char *id, struct run_summary *ret)
{
	char *path = NULL;
	struct journal_state s = {0};
	*ret = (struct run_summary){0};
	struct pl_error *e = pl_asprintf(&path, "%s/runs/%s/journal.ndjson", state, id);
	if (e == NULL && pl_fs_exists(path))
		e = journal_read(path, &s);
	if (e == NULL)
		e = pl_strdup(id, &ret->id);
	if (e == NULL)
		e = pl_strdup(pl_json_str_or(s.begin, "scenario", ""), &ret->scenario);
	if (e == NULL)
		e = pl_strdup(pl_json_str_or(s.begin, "guest", ""), &ret->guest);
	if (e == NULL)
		e = pl_strdup(pl_json_str_or(s.begin, "at", ""), &ret->started);
	if (e == NULL)
		e = pl_strdup(pl_json_str_or(s.end, "outcome", ""), &ret->outcome);
	ret->pending = journal_pending(&s);
	journal_state_deinit(&s);
	free(path);
	return e;
}

/* The lock, waited for: children of a killed run end by their own deadlines. */
static struct pl_error *lock(
	const char *state, const char *vmx, const char *id, const struct pl_wait *w, struct pl_lock *ret)
{
	for (;;) {
		struct pl_error *e = store_lock(state, vmx, id, ret);
		if (e == NULL)
			return NULL;
		struct pl_error *over = pl_wait_sleep(w, 200 * PL_MS);
		if (over != NULL) {
			bool interrupted = pl_error_kind(over) == PL_ERR_INTERRUPTED;
			pl_error_free(interrupted ? e : over);
			return interrupted ? over : pl_error_at(e, "%s", vmx);
		}
		pl_error_free(e);
	}
}

struct scene {
	struct lab *lab;
	const struct lab_guest *cfg;
	char *vm_password;
	struct vm_backend backend;
	struct vm vm;
	struct pl_lock lock;
};

static void scene_deinit(struct scene *s)
{
	pl_lock_release(&s->lock);
	vm_deinit(&s->vm);
	vm_close(&s->backend);
	secret_free(s->vm_password);
	lab_destroy(s->lab);
}

static struct pl_error *scene_open(struct scene *s, const char *dir, const struct journal_state *j,
	const struct pl_log *log, const struct pl_wait *w)
{
	char *path = NULL;
	const char *vmx = pl_json_str_or(j->begin, "vmx", "");
	struct pl_error *e = store_path(dir, "lab.yaml", &path);
	if (e == NULL)
		e = lab_load(path, &s->lab);
	free(path);
	if (e == NULL)
		e = lab_guest_find(s->lab, pl_json_str_or(j->begin, "guest", ""), &s->cfg);
	if (e == NULL && secret_given(&s->cfg->vm_password))
		e = secret_read(&s->cfg->vm_password, "vm_password", &s->vm_password);
	if (e == NULL)
		e = fusion_open(&s->lab->fusion, s->vm_password, log, &s->backend);
	/* By the path that the run used: a name may mean another VM by now. */
	char *copy = NULL;
	if (e == NULL)
		e = pl_strdup(vmx, &copy);
	struct lab_vm by_path = {.vmx = copy};
	if (e == NULL)
		e = s->backend.ops->find(s->backend.host, &by_path, w, &s->vm);
	free(copy);
	return e;
}

struct pl_error *teardown_run(const char *state, const char *id, const struct pl_log *log,
	const struct pl_wait *w,
	void (*on_undo)(void *arg, const char *change, const char *status, const char *detail, int64_t ns),
	void *arg, json_t **left)
{
	char *dir = NULL, *path = NULL;
	struct journal_state j = {0};
	struct scene s = {.lock = {.fd = -1}};
	*left = NULL;
	struct pl_error *e = pl_asprintf(&dir, "%s/runs/%s", state, id);
	if (e == NULL)
		e = store_path(dir, "journal.ndjson", &path);
	if (e == NULL)
		e = journal_read(path, &j);
	if (e == NULL && journal_pending(&j) > 0)
		e = lock(state, pl_json_str_or(j.begin, "vmx", ""), id, w, &s.lock);
	if (e == NULL && journal_pending(&j) > 0)
		e = scene_open(&s, dir, &j, log, w);
	if (e == NULL && journal_pending(&j) > 0) {
		struct restore_args a = {
			.dir = dir,
			.lab = s.lab,
			.cfg = s.cfg,
			.backend = &s.backend,
			.vm = &s.vm,
			.log = log,
			.on_undo = on_undo,
			.arg = arg,
		};
		e = restore_run(&a, left);
	}
	scene_deinit(&s);
	journal_state_deinit(&j);
	free(path);
	free(dir);
	return e;
}
