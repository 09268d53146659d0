/*
 * Putting everything back, from the journal alone.
 *
 * Reads it backwards and undoes each change that is not undone. The same code
 * serves the end of a run, Ctrl-C, and `teardown` after a kill -9 or a power
 * loss; an undo looks at what is there first, so it can be repeated and can
 * follow a half-made change. Changes inside the guest that a snapshot covers
 * are undone by its revert; those of a clone go with it.
 */
#ifndef RUN_RESTORE_H
#define RUN_RESTORE_H

#include <jansson.h>

#include "base/err.h"
#include "base/log.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/fusion/vm.h"
#include "orchestrator/run/journal.h"

struct restore_args {
	const char *dir; /* the run's folder */
	const struct lab *lab;
	const struct lab_guest *cfg;
	struct vm_backend *backend;
	const struct vm *vm;
	const char *state;  /* the state folder, for locks */
	const char *locked; /* the .vmx that the caller holds the lock of; may be NULL */
	const struct pl_log *log;
	const struct pl_cancel
		*cancel; /* ends what is waited for; NULL: nothing does, as at the end of a run */
	/** Told of each undo: status is "undone" or "failed". May be NULL. */
	void (*on_undo)(void *arg, const char *change, const char *status, const char *detail, int64_t ns);
	void *arg;
};

/**
 * Undoes all that is left. *left: array of {"what","by_hand"}, empty when all
 * is restored. PL_ERR_RESTORE when something is left; it goes on with the
 * others first. Each undo has a deadline; `cancel` ends what is waited for, and what is
 * not undone by then is left for the next time.
 */
struct pl_error *restore_run(const struct restore_args *a, json_t **left) PL_MUST_USE;

/**
 * What restore_run() would undo, in that order, as an array of {"what",
 * "by_hand"}: for people when Fusion cannot be reached, and for --dry-run.
 * What a snapshot's revert takes with it is not listed apart.
 */
json_t *restore_pending(const struct journal_state *s);

#endif
