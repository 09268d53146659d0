/*
 * How a debug kernel gets into a guest: five ways, by release. The steps of each
 * are in Apple's ReadMe of the Kernel Debug Kit of that time.
 */
#ifndef MACOS_KDK_GENERATION_H
#define MACOS_KDK_GENERATION_H

#include "orchestrator/macos/macos_version.h"

enum kdk_generation {
	KDK_NONE,            /* not known, or before 10.7 */
	KDK_ROOT_KERNEL,     /* 10.7: mach_kernel in /, System.kext, by hand */
	KDK_KEXTCACHE,       /* 10.10: /System/Library/Kernels, kextcache, kcsuffix */
	KDK_KEXTCACHE_MOUNT, /* 10.15: the same on a volume that is mounted for writing at each boot */
	KDK_KMUTIL_INSTALL,  /* 11: kmutil install on the system's own volume, bless a snapshot of it */
	KDK_KMUTIL_CREATE,   /* 13: kmutil create with --kdk or --allow-missing-kdk, bless */
};

/** The way for that release; newer ones than are known take the last. */
enum kdk_generation kdk_generation_of(const struct macos_version *macos);

/** "root-kernel", "kextcache", "kextcache-mount", "kmutil-install", "kmutil-create", "none". */
const char *kdk_generation_name(enum kdk_generation g);

#endif
