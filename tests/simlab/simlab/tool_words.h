/*
 * What the tools that install a kernel say when they refuse, by release where
 * it differs. %s is told at each.
 */
#ifndef SIMLAB_TOOL_WORDS_H
#define SIMLAB_TOOL_WORDS_H

/* kextcache, 10.10 - 10.15: exits 0 in each of these cases. */
#define WORDS_CACHE_ID "KernelCache ID: 51A71AB051A71AB051A71AB051A71AB0\n"
#define WORDS_CACHE_NO_ROOT "You must be running as root to rebuild caches.\n"
#define WORDS_CACHE_READ_ONLY                                                                                \
	"Error (30 - Read-only file system) creating temporary file for %s.\n"                               \
	"Child process /usr/sbin/kextcache[312] exited with status 71.\n"
#define WORDS_CACHE_NO_LINK                                                                                  \
	"Prelink failed for com.apple.iokit.IOACPIFamily; aborting prelink.\n"                               \
	"Failed to generate prelinked kernel %s.\n"

/* kmutil, 11 on: the text twice, as NSError prints it. */
#define WORDS_KMUTIL "Error Domain=KMErrorDomain Code=%d \"%s\" UserInfo={NSLocalizedDescription=%s}\n"
#define WORDS_KMUTIL_NO_KDK                                                                                  \
	"Missing Developer Kit: no Kernel Development Kit was found matching your build %s"
#define WORDS_KMUTIL_READ_ONLY "Unable to write %s: Read-only file system"
#define WORDS_KMUTIL_NO_KERNEL "Could not find: no kernel was found at %s"
#define WORDS_KMUTIL_NO_LINK                                                                                 \
	"Error occurred while building a collection: One or more binaries has an error which prevented "     \
	"linking."

/* bless, 11 on; %s: the mount point, twice. */
#define WORDS_BLESS_NO_SNAPSHOT                                                                              \
	"Couldn't create snapshot on volume %s: Operation not permitted\n"                                   \
	"Snapshot manipulation failed\n"                                                                     \
	"Couldn't set bless data in preboot volume for mount point %s\n"

/* mount, 10.15 on; what failed, how, status. */
#define WORDS_MOUNT "mount_apfs: volume could not be mounted: %s\nmount: %s failed with %d\n"

#define WORDS_LICENCE                                                                                        \
	"SIMULATED SOFTWARE LICENSE AGREEMENT\nPLEASE READ THIS BEFORE YOU USE THE SIMULATED KIT.\n"         \
	"Agree Y/N? "

#endif
