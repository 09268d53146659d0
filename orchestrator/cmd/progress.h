/*
 * A run's progress on standard error: a line a step, and for the dump a live
 * line on a terminal, or one now and then where there is none.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "orchestrator/cmd/cmd.h"
#include "orchestrator/run/run.h"

struct progress {
	struct cmd_env *env;
	bool events;     /* --events: one JSON object a line on standard output */
	int64_t printed; /* when the last dump line was, off a terminal */
};

/** The functions that a run calls; p must outlive them. */
struct run_ui progress_ui(struct progress *p);

#endif
