/*
 * The plan: the steps of a run in order, each with its reason.
 *
 * Which steps there are follows from the lab, the scenario and what the
 * preflight finds, so --dry-run shows the same list that a run walks; but a run
 * that finds its prepared snapshot unfit takes the long way after all.
 */
#ifndef RUN_PLAN_H
#define RUN_PLAN_H

#include "base/err.h"
#include "orchestrator/run/context.h"

enum { STEP_TEXT_MAX = 512 };

struct step {
	const char *name;
	/** True if this run needs it. NULL: always. */
	bool (*wanted)(const struct run *r);
	/** Why it is done, for people, into out[STEP_TEXT_MAX]. */
	void (*reason)(const struct run *r, char *out);
	/** Does and verifies it; what came of it goes into out[STEP_TEXT_MAX]. */
	struct pl_error *(*apply)(struct run *r, char *out);
	const char *changes; /* what it changes, for --dry-run; NULL: nothing */
	/* A failure is noted and the later steps still collect what there is. */
	bool goes_on;
	/* Runs even after a failure of the trigger. */
	bool collects;
};

/** All steps; ends with a NULL name. */
extern const struct step plan_steps[];

/** True if something is only had by a boot with other boot-args: a dump, the scenario's own, a kernel. */
bool plan_sets_boot_args(const struct run *r);

/** True if this run takes the step. */
bool plan_wants(const struct step *s, const struct run *r);

#endif
