#include "orchestrator/run/undo_prepared.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

/* Merging a snapshot's disks can take minutes. */
static const int64_t VM_TIME = 600 * PL_SECOND;

static const char *name_of(const struct undo *u)
{
	return pl_json_str_or(u->change->before, "snapshot", "");
}

/* Without its record no run takes it for whole. */
static struct pl_error *remove_record(const struct undo *u)
{
	const char *path = pl_json_str_or(u->change->before, "record", "");
	if (path[0] == '\0' || unlink(path) == 0 || errno == ENOENT)
		return NULL;
	return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot remove the record"), "%s", path);
}

struct pl_error *undo_prepared(struct undo *u, char *out)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	bool listed = false;
	if (u->change->done) {
		SAY("kept: %s", name_of(u));
		return NULL;
	}
	struct pl_error *e = remove_record(u);
	if (e == NULL)
		e = vm_has_snapshot(b, u->args->vm, name_of(u), &w, &listed);
	/* The revert that is to come stops it anyway, and Fusion merges nothing under a guest that runs. */
	if (e == NULL && listed && u->cover == UNDO_COVERED)
		e = b->ops->stop(b->host, u->args->vm, true, &w);
	if (e == NULL && listed)
		e = b->ops->snapshot_delete(b->host, u->args->vm, name_of(u), &w);
	if (e == NULL && listed)
		e = vm_has_snapshot(b, u->args->vm, name_of(u), &w, &listed);
	if (e == NULL && listed)
		e = pl_error_at(pl_error_new(PL_ERR_RESTORE,
					"the snapshot %s is still listed after its deletion", name_of(u)),
			"%s", u->args->vm->name);
	SAY("never finished; deleted");
	return e;
}

void undo_prepared_by_hand(const struct undo *u, char *out)
{
	struct pl_buf command;
	pl_buf_init(&command, UNDO_TEXT_MAX - 1);
	struct pl_error *e = pl_buf_puts(&command, "vmrun -T fusion deleteSnapshot ");
	if (e == NULL)
		e = pl_shell_quote(u->args->vm->vmx, &command);
	if (e == NULL)
		e = pl_buf_printf(&command, " %s", name_of(u));
	SAY("%s", e == NULL ? pl_buf_text(&command) : "delete the prepared snapshot in Fusion");
	pl_error_free(e);
	pl_buf_deinit(&command);
}
