/*
 * Clones of the lab's VM, as vmrun (full and linked are one here) and vmrest
 * make them: a bundle where they were told to put it, with a disk of its own.
 *
 * The lab plays one machine at a time: the one that a command is about takes
 * its place (its bundle, disk and snapshots become SIM_BUNDLE, SIM_DISK,
 * SIM_SNAPSHOTS) as long as the one before is off. A clone has a MAC of its
 * own, and the guest's address and host key. `clones` lists them; their
 * disks, and the lab's own meanwhile, are in clones/.
 */
#ifndef SIMLAB_CLONES_H
#define SIMLAB_CLONES_H

#include "tests/simlab/simlab/sim.h"
#include "tests/simlab/simlab/snapshot.h"

#define CLONES_OWN (-1)
#define CLONES_NONE (-2)

/** At the start: reads the list; the lab's own VM is the machine. */
struct pl_error *clones_load(struct sim *s) PL_MUST_USE;

/** Which VM has that .vmx (an absolute path), or that id: an index, OWN or NONE. */
int clones_of_vmx(const struct sim *s, const char *vmx);
int clones_of_id(const struct sim *s, const char *id);

/** Its .vmx, absolute or below the lab. */
const char *clones_vmx(const struct sim *s, int which);

/** Makes that VM the machine; false if another one is on, or its locks are still there. */
bool clones_activate(struct sim *s, int which);

/**
 * Copies the machine, which is off, or a snapshot of it, to a new .vmx. `name`
 * may be NULL. *ret is its index. PL_ERR_LAB's first words are vmrun's.
 */
struct pl_error *clones_make(
	struct sim *s, const char *vmx, const char *name, const struct snapshot *snap, int *ret) PL_MUST_USE;

/** Removes a clone that is off and not the machine. */
struct pl_error *clones_delete(struct sim *s, int which) PL_MUST_USE;

#endif
