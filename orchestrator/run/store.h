/*
 * The state folder: runs/ID/ for each run, locks/ for the VMs in use.
 *
 *     STATE/runs/20260131-235959-1a2b/{journal.ndjson,events.ndjson,lab.yaml,
 *         scenario.yaml,report.json,report.html,report.md,core/,logs/}
 *     STATE/locks/HASH.lock
 *
 * Folders are 0700: a core holds the guest's whole kernel memory.
 */
#ifndef RUN_STORE_H
#define RUN_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/fs.h"

/** Makes a new run's folder with core/ and logs/; *id and *dir are malloc'd. */
struct pl_error *store_create(const char *state, char **id, char **dir) PL_MUST_USE;

/** STATE/runs/ID for an id or an unambiguous beginning of one: PL_ERR_USAGE if there is none. */
struct pl_error *store_find(const char *state, const char *word, char **id, char **dir) PL_MUST_USE;

/** All run ids, oldest first; free with store_ids_free(). No state folder: none. */
struct pl_error *store_ids(const char *state, char ***ret, size_t *count) PL_MUST_USE;
void store_ids_free(char **ids, size_t count);

/** dir/name, malloc'd. */
struct pl_error *store_path(const char *dir, const char *name, char **ret) PL_MUST_USE;

/* A VM's lock is two: one says who has it, the other is seen from every state folder. */
struct store_lock {
	struct pl_lock named;  /* STATE/locks/HASH.lock */
	struct pl_lock folder; /* on the folder of the .vmx itself, which gets no new file by it */
};
#define STORE_UNLOCKED ((struct store_lock){.named = {.fd = -1}, .folder = {.fd = -1}})

/**
 * Locks the VM with that .vmx for the run `id`: PL_ERR_LAB "in use" if another
 * run has it. VMs in one folder share a lock. Where the .vmx is not on this
 * host, or its file system has no locks, only runs with the same `state` see it.
 *
 * Children inherit the lock: a vmrun that outlives a killed paniclab keeps it
 * until it is done, so that a teardown cannot overtake it.
 */
struct pl_error *store_lock(
	const char *state, const char *vmx, const char *id, struct store_lock *ret) PL_MUST_USE;
/** The second of the two alone, for what changes a VM's files outside of a run. */
struct pl_error *store_lock_folder(const char *vmx, struct store_lock *ret) PL_MUST_USE;
void store_unlock(struct store_lock *l);

/** True if a run with that state folder holds the VM's lock now. */
bool store_locked(const char *state, const char *vmx);

#endif
