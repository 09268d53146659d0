/*
 * Undoing what was changed inside a guest that no snapshot covers: the guest
 * must run for that, so it is started, and reset when the panic left it hung.
 */
#ifndef RUN_UNDO_GUEST_H
#define RUN_UNDO_GUEST_H

#include "orchestrator/guest/guest.h"
#include "orchestrator/run/undo.h"

/** Logs in to a guest that runs, within its boot_timeout. */
struct pl_error *undo_guest_reach(const struct undo *u, struct guest **ret) PL_MUST_USE;

/** Starts it where it is off; one that does not answer is reset once. */
struct pl_error *undo_guest_open(const struct undo *u, struct guest **ret) PL_MUST_USE;

struct pl_error *undo_boot_args(struct undo *u, char *out);
struct pl_error *undo_sip_by_hand(struct undo *u, char *out);
struct pl_error *undo_payload(struct undo *u, char *out);
struct pl_error *undo_guest_folder(struct undo *u, char *out);

#endif
