/*
 * What root of the guest may not write to: the system folders, with SIP's file
 * system bit (10.11 on), on a volume that is mounted read-only (10.15, until
 * `mount -uw /`), or in a snapshot (11 on). They are mounted read-only in the
 * guest; /.lab/protected tells its commands which words macOS has for it.
 */
#ifndef SIMLAB_PROTECT_H
#define SIMLAB_PROTECT_H

#include "tests/simlab/simlab/sim.h"

/** Folders below the disk, ending with NULL; none when root may write everywhere. */
const char *const *protect_folders(const struct sim *s);

/** Writes /.lab/protected for this boot. */
void protect_tell(const struct sim *s);

/** 10.15: mount -uw /, as SIP lets it; false if not. The guest's processes see it at once. */
bool protect_lift(struct sim *s);

#endif
