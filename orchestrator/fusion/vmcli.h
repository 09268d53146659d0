/*
 * Fusion 13's command vmcli, for snapshots where there is no vmrun.
 *
 * It names snapshots by uid, which is looked up by the name, anew for each
 * command; two of one name are refused. Junk may come before its JSON. An
 * encrypted VM's password cannot be given to it.
 *
 * Errors are PL_ERR_LAB (or TIMEOUT, INTERRUPTED) at "vmcli Snapshot COMMAND". A
 * file that is "in use" is often in use for a moment only: it is tried again.
 */
#ifndef FUSION_VMCLI_H
#define FUSION_VMCLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

enum { VMCLI_SNAPSHOTS_MAX = 4096 };

struct vmcli {
	char *path; /* NULL: none was found */
	const struct pl_log *log;
};

/** Looks beside vmrun's place (a path, or "auto": as for vmrun itself). None is no error. */
struct pl_error *vmcli_init(struct vmcli *v, const char *vmrun, const struct pl_log *log) PL_MUST_USE;
void vmcli_deinit(struct vmcli *v);
bool vmcli_is_there(const struct vmcli *v);

/** Names, free with vm_names_free(). */
struct pl_error *vmcli_snapshots(
	struct vmcli *v, const char *vmx, const struct pl_wait *w, char ***ret, size_t *count) PL_MUST_USE;

/** memory: of a VM that is on. */
struct pl_error *vmcli_snapshot_take(
	struct vmcli *v, const char *vmx, const char *name, bool memory, const struct pl_wait *w) PL_MUST_USE;
struct pl_error *vmcli_snapshot_revert(
	struct vmcli *v, const char *vmx, const char *name, const struct pl_wait *w) PL_MUST_USE;
/** Its children stay. */
struct pl_error *vmcli_snapshot_delete(
	struct vmcli *v, const char *vmx, const char *name, const struct pl_wait *w) PL_MUST_USE;

struct vmcli_snapshot {
	char *name;
	int64_t uid;
};

/** Reads the answer of `Snapshot query -f json`: PL_ERR_DATA. Free with vmcli_snapshots_free(). */
struct pl_error *vmcli_read(
	const char *text, size_t size, struct vmcli_snapshot **ret, size_t *count) PL_MUST_USE;
void vmcli_snapshots_free(struct vmcli_snapshot *list, size_t count);

#endif
