#include "orchestrator/run/undo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/undo_guest.h"
#include "orchestrator/run/undo_host.h"
#include "orchestrator/run/undo_nvram.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

/* Merging a snapshot's disks can take minutes; a hung vmrun must end all the same. */
static const int64_t VM_TIME = 600 * PL_SECOND;

static const char *before_str(const struct undo *u, const char *key)
{
	return pl_json_str_or(u->change->before, key, "");
}

static bool was_on(const struct undo *u)
{
	return strcmp(before_str(u, "power"), vm_power_name(VM_POWER_ON)) == 0;
}

static struct pl_error *snapshot_listed(
	const struct undo *u, const char *name, const struct pl_wait *w, bool *ret)
{
	struct vm_backend *b = u->args->backend;
	char **names = NULL;
	size_t count = 0;
	struct pl_error *e = b->ops->snapshots(b->host, u->args->vm, w, &names, &count);
	*ret = false;
	for (size_t i = 0; i < count; i++)
		*ret = *ret || strcmp(names[i], name) == 0;
	vm_names_free(names, count);
	return e;
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
	struct pl_wait w = pl_wait_for(VM_TIME, NULL);
	bool reverted = journal_has_note(u->change, "reverted");
	bool listed = false;
	struct pl_error *e = snapshot_listed(u, name, &w, &listed);
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
		e = snapshot_listed(u, name, &w, &listed);
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

static struct pl_error *undo_power(struct undo *u, char *out)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait soft = pl_wait_for(90 * PL_SECOND, NULL);
	struct pl_wait w = pl_wait_for(VM_TIME, NULL);
	/* Asked first: a guest that shuts down writes its nvram and disks. */
	struct pl_error *e = b->ops->stop(b->host, u->args->vm, false, &soft);
	if (e != NULL) {
		pl_error_free(e);
		e = b->ops->stop(b->host, u->args->vm, true, &w);
		SAY("powered off hard");
	} else {
		SAY("shut down");
	}
	return e;
}

static void by_hand_power(const struct undo *u, char *out)
{
	char vmx[UNDO_TEXT_MAX / 2];
	SAY("vmrun -T fusion stop %s", quoted(u->args->vm->vmx, vmx, sizeof vmx));
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

static void by_hand_guest_folder(const struct undo *u, char *out)
{
	SAY("in the guest: sudo rm -r /private/var/tmp/paniclab.%s.*", before_str(u, "tag"));
}

const struct undo_kind *undo_find(const char *change)
{
	static const struct undo_kind kinds[] = {
		{"snapshot", false, undo_snapshot, by_hand_snapshot},
		{"firewall", false, undo_firewall, undo_firewall_by_hand},
		{"kdumpd", false, undo_kdumpd, undo_kdumpd_by_hand},
		{"nvram", false, undo_nvram, undo_nvram_by_hand},
		{"power", true, undo_power, by_hand_power},
		{"payload", true, undo_payload, by_hand_payload},
		{"boot-args", true, undo_boot_args, by_hand_boot_args},
		{"guest-folder", true, undo_guest_folder, by_hand_guest_folder},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].change, change) == 0)
			return &kinds[i];
	return NULL;
}
