/*
 * Who may begin a transfer, and how many refusals are told of. Pure: no clock,
 * no socket; the caller says what time it is (a pl_now() value).
 *
 * What a source that is not allowed sends costs the others nothing: only a
 * transfer that may begin counts against the rate.
 */
#ifndef SERVER_ADMIT_H
#define SERVER_ADMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "server/server.h"
#include "server/wire.h"

/* Refusals told of in a second; anybody who reaches the port can cause them. */
#define ADMIT_TELL_RATE 16

/*
 * A bucket of so many a second that holds at most one second's worth. It is
 * counted in time: what passes fills it, each use takes a second's share.
 */
struct admit_bucket {
	int64_t share;  /* ns that one use takes */
	int64_t filled; /* ns, at most a second */
	int64_t at;     /* when that was so */
};

struct admit {
	struct server_network *allow; /* owned */
	size_t allow_count;           /* 0: any source */
	size_t max_sessions;          /* at least 1 */
	bool limited;                 /* by begun */
	struct admit_bucket begun;    /* new transfers */
	struct admit_bucket told;     /* refusals */
	uint64_t untold;              /* refusals since the last that was told */
};

struct admit_refusal {
	enum wire_code code;
	const char *reason; /* static, short enough for an ERROR packet */
	bool passing;       /* not to be answered: the client asks again in some seconds */
};

/** Takes allow (copied), max_sessions and max_rate from c. Both buckets begin full. */
struct pl_error *admit_init(struct admit *a, const struct server_config *c, int64_t now) PL_MUST_USE;

/** After admit_init(), also one that failed, or for a zeroed one. */
void admit_deinit(struct admit *a);

/** May this source (host byte order) send at all? */
bool admit_allows(const struct admit *a, uint32_t address);

/**
 * NULL: a WRQ from address (host byte order) may begin a transfer, and has
 * been counted as one. Else why not (static). `active` are the transfers under
 * way, without the one that this WRQ would take the place of. Name and mode
 * are as they came, NUL-terminated.
 */
const struct admit_refusal *admit_check(
	struct admit *a, uint32_t address, const char *name, const char *mode, size_t active, int64_t now);

/**
 * Is this refusal to be told of (event, log line)? If so, *untold is the
 * number of those since the last one that were not. What is left of them when
 * the server ends is a->untold.
 */
bool admit_may_tell(struct admit *a, int64_t now, uint64_t *untold);

#endif
