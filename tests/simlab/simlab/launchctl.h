/*
 * The host's launchctl, as far as Apple's kdumpd goes. While that is loaded the daemon, as
 * launchd does, holds UDP port 1069 for it: at the host's address on the guest's network,
 * not at all of them, since labs run beside each other.
 */
#ifndef SIMLAB_LAUNCHCTL_H
#define SIMLAB_LAUNCHCTL_H

#include "tests/simlab/simlab/calls.h"

/** launchctl's command line: list, bootout, bootstrap, unload, load. */
void launchctl_call(struct sim *s, struct call *c);

/** The line of the lab's state. */
struct pl_error *launchctl_state(struct pl_buf *out) PL_MUST_USE;

#endif
