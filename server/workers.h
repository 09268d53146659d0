/*
 * Threads for what must not delay an answer: unpacking, flushing to disk. Each
 * piece of work is a function that is called again and again, by one thread at
 * a time, and says when it wants its next turn, so that a few threads serve
 * any number of transfers and none starves another.
 */
#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* For the turn's own use, the same for all turns of a thread. */
#define WORK_SCRATCH ((size_t)512 << 10)

#define WORK_AGAIN INT64_C(0) /* at once, after the others */
#define WORK_OVER INT64_C(-1) /* never again */

struct work {
	/** Nanoseconds until the next turn (of 10 ms or more: up to 10 ms later), or one of the above. */
	int64_t (*turn)(struct work *w, uint8_t *scratch);
	/* The rest is workers.c's. */
	struct work *next;
	int64_t due;
	bool queued; /* not in a thread's hands */
	bool hurry;
	bool over;
};

struct workers;

/** No thread runs before the first work is added. */
struct pl_error *workers_create(unsigned threads, struct workers **ret) PL_MUST_USE;

/**
 * From one thread only. `w` stays the caller's and must last until it is over;
 * its turn is set, the rest zero.
 */
struct pl_error *workers_add(struct workers *p, struct work *w) PL_MUST_USE;

/** Its next turn comes now, whatever it said. */
void workers_hurry(struct workers *p, struct work *w);

/** Whether it is over; what it did is then visible to the caller. */
bool workers_over(struct workers *p, const struct work *w);

/** All work must be over. NULL-safe. */
void workers_destroy(struct workers *p);

#endif
