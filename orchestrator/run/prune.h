/* Deleting prepared snapshots that are old, too many, or of no use any more. */
#ifndef RUN_PRUNE_H
#define RUN_PRUNE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

struct prune {
	const char *state;
	const struct pl_log *log;
	struct pl_cancel *cancel;
	bool all;
	int64_t older_than; /* nanoseconds; 0: no limit of age */
	bool keep_given;
	uint64_t keep; /* how many of each VM, the newest */
	bool dry_run;
};

/**
 * Looks at each prepared snapshot, and deletes those that are stale or gone and,
 * as told, the old, the many or all. *ret: array of {"snapshot","digest","guest",
 * "scenario","made","vmx","state":"fits"|"stale"|"gone"|"unknown","why","delete":
 * reason or null,"deleted"}, also on an error. One whose VM cannot be asked is
 * unknown and stays. The first failure, once all were tried.
 */
struct pl_error *prune_prepared(const struct prune *p, json_t **ret) PL_MUST_USE;

#endif
