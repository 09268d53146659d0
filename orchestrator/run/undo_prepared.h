/* Undoing a prepared snapshot that was never finished. */
#ifndef RUN_UNDO_PREPARED_H
#define RUN_UNDO_PREPARED_H

#include "orchestrator/run/undo.h"

struct pl_error *undo_prepared(struct undo *u, char *out);
void undo_prepared_by_hand(const struct undo *u, char *out);

#endif
