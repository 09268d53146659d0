/* VMware's DHCP leases file: a stale address, strangers, and the guest's own. */
#ifndef SIMLAB_LEASES_H
#define SIMLAB_LEASES_H

#include "tests/simlab/simlab/sim.h"

void leases_write(const struct sim *s);

#endif
