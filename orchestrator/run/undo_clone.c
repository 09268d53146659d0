#include "orchestrator/run/undo_clone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/store.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

/* Deleting a clone and merging a snapshot's disks can take minutes. */
static const int64_t VM_TIME = 600 * PL_SECOND;

/* Another run may be cloning the VM, or be on it with a snapshot. */
static const int64_t LOCK_TIME = 600 * PL_SECOND;

static const char *before_str(const struct undo *u, const char *key)
{
	return pl_json_str_or(u->change->before, key, "");
}

/* ---- the clone ---- */

/* By its path; a full clone is where the REST service put it, under the same name. False: there is none. */
static bool find_clone(const struct undo *u, const struct pl_wait *w, struct vm *ret)
{
	struct vm_backend *b = u->args->backend;
	char *vmx = NULL, *name = NULL;
	struct pl_error *e = pl_strdup(before_str(u, "vmx"), &vmx);
	if (e == NULL)
		e = pl_strdup(before_str(u, "name"), &name);
	const struct lab_vm by_path = {.vmx = vmx}, by_name = {.name = name};
	if (e == NULL)
		e = b->ops->find(b->host, &by_path, w, ret);
	if (e != NULL && name != NULL) {
		pl_error_free(e);
		e = b->ops->find(b->host, &by_name, w, ret);
	}
	bool found = e == NULL && strcmp(ret->vmx, before_str(u, "source")) != 0;
	pl_error_free(e);
	free(vmx);
	free(name);
	return found;
}

/*
 * No clone was found: only a service that answers for the VM itself can tell that
 * there is none, as a full one may be anywhere.
 */
static struct pl_error *check_answers(const struct undo *u, const struct pl_wait *w)
{
	struct vm_backend *b = u->args->backend;
	struct vm source = {0};
	char *vmx = NULL;
	struct pl_error *e = pl_strdup(before_str(u, "source"), &vmx);
	const struct lab_vm by_path = {.vmx = vmx};
	if (e == NULL)
		e = b->ops->find(b->host, &by_path, w, &source);
	vm_deinit(&source);
	free(vmx);
	return pl_error_context(e, "whether there is a clone cannot be told");
}

/* A bundle of ours by its name, whatever a journal says. */
static bool is_our_bundle(const char *folder)
{
	const char *slash = strrchr(folder, '/');
	return slash != NULL && pl_starts_with(slash + 1, "paniclab-") && pl_ends_with(folder, ".vmwarevm");
}

/* What a clone that was cut off in its making has left, which Fusion knows nothing of. */
static struct pl_error *remove_folder(const struct undo *u)
{
	char *folder = NULL;
	struct pl_error *e = pl_fs_parent(before_str(u, "vmx"), &folder);
	if (e == NULL && pl_fs_exists(folder) && is_our_bundle(folder))
		e = pl_fs_remove_tree(folder);
	free(folder);
	return e;
}

/*
 * One that Fusion knows is stopped and deleted. One that it does not know was
 * never started by us; where only the REST service is gone, vmrun refuses to
 * delete what runs.
 */
static struct pl_error *end_clone(const struct undo *u, const struct pl_wait *w)
{
	static char unknown[] = "-";
	struct vm_backend *b = u->args->backend;
	struct vm clone = {0};
	char *vmx = NULL;
	struct pl_error *e = NULL;
	if (find_clone(u, w, &clone)) {
		e = b->ops->stop(b->host, &clone, true, w);
		if (e == NULL)
			e = b->ops->remove(b->host, &clone, w);
	} else if (pl_fs_exists(before_str(u, "vmx"))) {
		e = pl_strdup(before_str(u, "vmx"), &vmx);
		const struct vm left = {.id = unknown, .vmx = vmx, .name = vmx};
		if (e == NULL)
			e = b->ops->remove(b->host, &left, w);
	} else {
		e = check_answers(u, w);
	}
	vm_deinit(&clone);
	free(vmx);
	return e != NULL ? e : remove_folder(u);
}

/* ---- its snapshot ---- */

/* The caller has the clone's lock, or still the VM's own. */
static struct pl_error *lock_source(const struct undo *u, struct store_lock *ret)
{
	const char *source = before_str(u, "source");
	struct pl_wait w = pl_wait_for(LOCK_TIME, u->args->cancel);
	*ret = STORE_UNLOCKED;
	if (u->args->locked != NULL && strcmp(u->args->locked, source) == 0)
		return NULL;
	for (;;) {
		struct pl_error *e = store_lock(u->args->state, source, before_str(u, "name"), ret);
		if (e == NULL)
			return NULL;
		struct pl_error *over = pl_wait_sleep(&w, 200 * PL_MS);
		if (over != NULL) {
			pl_error_free(over);
			return pl_error_hint(e, "wait for that run");
		}
		pl_error_free(e);
	}
}

static struct pl_error *end_snapshot(const struct undo *u, const struct vm *source, const struct pl_wait *w)
{
	struct vm_backend *b = u->args->backend;
	const char *name = before_str(u, "snapshot");
	bool listed = false;
	struct pl_error *e = vm_has_snapshot(b, source, name, w, &listed);
	return e == NULL && listed ? b->ops->snapshot_delete(b->host, source, name, w) : e;
}

struct pl_error *undo_clone(struct undo *u, char *out)
{
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	struct store_lock lock = STORE_UNLOCKED;
	struct vm source = {0};
	struct pl_error *e = end_clone(u, &w);
	if (e == NULL)
		e = lock_source(u, &lock);
	if (e == NULL)
		e = pl_strdup(before_str(u, "source"), &source.vmx);
	if (e == NULL)
		e = pl_strdup(before_str(u, "source"), &source.name);
	if (e == NULL)
		e = end_snapshot(u, &source, &w);
	store_unlock(&lock);
	vm_deinit(&source);
	SAY("deleted, with its snapshot");
	return e;
}

void undo_clone_by_hand(const struct undo *u, char *out)
{
	struct pl_buf command;
	pl_buf_init(&command, UNDO_TEXT_MAX - 1);
	struct pl_error *e = pl_buf_puts(&command, "vmrun -T fusion deleteVM ");
	if (e == NULL)
		e = pl_shell_quote(before_str(u, "vmx"), &command);
	if (e == NULL)
		e = pl_buf_puts(&command, "; vmrun -T fusion deleteSnapshot ");
	if (e == NULL)
		e = pl_shell_quote(before_str(u, "source"), &command);
	if (e == NULL)
		e = pl_buf_printf(&command, " %s", before_str(u, "snapshot"));
	SAY("%s", e == NULL ? pl_buf_text(&command) : "delete the clone and its snapshot in Fusion");
	pl_error_free(e);
	pl_buf_deinit(&command);
}
