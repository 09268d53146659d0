/*
 * The EFI variables of a VM that is off, for a run: read, changed, written once.
 *
 * What is journaled of each changed variable is its whole record ("" for one that
 * was not there), so that it comes back to the byte:
 *
 *     {"variables":[{"name":"csr-active-config","record":"1061437c...","value":"10000000"}]}
 *
 * "value" is for people; null where there was no variable.
 */
#ifndef RUN_OFFLINE_H
#define RUN_OFFLINE_H

#include <jansson.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/wait.h"
#include "orchestrator/fusion/bundle.h"
#include "orchestrator/fusion/nvram.h"

struct offline {
	struct bundle bundle;
	struct stat seen;
	struct nvram nvram;
};

/**
 * Opens the .nvram of the VM with that .vmx. vmrun as in the lab file. Locks that
 * outlive the VM are waited for, as long as w lasts. PL_ERR_LAB, USAGE or DATA;
 * *ret needs offline_close() in any case.
 */
struct pl_error *offline_open(const char *vmx, const char *vmrun, const struct pl_wait *w,
	const struct pl_log *log, struct offline *ret) PL_MUST_USE;
void offline_close(struct offline *o);

/** Replaces the file by what o->nvram holds now. */
struct pl_error *offline_write(struct offline *o) PL_MUST_USE;

/** The entry of "variables" for Apple's variable `name` as it is now. */
struct pl_error *offline_save(const struct offline *o, const char *name, json_t **ret) PL_MUST_USE;

/** Puts back each of `variables`; *changed if that was not so already. Nothing is written yet. */
struct pl_error *offline_restore(struct offline *o, const json_t *variables, bool *changed) PL_MUST_USE;

#endif
