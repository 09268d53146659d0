/* Guests by the thousand, all played by one process: as many would measure the scheduler. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "base/err.h"
#include "tests/bench/guest.h"

/* Sums over all guests. */
struct crowd_result {
	unsigned done;
	unsigned failed;
	char why[96]; /* the first one */
	double seconds;
	double fastest;
	double slowest;
	uint64_t packets;
	uint64_t silent;
	uint64_t asked;
	uint64_t extra;
	uint64_t wrong;
	uint64_t errors;
};

/**
 * Starts all guests at once, on a core (-1: any), and waits for their ends. An
 * error if one failed, or if this system has no epoll; *ret is filled in all the same.
 */
struct pl_error *crowd_run(
	const struct guest_config *guests, unsigned count, int core, struct crowd_result *ret) PL_MUST_USE;

#endif
