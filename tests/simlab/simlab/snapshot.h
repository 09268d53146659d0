/*
 * Snapshots: a copy of the guest's disk, .vmx and .nvram, and for a running
 * VM of what its memory holds (the boot as it is). Listed in the .vmsd.
 */
#ifndef SIMLAB_SNAPSHOT_H
#define SIMLAB_SNAPSHOT_H

#include <stddef.h>

#include "tests/simlab/simlab/sim.h"

#define SNAPSHOTS_MAX 64

struct snapshot {
	unsigned uid;
	unsigned parent; /* 0: none */
	char name[256];
};

struct snapshots {
	struct snapshot list[SNAPSHOTS_MAX];
	size_t count;
	unsigned current; /* uid; 0: none */
	unsigned last;    /* the highest uid ever given */
};

/* Where a snapshot of the machine is. */
struct snapshot_files {
	char dir[64];
	char disk[80];
	char vmx[80];
	char nvram[80];
	char memory[80]; /* not there without memory */
	char vmsn[1400];
};
void snapshot_files(unsigned uid, struct snapshot_files *f);

struct pl_error *snapshots_read(struct snapshots *ret) PL_MUST_USE;

/** `memory`: with that of a running VM; without, a revert leaves it off. */
struct pl_error *snapshot_take(struct sim *s, const char *name, bool memory) PL_MUST_USE;

/** Leaves the VM off, or suspended if the snapshot has memory. */
struct pl_error *snapshot_revert(struct sim *s, const struct snapshot *snap) PL_MUST_USE;

struct pl_error *snapshot_delete(const struct snapshot *snap) PL_MUST_USE;

#endif
