/*
 * The system volume of macOS 11 and later, and what is mounted in the guest.
 * All of it is below the disk, so that the VM's snapshots have it too:
 *
 *     disk/System/Library              of the snapshot that was booted: /
 *     disk/.volumes/live/              the volume itself, what a mount of it shows
 *     disk/.volumes/snapshots/NAME/    the sealed one, and those that bless made
 *     disk/.volumes/blessed, booted    names
 *     disk/.volumes/mounts             DEVICE, backing folder, guest's path
 *
 * A mounted folder is moved to its mount point and back, so the guest's own
 * tools see it there and nowhere else; a power-off unmounts everything.
 */
#ifndef SIMLAB_VOLUMES_H
#define SIMLAB_VOLUMES_H

#include <stdbool.h>

#include "tests/simlab/release.h"
#include "tests/simlab/simlab/sim.h"

#define VOLUMES SIM_DISK "/.volumes"
#define VOLUMES_LIVE VOLUMES "/live"
#define VOLUMES_SNAPSHOTS VOLUMES "/snapshots"
#define VOLUMES_SEALED "com.apple.os.update-51A71AB051A71AB051A71AB051A71AB0"
#define VOLUMES_NAME_SIZE 96

/* 11 on: the system volume's device, and that of the snapshot at /. */
#define VOLUMES_SYSTEM_DEVICE "/dev/disk1s5"
#define VOLUMES_ROOT_DEVICE VOLUMES_SYSTEM_DEVICE "s1"

/** Makes live volume and sealed snapshot out of the new disk's /System/Library. */
struct pl_error *volumes_make(void) PL_MUST_USE;

/** The snapshot that boots next, and the one that is /. */
void volumes_blessed(char name[static VOLUMES_NAME_SIZE]);
void volumes_booted(char name[static VOLUMES_NAME_SIZE]);
bool volumes_is_sealed(const char *name);

/** Makes / of that snapshot. */
struct pl_error *volumes_boot(const char *name) PL_MUST_USE;

/** A snapshot of the live volume, blessed; its name is made of `number`. */
struct pl_error *volumes_snapshot(unsigned number) PL_MUST_USE;
struct pl_error *volumes_bless_sealed(void) PL_MUST_USE;

/** errno, 0 if it is mounted: EBUSY, ENOENT, ENOTEMPTY. `at` is below the disk, without a slash. */
int volumes_mount(const char *device, const char *backing, const char *at);

/** By device or mount point; false if there is none. Fills device and at, if not NULL. */
bool volumes_mounted(const char *device_or_at, char *device, char *at);

/** By mount point. */
struct pl_error *volumes_unmount(const char *at) PL_MUST_USE;
struct pl_error *volumes_unmount_all(void) PL_MUST_USE;

/** Calls for each mount. */
void volumes_each(void (*fn)(void *arg, const char *device, const char *at), void *arg);

#endif
