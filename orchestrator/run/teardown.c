#include "orchestrator/run/teardown.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/report/report.h"
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

/* A process number may be another's by now, so the lock must be held, too. */
bool run_is_under_way(const char *state, const struct journal_state *s)
{
	int64_t process = pl_json_int_or(s->begin, "process", 0);
	if (process <= 0 || s->end != NULL || (kill((pid_t)process, 0) < 0 && errno != EPERM))
		return false;
	return store_locked(state, journal_vmx_in_use(s));
}

/* From the first line, or, when the run ended before it could begin, from the last. */
static const char *about(const struct journal_state *s, const char *key)
{
	return pl_json_str_or(s->begin, key, pl_json_str_or(s->end, key, ""));
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
		e = pl_strdup(about(&s, "scenario"), &ret->scenario);
	if (e == NULL)
		e = pl_strdup(about(&s, "guest"), &ret->guest);
	if (e == NULL)
		e = pl_strdup(about(&s, "at"), &ret->started);
	if (e == NULL)
		e = pl_strdup(pl_json_str_or(s.end, "outcome", ""), &ret->outcome);
	ret->pending = journal_pending(&s);
	ret->under_way = e == NULL && run_is_under_way(state, &s);
	journal_state_deinit(&s);
	free(path);
	return e;
}

/* The lock, waited for: children of a killed run end by their own deadlines. */
static struct pl_error *lock(
	const char *state, const char *vmx, const char *id, const struct pl_wait *w, struct store_lock *ret)
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
	struct store_lock lock;
	const char *locked; /* borrowed: what the lock is on */
};

static void scene_deinit(struct scene *s)
{
	store_unlock(&s->lock);
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

/* The report of a run that ended unrestored says so until this corrects it. */
static struct pl_error *correct_report(const char *dir)
{
	char *path = NULL;
	struct pl_buf text;
	json_t *doc = NULL;
	pl_buf_init(&text, REPORT_MAX);
	struct pl_error *e = store_path(dir, "report.json", &path);
	if (e == NULL && pl_fs_exists(path)) {
		e = pl_fs_read(path, &text);
		if (e == NULL)
			e = pl_json_parse(pl_buf_text(&text), text.size, REPORT_MAX, path, &doc);
		if (e == NULL)
			json_object_set_new(doc, "restored",
				json_pack("{s:b, s:[], s:b}", "complete", 1, "left", "later", 1));
		if (e == NULL)
			e = report_write_all(dir, doc);
	}
	json_decref(doc);
	pl_buf_deinit(&text);
	free(path);
	return e;
}

static struct pl_error *restore_scene(
	struct scene *s, const char *dir, const struct teardown *t, const struct pl_wait *w, json_t **left)
{
	struct restore_args a = {
		.cancel = w->cancel,
		.dir = dir,
		.lab = s->lab,
		.cfg = s->cfg,
		.backend = &s->backend,
		.vm = &s->vm,
		.state = t->state,
		.locked = s->locked,
		.log = t->log,
		.on_undo = t->on_undo,
		.arg = t->arg,
	};
	return restore_run(&a, left);
}

/* Everything is listed as left until the lab is there to undo it. */
static struct pl_error *restore_journal(const char *dir, const struct journal_state *j,
	const struct teardown *t, const struct pl_wait *w, json_t **left)
{
	struct scene s = {.lock = STORE_UNLOCKED};
	*left = restore_pending(j);
	struct pl_error *e = lock(t->state, journal_vmx_in_use(j), t->id, w, &s.lock);
	s.locked = journal_vmx_in_use(j);
	if (e == NULL)
		e = scene_open(&s, dir, j, t->log, w);
	if (e == NULL) {
		json_decref(*left);
		e = restore_scene(&s, dir, t, w, left);
	}
	if (e == NULL)
		e = correct_report(dir);
	scene_deinit(&s);
	return e;
}

struct pl_error *teardown_run(const struct teardown *t, const struct pl_wait *w, json_t **left)
{
	char *dir = NULL, *path = NULL;
	struct journal_state j = {0};
	*left = NULL;
	struct pl_error *e = pl_asprintf(&dir, "%s/runs/%s", t->state, t->id);
	if (e == NULL)
		e = store_path(dir, "journal.ndjson", &path);
	if (e == NULL)
		e = journal_read(path, &j);
	if (e == NULL && run_is_under_way(t->state, &j))
		e = pl_error_hint(pl_error_at(pl_error_new(PL_ERR_LAB, "the run is under way (process %lld)",
						      (long long)pl_json_int_or(j.begin, "process", 0)),
					  "%s", t->id),
			"it restores by itself; `kill -INT %lld` makes it do so now",
			(long long)pl_json_int_or(j.begin, "process", 0));
	if (e == NULL && journal_pending(&j) > 0)
		e = restore_journal(dir, &j, t, w, left);
	journal_state_deinit(&j);
	free(path);
	free(dir);
	return e;
}
