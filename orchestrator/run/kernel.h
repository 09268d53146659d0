/*
 * The scenario wants a kernel that is not Apple's release one: what a run knows
 * of it, and the guest's word on how it went.
 *
 * It takes two boots before the trigger: one to put the kernel of a Kernel Debug
 * Kit into the guest, by guest-scripts/kernel-*.sh, and one with it. Only that second
 * one has kcsuffix= in its boot-args: until the kernel is there, it would boot
 * nothing, or the wrong one.
 */
#ifndef RUN_KERNEL_H
#define RUN_KERNEL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "orchestrator/guest/guest.h"
#include "orchestrator/macos/kdk_generation.h"

struct run;

/* Where a kernel's parts and what they replaced are kept in the guest; it outlives a reboot. */
#define KERNEL_PLACE "/private/var/tmp/paniclab-kernel"

struct run_kernel {
	bool installed; /* by this run */
	bool booting;   /* the guest was started with it */
	bool booted;    /* and the guest has come back with it */
	char uuid[37];  /* the kit's kernel */
	char kit[1024]; /* its path, on this host or in the guest */
	int64_t intent; /* the journal's */
};

/** True if the scenario names such a kernel. */
bool kernel_is_wanted(const struct run *r);

/** True if it has to be installed, as far as is known: before the first boot by the boot-args alone. */
bool kernel_is_needed(const struct run *r);

/** kcsuffix= of the next boot; NULL: none of ours. */
const char *kernel_suffix(const struct run *r);

/** "kernel-kextcache.sh": the script that installs it that way; NULL: none is known. */
const char *kernel_script(enum kdk_generation g);

/** was.N= of such a script, for the journal; NULL without memory. */
json_t *kernel_was(const struct guest_output *o);

/** PL_ERR_GUEST if the guest, whose facts are of the present boot, runs another than it should. */
struct pl_error *kernel_check(const struct run *r) PL_MUST_USE;

/** The error of a guest that did not come back with the new kernel, with what its console said. Takes and
 * gives. */
struct pl_error *kernel_did_not_boot(struct run *r, struct pl_error *e);

#endif
