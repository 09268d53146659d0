/* Undoing what was changed in the .nvram of a guest that was off. Internal to undo.c; see undo.h. */
#ifndef RUN_UNDO_NVRAM_H
#define RUN_UNDO_NVRAM_H

#include "orchestrator/run/undo.h"

struct pl_error *undo_nvram(struct undo *u, char *out);
void undo_nvram_by_hand(const struct undo *u, char *out);

#endif
