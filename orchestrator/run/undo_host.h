/* Undoing what was changed on this host. Internal to undo.c; see undo.h for the contracts. */
#ifndef RUN_UNDO_HOST_H
#define RUN_UNDO_HOST_H

#include "orchestrator/run/undo.h"

struct pl_error *undo_firewall(struct undo *u, char *out);
void undo_firewall_by_hand(const struct undo *u, char *out);

struct pl_error *undo_kdumpd(struct undo *u, char *out);
void undo_kdumpd_by_hand(const struct undo *u, char *out);

#endif
