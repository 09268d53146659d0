/*
 * Guests as processes of their own, which begin at once: machines that panic
 * know nothing of each other.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/types.h>

#include "base/err.h"
#include "tests/bench/guest.h"

#define LOAD_MAX 64

struct load {
	unsigned guests;            /* 1 to LOAD_MAX */
	int core;                   /* to keep them all on; -1: none */
	struct guest_config config; /* of guest 0; see load_config() */
};

struct load_result {
	struct guest_result guest[LOAD_MAX];
	double seconds; /* from the first one's start to the last one's end */
	double fastest; /* transfer */
	double slowest;
	uint64_t packets;
	uint64_t resent; /* for whatever reason */
};

/** Guest i's: the same, with a name of its own, and from another place in the content. */
void load_config(const struct load *l, unsigned i, struct guest_config *ret);

/* Guests under way. */
struct load_run {
	const struct load *load;
	struct guest_result *shared; /* theirs */
	pid_t pid[LOAD_MAX];
};

/** Starts them. Whatever it returns, load_finish() has to follow. */
struct pl_error *load_start(const struct load *l, struct load_run *ret) PL_MUST_USE;

/** Waits for their ends. An error if one of them failed, with its reason. */
struct pl_error *load_finish(struct load_run *r, struct load_result *ret) PL_MUST_USE;

/** Both. */
struct pl_error *load_run(const struct load *l, struct load_result *ret) PL_MUST_USE;

/** Whether each file has arrived as it was sent. */
struct pl_error *load_check(const struct load *l, const char *dir) PL_MUST_USE;

#endif
