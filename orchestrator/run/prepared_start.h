/*
 * Starting from a prepared snapshot: which one fits, and why others do not.
 *
 * What the guest's own facts were is taken from the record, all else from the
 * lab, the scenario and the VM's files as they are now; step_prepared() then
 * checks that the guest that comes up is the one of the record.
 */
#ifndef RUN_PREPARED_START_H
#define RUN_PREPARED_START_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/wait.h"

struct run;

struct prepared_start {
	json_t *record;   /* the one that fits; NULL: none */
	json_t *replaces; /* with --again: the one that fitted, which the new one is to replace; NULL */
	json_t *payload;  /* what prepare found before it copied it */
	bool in_use;      /* the guest that runs is that one */
};

/**
 * Looks for a record that fits, and whether its snapshot is there: fills in
 * run.prepared. None is no error; why a former one does not fit goes to the log
 * and the report.
 */
struct pl_error *prepared_start_find(struct run *r) PL_MUST_USE;

/** NULL if that record fits now; else (malloc'd) why not. What cannot be found out is a reason, too. */
struct pl_error *prepared_start_unfit(const struct run *r, const json_t *record, char **why) PL_MUST_USE;

void prepared_start_deinit(struct prepared_start *p);

#endif
