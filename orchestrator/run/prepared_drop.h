/* Deleting a prepared snapshot and its record. */
#ifndef RUN_PREPARED_DROP_H
#define RUN_PREPARED_DROP_H

#include <jansson.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/fusion/vm.h"

/**
 * The snapshot first: a record without one is seen for what it is, the other
 * way round nobody would know whose it was. Either may be gone already.
 */
struct pl_error *prepared_drop(const char *state, const struct vm_backend *b, const struct vm *vm,
	const json_t *record, const struct pl_wait *w) PL_MUST_USE;

#endif
