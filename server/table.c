#include "server/table.h"

#include <stdlib.h>

struct pl_error *table_init(struct table *t, size_t capacity)
{
	size_t heads = 64;

	while (heads < capacity)
		heads *= 2;
	*t = (struct table){.capacity = capacity, .mask = heads - 1};
	/* NOLINTBEGIN(bugprone-sizeof-expression): tables of pointers are meant */
	t->items = calloc(capacity, sizeof *t->items);
	t->heads = calloc(heads, sizeof *t->heads);
	/* NOLINTEND(bugprone-sizeof-expression) */
	return t->items && t->heads ? NULL : pl_error_nomem();
}

void table_deinit(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		transfer_destroy(t->items[i]);
	free(t->items);
	free(t->heads);
	*t = (struct table){0};
}

/* A peer chooses its port but not its address: whoever makes chains long makes its own long. */
static struct transfer **chain(const struct table *t, struct peer peer)
{
	uint32_t hash = (peer.address ^ ((uint32_t)peer.port << 16 | peer.port)) * 2654435761u;

	return &t->heads[(hash >> 12) & t->mask];
}

struct transfer *table_find(const struct table *t, struct peer peer)
{
	struct transfer *item = *chain(t, peer);

	while (item && !(peer_equal(item->peer, peer) && item->session.state != SESSION_GONE))
		item = item->next;
	return item;
}

void table_add(struct table *t, struct transfer *item)
{
	struct transfer **head = chain(t, item->peer);

	item->next = *head;
	*head = item;
	t->items[t->count++] = item;
}

void table_remove(struct table *t, size_t i)
{
	struct transfer *item = t->items[i];
	struct transfer **at = chain(t, item->peer);

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	t->items[i] = t->items[--t->count];
	transfer_destroy(item);
}
