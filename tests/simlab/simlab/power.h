/*
 * The VM's power: transitions take a moment, and what the machine does on the
 * way (locks in the bundle, the .nvram written back, .vmss) is done here.
 */
#ifndef SIMLAB_POWER_H
#define SIMLAB_POWER_H

#include "tests/simlab/simlab/sim.h"

/** "poweredOn", "poweringOn" ... as vmrest says. */
const char *power_name(enum power p);

/* Each returns false when the present state does not allow it. */
bool power_start(struct sim *s);
bool power_stop(struct sim *s);     /* pulls the plug */
bool power_shutdown(struct sim *s); /* asks the guest; needs Tools */
bool power_reset(struct sim *s);
bool power_suspend(struct sim *s);
bool power_pause(struct sim *s);
bool power_unpause(struct sim *s);

/** For the daemon: a transition's moment has come. */
void power_timer(struct sim *s);

/** The guest wants to go down in a moment. */
void power_guest_down(struct sim *s, bool to_off);
void power_down_timer(struct sim *s);

/** True while the locks of a VM that is off are still there: its files are in use. */
bool power_locked(const struct sim *s);

/** For the daemon: the locks of a VM that is off go a little later than its power. */
void power_unlock_timer(struct sim *s);

/** Off at once, whatever is under way: the lab ends, or a snapshot is reverted. */
void power_cut(struct sim *s);

#endif
