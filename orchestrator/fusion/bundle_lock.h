/*
 * A VMware lock file: one line of words, MACHINE PROCESS NUMBER TYPE ..., padded
 * with NULs to 512 bytes; PROCESS is the holder's process id, then perhaps
 * -STARTTIME and (NAME) (open-vm-tools, lib/file/fileLockPrimitive.c).
 */
#ifndef FUSION_BUNDLE_LOCK_H
#define FUSION_BUNDLE_LOCK_H

#include <stddef.h>

enum bundle_lock {
	BUNDLE_LOCK_NONE,    /* gone meanwhile */
	BUNDLE_LOCK_UNKNOWN, /* cannot be read, or names no process */
	BUNDLE_LOCK_PROCESS, /* *pid holds it, or held it once */
};

/** *pid is set for BUNDLE_LOCK_PROCESS only; it is above 0 and fits a pid_t. */
enum bundle_lock bundle_lock_parse(const char *text, size_t size, long *pid);
enum bundle_lock bundle_lock_read(const char *path, long *pid);

#endif
