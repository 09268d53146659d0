/*
 * Isolation by a clone: made from a snapshot of the user's VM, which must be off,
 * beside its bundle. From then on the run is on the clone, and so is its lock:
 * the VM itself is free for other runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

/* A full clone copies all disks. */
static const int64_t CLONE_TIME = 1800 * PL_SECOND;

/* Beside the VM's bundle: FOLDER/NAME.vmwarevm/NAME.vmx. */
static struct pl_error *choose_path(const struct run *r, const char *name, char **ret)
{
	char *bundle = NULL, *folder = NULL;
	struct pl_error *e = pl_fs_parent(r->vm.vmx, &bundle);
	if (e == NULL)
		e = pl_fs_parent(bundle, &folder);
	if (e == NULL)
		e = pl_asprintf(ret, "%s/%s.vmwarevm/%s.vmx", folder, name, name);
	free(bundle);
	free(folder);
	return e;
}

/* The lock on the clone, the journal's word for it, and only then the VM is let go. */
static struct pl_error *move_lock(struct run *r, const char *vmx)
{
	struct store_lock lock = STORE_UNLOCKED;
	char *copy = NULL;
	struct pl_error *e = pl_strdup(vmx, &copy);
	if (e == NULL)
		e = store_lock(r->o->state, vmx, r->id, &lock);
	if (e == NULL)
		e = journal_write(r->journal, "moved", json_pack("{s:s}", "vmx", vmx));
	if (e != NULL) {
		store_unlock(&lock);
		free(copy);
		return e;
	}
	store_unlock(&r->lock);
	free(r->locked);
	r->lock = lock;
	r->locked = copy;
	return NULL;
}

/* What was found out of the VM is now to be known of the clone. */
static struct pl_error *look_again(struct run *r)
{
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	arming_deinit(&r->arm);
	serial_deinit(&r->serial);
	run_report(r, "clone",
		json_pack("{s:s?, s:s?, s:s?}", "id", r->vm.id, "vmx", r->vm.vmx, "name", r->vm.name));
	struct pl_error *e = arming_prepare(r, &w);
	return e != NULL ? e : serial_open(&r->serial, r->vm.vmx);
}

static struct pl_error *make(struct run *r, const struct vm_clone *c)
{
	struct pl_wait w = run_wait(r, CLONE_TIME);
	struct vm clone = {0};
	int64_t id;
	struct pl_error *e = run_intent(r, "clone",
		json_pack("{s:s, s:s, s:s, s:s}", "snapshot", c->snapshot, "source", r->vm.vmx, "vmx", c->vmx,
			"name", c->name),
		&id);
	if (e == NULL)
		e = r->host.ops->snapshot_take(r->host.host, &r->vm, c->snapshot, &w);
	if (e == NULL)
		e = r->host.ops->clone(r->host.host, &r->vm, c, &w, &clone);
	if (e == NULL && strcmp(clone.vmx, r->vm.vmx) == 0)
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "the clone is the VM itself"), "%s", clone.vmx);
	if (e == NULL)
		e = journal_done(r->journal, id);
	if (e == NULL)
		e = move_lock(r, clone.vmx);
	if (e != NULL) {
		vm_deinit(&clone);
		return e;
	}
	vm_deinit(&r->vm);
	r->vm = clone;
	return look_again(r);
}

struct pl_error *step_clone(struct run *r, char *out)
{
	char *vmx = NULL, *name = NULL;
	struct pl_error *e = pl_asprintf(&name, "paniclab-%s", r->id);
	if (e == NULL)
		e = choose_path(r, name, &vmx);
	const struct vm_clone c = {.snapshot = name, .vmx = vmx, .name = name};
	if (e == NULL)
		e = make(r, &c);
	if (e == NULL)
		SAY("%s", r->vm.vmx);
	free(vmx);
	free(name);
	return e;
}
