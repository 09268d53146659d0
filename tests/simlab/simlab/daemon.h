/* The lab's process: makes the lab, goes into the background, serves until told to stop. */
#ifndef SIMLAB_DAEMON_H
#define SIMLAB_DAEMON_H

#include "tests/simlab/simlab/sim.h"

#define DAEMON_LOCK "run/lock"

/**
 * Starts the lab in dir; returns in the caller once it is ready, *already set
 * if it was running before. Faults are set before anything starts.
 */
struct pl_error *daemon_start(
	const char *dir, const struct options *opt, const struct faults *faults, bool *already) PL_MUST_USE;

/** Tells the lab in dir to stop and waits until it is gone. Not running: ok, tidied up. */
struct pl_error *daemon_stop(const char *dir) PL_MUST_USE;

/** What changes with a fault at once (REST port, sshd). */
void daemon_faults_changed(struct sim *s, const struct faults *before);

#endif
