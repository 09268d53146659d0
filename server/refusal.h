/*
 * The WRQs that were refused lately. A client sends a refused packet again up
 * to 15 times in about a millisecond: it gets the same answer each time, and
 * one event is enough.
 */
#ifndef SERVER_REFUSAL_H
#define SERVER_REFUSAL_H

#include <stdint.h>

#include "server/peer.h"
#include "server/session.h"

#define REFUSALS_KEPT 32
#define REFUSAL_NAME_MAX 128

struct refusal {
	struct peer peer;
	char name[REFUSAL_NAME_MAX]; /* escaped */
	uint32_t code;
	char reason[SESSION_REASON_MAX];
	int64_t until;
};

struct refusals {
	struct refusal kept[REFUSALS_KEPT];
	unsigned next;
};

/** The refusal of this name from this peer if it is still fresh, else NULL. */
const struct refusal *refusals_find(
	const struct refusals *r, struct peer peer, const char *name, int64_t now);

/** The name is escaped, the reason copied. */
struct refusal refusal_make(struct peer peer, const char *name, uint32_t code, const char *reason);

/** Remembers it, forgetting the oldest. */
void refusals_add(struct refusals *r, const struct refusal *f, int64_t now);

#endif
