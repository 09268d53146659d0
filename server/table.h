/* The transfers of a server, and which one a packet is for. */
#ifndef SERVER_TABLE_H
#define SERVER_TABLE_H

#include <stddef.h>

#include "base/err.h"
#include "server/transfer.h"

struct table {
	struct transfer **items; /* in no order; owned */
	size_t count;
	size_t capacity;
	struct transfer **heads; /* of chains, by the peer's hash */
	size_t mask;
};

struct pl_error *table_init(struct table *t, size_t capacity) PL_MUST_USE;
void table_deinit(struct table *t); /* destroys the transfers; also after a failed init */

/** The transfer that takes this peer's packets, or NULL. */
struct transfer *table_find(const struct table *t, struct peer peer);

/** There must be room. From now on it takes its peer's packets, before any other of that peer. */
void table_add(struct table *t, struct transfer *item);

/** Removes item `i` and destroys it; the last one takes its place. */
void table_remove(struct table *t, size_t i);

#endif
