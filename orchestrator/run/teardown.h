/* Restoring runs that ended before they could: from their folders alone. */
#ifndef RUN_TEARDOWN_H
#define RUN_TEARDOWN_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

struct journal_state;

/** True if the run's process lives and holds the VM, or the clone, that the run is on. */
bool run_is_under_way(const char *state, const struct journal_state *s);

/* How a run stands. */
struct run_summary {
	char *id;
	char *scenario; /* "" if not known */
	char *guest;
	char *started;
	char *outcome;  /* "" when it did not end by itself */
	size_t pending; /* changes still to be undone */
	bool under_way; /* its process lives and holds the VM */
};

/** Reads STATE/runs/ID; a folder without a journal gives an empty summary. */
struct pl_error *run_summary_read(const char *state, const char *id, struct run_summary *ret) PL_MUST_USE;
void run_summary_deinit(struct run_summary *s);

/* Which run, and who is told of it. */
struct teardown {
	const char *state;
	const char *id;
	const struct pl_log *log;
	/** As in restore_args. */
	void (*on_undo)(void *arg, const char *change, const char *status, const char *detail, int64_t ns);
	void *arg;
};

/**
 * Restores the run, and says so in its report. Waits for the VM's lock until w
 * ends: a child of a killed run may still hold it; a run that is under way is
 * left alone (PL_ERR_LAB). *left: as restore_run(), also when the lab cannot be
 * reached at all.
 */
struct pl_error *teardown_run(const struct teardown *t, const struct pl_wait *w, json_t **left) PL_MUST_USE;

#endif
