/*
 * Time, deadlines and interruption.
 *
 * Time is monotonic, in nanoseconds since an arbitrary start. Everything that
 * waits takes a `struct pl_wait`: the moment to give up, and the token that
 * ends the wait early. Code that restores the lab is given a wait without a
 * token, so that Ctrl-C cannot stop it half way.
 */
#ifndef PL_BASE_WAIT_H
#define PL_BASE_WAIT_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PL_MS INT64_C(1000000)
#define PL_SECOND INT64_C(1000000000)
#define PL_TIME_FOREVER INT64_MAX

int64_t pl_now(void);

/** Now, as "2026-01-31T23:59:59.123Z" (UTC). */
void pl_timestamp(char out[static 32]);

/*
 * The interruption token: a flag and a pipe, so that poll() wakes. One writer
 * (a signal handler may be it), any number of waiters, in any thread.
 */
struct pl_cancel {
	atomic_bool set;
	int read_fd;
	int write_fd;
};

struct pl_error *pl_cancel_init(struct pl_cancel *c) PL_MUST_USE;
void pl_cancel_deinit(struct pl_cancel *c);
void pl_cancel_set(struct pl_cancel *c);      /* async-signal-safe */
bool pl_cancelled(const struct pl_cancel *c); /* NULL: false */

struct pl_wait {
	int64_t until;                  /* a pl_now() value or PL_TIME_FOREVER */
	const struct pl_cancel *cancel; /* may be NULL */
};

/** A wait that ends `ns` from now. */
struct pl_wait pl_wait_for(int64_t ns, const struct pl_cancel *cancel);

/** The sooner of w and `ns` from now; the same token. */
struct pl_wait pl_wait_at_most(const struct pl_wait *w, int64_t ns);

/** What is left, for poll(): milliseconds rounded up, 0 when over, -1 for ever. */
int pl_wait_ms(const struct pl_wait *w);

/** PL_ERR_INTERRUPTED or PL_ERR_TIMEOUT ("timed out") when w is over, else ok. */
struct pl_error *pl_wait_check(const struct pl_wait *w) PL_MUST_USE;

/**
 * poll() over at most 16 descriptors until one is ready: ok, with revents set.
 * Else as pl_wait_check().
 */
struct pl_error *pl_wait_poll(const struct pl_wait *w, struct pollfd *fds, size_t count) PL_MUST_USE;

/** Lets `ns` pass; an error only if w ends before that. */
struct pl_error *pl_wait_sleep(const struct pl_wait *w, int64_t ns) PL_MUST_USE;

#endif
