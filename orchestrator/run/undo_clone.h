/*
 * The end of a clone: it, its files, and the snapshot of the user's VM that it
 * was made from. The VM itself is not touched otherwise.
 */
#ifndef RUN_UNDO_CLONE_H
#define RUN_UNDO_CLONE_H

#include "orchestrator/run/undo.h"

struct pl_error *undo_clone(struct undo *u, char *out);
void undo_clone_by_hand(const struct undo *u, char *out);

#endif
