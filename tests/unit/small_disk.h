/*
 * A disk of a known size that a test may fill: a tmpfs in namespaces of the
 * test's own, which go with its process. Linux only, and not everywhere there.
 */
#ifndef TESTS_UNIT_SMALL_DISK_H
#define TESTS_UNIT_SMALL_DISK_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

static inline bool write_once(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Mounts one of so many bytes over the folder. False: not allowed here. Then leave_disk(). */
static inline bool enter_disk(const char *folder, unsigned long bytes)
{
#ifdef __linux__
	char users[64];
	char groups[64];
	char options[64];

	snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
	snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
	snprintf(options, sizeof options, "size=%lu", bytes);

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	/* Without setgroups a group can be mapped by anybody. */
	return write_once("/proc/self/uid_map", users) && write_once("/proc/self/setgroups", "deny") &&
	       write_once("/proc/self/gid_map", groups) &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", folder, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
#else
	(void)folder;
	(void)bytes;
	return false;
#endif
}

static inline void leave_disk(const char *folder)
{
#ifdef __linux__
	(void)umount2(folder, MNT_DETACH);
#else
	(void)folder;
#endif
}

#endif
