/*
 * One run: reproduce, capture, restore.
 *
 * run_execute() walks the steps of plan.h. A step that changes something
 * writes the journal first; whatever happens, restore.h undoes what the
 * journal says, and the report tells what came of it all.
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/config/scenario.h"

/* How a run shows itself. Any of the functions may be NULL. */
struct run_ui {
	void *arg;
	void (*step)(void *arg, size_t number, size_t count, const char *name, const char *reason);
	/** status: done, failed, skipped. */
	void (*step_end)(void *arg, const char *name, const char *status, const char *detail, int64_t ns);
	void (*dump)(void *arg, const char *name, uint64_t bytes, uint64_t bytes_per_second);
	/** One event as JSON (borrowed), for --events. */
	void (*event)(void *arg, const json_t *event);
};

struct run_options {
	const struct lab *lab;
	const struct scenario *scenario;
	const char *state;   /* the state folder */
	const char *program; /* this executable's path, for the host's firewall */
	bool prepare;        /* only up to the trigger, kept as a prepared snapshot */
	bool again;          /* with prepare: also where one that fits is there */
	bool no_prepared;    /* a run that does not start from a prepared snapshot */
	const struct pl_log *log;
	struct pl_cancel *cancel;
	struct run_ui ui;
};

/**
 * The whole run. *report is the report document (NULL only when the run's
 * folder could not be made), *dir the run's folder (malloc'd, likewise).
 * The error's kind is the outcome; NULL is "as expected".
 */
struct pl_error *run_execute(const struct run_options *o, json_t **report, char **dir) PL_MUST_USE;

/**
 * Asks Fusion (reads only) and returns the plan:
 * {"vm":{…},"power":…,"steps":[{"name","reason","changes"}]}.
 */
struct pl_error *run_plan(const struct run_options *o, json_t **ret) PL_MUST_USE;

#endif
