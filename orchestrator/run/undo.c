#include "orchestrator/run/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/fusion/bundle.h"
#include "orchestrator/run/console.h"
#include "orchestrator/run/undo_clone.h"
#include "orchestrator/run/undo_guest.h"
#include "orchestrator/run/undo_host.h"
#include "orchestrator/run/undo_kernel.h"
#include "orchestrator/run/undo_prepared.h"
#include "orchestrator/run/vm_nvram.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

/* Merging a snapshot's disks can take minutes; a hung vmrun must end all the same. */
static const int64_t VM_TIME = 600 * PL_SECOND;

/* Fusion lets go of the files of a VM that went off up to two minutes later. */
static const int64_t LOCK_TIME = 150 * PL_SECOND;

static const char *before_str(const struct undo *u, const char *key)
{
	return pl_json_str_or(u->change->before, key, "");
}

static bool was_on(const struct undo *u)
{
	return strcmp(before_str(u, "power"), vm_power_name(VM_POWER_ON)) == 0;
}

static struct pl_error *set_power(const struct undo *u, bool on, const struct pl_wait *w)
{
	struct vm_backend *b = u->args->backend;
	if (on)
		return b->ops->start(b->host, u->args->vm, w);
	return b->ops->stop(b->host, u->args->vm, true, w);
}

static struct pl_error *revert(const struct undo *u, const char *name, const struct pl_wait *w)
{
	struct vm_backend *b = u->args->backend;
	struct pl_error *e = set_power(u, false, w);
	if (e == NULL)
		e = b->ops->snapshot_revert(b->host, u->args->vm, name, w);
	return e != NULL ? e : journal_note(u->journal, u->change->id, "reverted");
}

static struct pl_error *undo_snapshot(struct undo *u, char *out)
{
	const char *name = before_str(u, "snapshot");
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	bool reverted = journal_has_note(u->change, "reverted");
	bool listed = false;
	struct pl_error *e = vm_has_snapshot(b, u->args->vm, name, &w, &listed);
	if (e != NULL)
		return e;
	if (!listed && u->change->done && !reverted)
		return pl_error_at(pl_error_new(PL_ERR_RESTORE,
					   "the snapshot %s is gone, and it was not reverted", name),
			"%s", u->args->vm->name);
	/* A snapshot that was not done has nothing after it: no later step began. */
	if (listed && u->change->done && !reverted)
		e = revert(u, name, &w);
	if (e == NULL && u->change->done)
		e = set_power(u, was_on(u), &w);
	if (e == NULL && listed)
		e = b->ops->snapshot_delete(b->host, u->args->vm, name, &w);
	if (e == NULL)
		e = vm_has_snapshot(b, u->args->vm, name, &w, &listed);
	if (e == NULL && listed)
		e = pl_error_at(pl_error_new(PL_ERR_RESTORE,
					"the snapshot %s is still listed after its deletion", name),
			"%s", u->args->vm->name);
	if (e == NULL)
		SAY("%s; the VM is %s", u->change->done ? "reverted and deleted" : "never finished; deleted",
			before_str(u, "power"));
	return e;
}

/* word as a shell takes it, into out; cut (and so not to be trusted) only past its size. */
static const char *quoted(const char *word, char *out, size_t size)
{
	struct pl_buf b;
	pl_buf_init(&b, size - 1);
	struct pl_error *e = pl_shell_quote(word, &b);
	snprintf(out, size, "%s", e == NULL ? pl_buf_text(&b) : "...");
	pl_error_free(e);
	pl_buf_deinit(&b);
	return out;
}

static void by_hand_snapshot(const struct undo *u, char *out)
{
	char vmx[UNDO_TEXT_MAX / 3], name[80];
	quoted(u->args->vm->vmx, vmx, sizeof vmx);
	quoted(before_str(u, "snapshot"), name, sizeof name);
	SAY("vmrun -T fusion revertToSnapshot %s %s; %svmrun -T fusion deleteSnapshot %s %s", vmx, name,
		was_on(u) ? "start the VM; " : "", vmx, name);
}

/* Asked first: a guest that shuts down writes its nvram and disks. */
static struct pl_error *shut_down(const struct undo *u, const char **how)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait soft = pl_wait_for(90 * PL_SECOND, u->args->cancel);
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	struct pl_error *e = b->ops->stop(b->host, u->args->vm, false, &soft);
	*how = "shut down";
	if (e == NULL)
		return NULL;
	pl_error_free(e);
	*how = "powered off hard";
	return b->ops->stop(b->host, u->args->vm, true, &w);
}

struct pl_error *undo_shut_down(const struct undo *u)
{
	const char *how;
	return shut_down(u, &how);
}

static struct pl_error *undo_power(struct undo *u, char *out)
{
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	const char *how = "running again";
	struct pl_error *e = was_on(u) ? set_power(u, true, &w) : shut_down(u, &how);
	SAY("%s", how);
	return e;
}

static void by_hand_power(const struct undo *u, char *out)
{
	char vmx[UNDO_TEXT_MAX / 2];
	SAY("vmrun -T fusion %s %s", was_on(u) ? "start" : "stop", quoted(u->args->vm->vmx, vmx, sizeof vmx));
}

struct pl_error *undo_open_nvram(const struct undo *u, struct vm_nvram *ret)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(LOCK_TIME, u->args->cancel);
	*ret = (struct vm_nvram){0};
	struct pl_error *e = b->ops->settle(b->host, u->args->vm, &w);
	if (e == NULL)
		e = vm_nvram_open(u->args->vm->vmx, ret);
	if (e == NULL)
		bundle_sweep(ret->path);
	return e;
}

/* The VM is off when this begins and ends, or off and then on again. */
static struct pl_error *put_back_nvram(const struct undo *u)
{
	struct vm_nvram v;
	bool changed = false;
	struct pl_error *e = undo_open_nvram(u, &v);
	if (e == NULL)
		e = vm_nvram_put_back(&v, u->change->before, &changed);
	if (e == NULL && changed)
		e = vm_nvram_write(&v);
	vm_nvram_close(&v);
	return e != NULL ? e : console_remove(json_object_get(u->change->before, "console"));
}

static struct pl_error *undo_nvram(struct undo *u, char *out)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	enum vm_power power = VM_POWER_CHANGING;
	const char *how = "";
	struct pl_error *e = b->ops->power(b->host, u->args->vm, &w, &power);
	SAY("%s", u->cover == UNDO_REVERTED ? "by the snapshot" : "as it was");
	/* A snapshot that was gone back to carries the .nvram; whoever uses the VM since, or lets it sleep,
	 * is not disturbed. */
	if (u->cover == UNDO_REVERTED && (e != NULL || power != VM_POWER_OFF))
		return e;
	/* Without an answer it is stopped all the same: to stop what is off is no error. */
	pl_error_free(e);
	e = NULL;
	/* Whatever the disk holds, a revert is still to come. */
	if (power != VM_POWER_OFF)
		e = u->cover == UNDO_COVERED ? set_power(u, false, &w) : shut_down(u, &how);
	if (e == NULL)
		e = put_back_nvram(u);
	if (e == NULL && power == VM_POWER_ON && u->cover == UNDO_ALONE)
		e = set_power(u, true, &w);
	return e;
}

static void by_hand_nvram(const struct undo *u, char *out)
{
	vm_nvram_by_hand(u->change->before, out, UNDO_TEXT_MAX);
	size_t used = strlen(out);
	if (json_object_get(u->change->before, "console") != NULL)
		snprintf(out + used, UNDO_TEXT_MAX - used, "; remove the lines of serial0 from its .vmx");
}

static void by_hand_boot_args(const struct undo *u, char *out)
{
	char value[UNDO_TEXT_MAX - 64];
	if (pl_json_bool_or(u->change->before, "set", false))
		SAY("in the guest: sudo nvram boot-args=%s",
			quoted(before_str(u, "value"), value, sizeof value));
	else
		SAY("in the guest: sudo nvram -d boot-args");
}

static void by_hand_payload(const struct undo *u, char *out)
{
	char *paths = json_dumps(json_object_get(u->change->before, "paths"), JSON_COMPACT);
	SAY("in the guest: remove %s", paths == NULL ? "the payload's files" : paths);
	free(paths);
}

static void by_hand_sip(const struct undo *u, char *out)
{
	(void)u;
	SAY("boot the guest into Recovery (Cmd-R), Utilities, Terminal: csrutil enable");
}

static void by_hand_guest_folder(const struct undo *u, char *out)
{
	SAY("in the guest: sudo rm -r /private/var/tmp/paniclab.%s.*", before_str(u, "tag"));
}

const struct undo_kind *undo_find(const char *change)
{
	static const struct undo_kind kinds[] = {
		{"snapshot", false, undo_snapshot, by_hand_snapshot},
		{"clone", false, undo_clone, undo_clone_by_hand},
		{"prepared", false, undo_prepared, undo_prepared_by_hand},
		{"firewall", false, undo_firewall, undo_firewall_by_hand},
		{"kdumpd", false, undo_kdumpd, undo_kdumpd_by_hand},
		{"nvram", false, undo_nvram, by_hand_nvram},
		{"power", true, undo_power, by_hand_power},
		{"payload", true, undo_payload, by_hand_payload},
		{"kernel", true, undo_kernel, undo_kernel_by_hand},
		{"boot-args", true, undo_boot_args, by_hand_boot_args},
		{"sip-by-hand", true, undo_sip_by_hand, by_hand_sip},
		{"guest-folder", true, undo_guest_folder, by_hand_guest_folder},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].change, change) == 0)
			return &kinds[i];
	return NULL;
}
