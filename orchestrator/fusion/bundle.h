/*
 * A VM's folder (NAME.vmwarevm, or any folder with a .vmx) and the files in it
 * that are edited while the VM is off.
 */
#ifndef FUSION_BUNDLE_H
#define FUSION_BUNDLE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "orchestrator/fusion/vmrun.h"

/* Paths are absolute, links resolved. */
struct bundle {
	char *dir;
	char *vmx;       /* NULL for an .nvram beside no .vmx that names it: a copy, no VM's own */
	char *nvram;     /* it need not exist: a VM that was never started has none */
	char *suspended; /* checkpoint.vmState of the .vmx: the file a suspended VM sleeps in; NULL if none */
	bool encrypted;  /* the .vmx says so: then the .nvram cannot be read either */
};

/**
 * Of a bundle, a .vmx or an .nvram. The .nvram is the one that the key `nvram` of
 * the .vmx names, else NAME.nvram. PL_ERR_USAGE for a folder with no .vmx or
 * several, PL_ERR_LAB if there is no such file. *ret needs bundle_deinit().
 */
struct pl_error *bundle_find(const char *path, struct bundle *ret) PL_MUST_USE;
void bundle_deinit(struct bundle *b);

/**
 * Ok if the VM is off, for all that can be seen from here; PL_ERR_LAB if it is
 * on, suspended, or if that cannot be told:
 *
 * - a .vmss in the folder, or one named by checkpoint.vmState: suspended;
 * - `vmrun list` names a .vmx in the folder: on. It has 20 seconds; without an
 *   answer (no Fusion here, say) the locks decide, and the log tells;
 * - a lock (*.lck) of a living process: on, or open in Fusion. One whose process
 *   is gone is stale, left by a crash, and does not count; the log tells. A lock
 *   that names no process counts unless vmrun has answered. On a shared disk the
 *   process may be another host's: only vmrun on that host would know.
 *
 * A copy of an .nvram (no .vmx) belongs to no VM and is always free.
 */
struct pl_error *bundle_check_off(const struct bundle *b, struct vmrun *v, const struct pl_wait *w,
	const struct pl_log *log) PL_MUST_USE;

/** The whole file, and what it looked like then; out's max is the limit. */
struct pl_error *bundle_read(const char *path, struct pl_buf *out, struct stat *seen) PL_MUST_USE;

/**
 * Replaces it in one step, keeping mode and owner. PL_ERR_LAB if it is no longer
 * the file that was seen: the VM was started meanwhile, say.
 */
struct pl_error *bundle_write(
	const char *path, const struct stat *seen, const void *data, size_t size) PL_MUST_USE;

/**
 * Removes what writing that file left beside it when it was cut off: NAME.tmp.PROCESS-N,
 * NAME being the file's own. The caller is the only one who writes it now.
 */
void bundle_sweep(const char *path);

#endif
