/*
 * Fusion's command vmrun: snapshots, which the REST service does not have, and
 * a second way to start and stop.
 *
 * Errors are PL_ERR_LAB (or TIMEOUT, INTERRUPTED) at "vmrun COMMAND". A file
 * that is "in use" is often in use for a moment only: such a command is tried
 * again for a while. A child is killed when its time is over, so nothing hangs
 * on a vmrun that does.
 */
#ifndef FUSION_VMRUN_H
#define FUSION_VMRUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

#define VMRUN_OUTPUT_MAX ((size_t)1 << 20)

struct vm_clone;

struct vmrun {
	char *path;              /* NULL until it is looked for */
	char *configured;        /* "auto" or a path */
	const char *vm_password; /* borrowed; NULL: none. vmrun takes it in its arguments only, where ps shows
				    it */
	const struct pl_log *log;
};

/** path: "auto" looks into Fusion's bundle, then into PATH, at the first use. */
struct pl_error *vmrun_init(
	struct vmrun *v, const char *path, const char *vm_password, const struct pl_log *log) PL_MUST_USE;
void vmrun_deinit(struct vmrun *v);

/** False if there is no such program: vmcli may do some of its work. */
bool vmrun_is_there(struct vmrun *v);

/** Without a window. The VM's process outlives the run, and inherits nothing of it. */
struct pl_error *vmrun_start(struct vmrun *v, const char *vmx, const struct pl_wait *w) PL_MUST_USE;

/** May report an error although the VM stopped: look again. */
struct pl_error *vmrun_stop(struct vmrun *v, const char *vmx, bool hard, const struct pl_wait *w) PL_MUST_USE;

/** The running VMs' .vmx paths; free with vm_names_free(). */
struct pl_error *vmrun_list(struct vmrun *v, const struct pl_wait *w, char ***ret, size_t *count) PL_MUST_USE;

/** Names, in vmrun's order, not unique; free with vm_names_free(). */
struct pl_error *vmrun_snapshots(
	struct vmrun *v, const char *vmx, const struct pl_wait *w, char ***ret, size_t *count) PL_MUST_USE;

/** The name may not be empty nor hold a slash (vmrun takes it for a path in the tree): PL_ERR_USAGE. */
struct pl_error *vmrun_snapshot_take(
	struct vmrun *v, const char *vmx, const char *name, const struct pl_wait *w) PL_MUST_USE;
struct pl_error *vmrun_snapshot_revert(
	struct vmrun *v, const char *vmx, const char *name, const struct pl_wait *w) PL_MUST_USE;
struct pl_error *vmrun_snapshot_delete(
	struct vmrun *v, const char *vmx, const char *name, const struct pl_wait *w) PL_MUST_USE;

/** A linked clone of a VM that is off, as of its snapshot, at the path c->vmx. */
struct pl_error *vmrun_clone(
	struct vmrun *v, const char *vmx, const struct vm_clone *c, const struct pl_wait *w) PL_MUST_USE;

/** Deletes a VM that is off, with all its files. */
struct pl_error *vmrun_delete_vm(struct vmrun *v, const char *vmx, const struct pl_wait *w) PL_MUST_USE;

/** The address that Tools report, one try (never -wait, which can block for ever). */
struct pl_error *vmrun_guest_ip(
	struct vmrun *v, const char *vmx, const struct pl_wait *w, char ret[16]) PL_MUST_USE;

/*
 * The readers of vmrun's output. It prints errors on standard output, log lines
 * before them and warnings before an answer, so each looks at every line.
 */

/** The text behind "Error: " of the first line that starts so, escaped into out; false if there is none. */
bool vmrun_read_error(const char *text, size_t size, char *out, size_t room);

/**
 * The list below the line "HEAD: N" ("Total running VMs", "Total snapshots").
 * Log lines in between are left out if there are more lines than N; fewer are
 * an error (PL_ERR_DATA).
 */
struct pl_error *vmrun_read_list(
	const char *text, size_t size, const char *head, char ***ret, size_t *count) PL_MUST_USE;

/** The last line that is an IPv4 address; false if there is none. */
bool vmrun_read_ip(const char *text, size_t size, char ret[16]);

#endif
