/*
 * Undoing what was changed inside a guest that no snapshot covers: the guest
 * must run for that, so it is started, and reset when the panic left it hung.
 */
#ifndef RUN_UNDO_GUEST_H
#define RUN_UNDO_GUEST_H

#include "orchestrator/run/undo.h"

struct pl_error *undo_boot_args(struct undo *u, char *out);
struct pl_error *undo_sip_by_hand(struct undo *u, char *out);
struct pl_error *undo_payload(struct undo *u, char *out);
struct pl_error *undo_guest_folder(struct undo *u, char *out);

#endif
