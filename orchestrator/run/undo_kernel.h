/* Taking a kernel out of the guest again that steps_kernel.c put there. */
#ifndef RUN_UNDO_KERNEL_H
#define RUN_UNDO_KERNEL_H

#include "orchestrator/run/undo.h"

struct pl_error *undo_kernel(struct undo *u, char *out);
void undo_kernel_by_hand(const struct undo *u, char *out);

#endif
