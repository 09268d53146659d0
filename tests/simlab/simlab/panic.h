/*
 * A panic of the guest: everything in it stops, and a process of its own plays
 * the kernel (xnu_panic) by the boot-args, SIP and NIC of that boot, over the
 * host's firewall as it is at that moment. Then it reboots, or hangs.
 */
#ifndef SIMLAB_PANIC_H
#define SIMLAB_PANIC_H

#include "tests/simlab/panic_text.h"
#include "tests/simlab/simlab/sim.h"

/** Panics now. `message` and `kext` as panic_make() has them; may be NULL. */
void panic_begin(struct sim *s, enum panic_trigger trigger, const char *message, const char *kext);

/** A line of the booter for the serial console, if the VM has one. */
void panic_serial_say(const char *text);

/** For the daemon: looks whether the dump is over and goes on from there. */
void panic_poll(struct sim *s);

/** Power off or reset in the middle of it. */
void panic_end(struct sim *s);

/** At the next boot: the .panic report and the firmware's copy of the text. */
void panic_leave_report(struct sim *s);

#endif
