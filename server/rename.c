#include "server/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Numbered names of one file, before it counts as an error. */
#define NUMBER_MAX 10000

/* For file systems that can neither rename without replacing nor link. */
static int claim_and_rename(int dir_fd, const char *from, const char *to)
{
	int fd = openat(dir_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	if (renameat(dir_fd, from, dir_fd, to) == 0)
		return 0;
	int errnum = errno;
	unlinkat(dir_fd, to, 0);
	errno = errnum;
	return -1;
}

int rename_new(int dir_fd, const char *from, const char *to)
{
#if defined(__APPLE__)
	if (renameatx_np(dir_fd, from, dir_fd, to, RENAME_EXCL) == 0)
		return 0;
	if (errno != ENOTSUP && errno != EINVAL)
		return -1;
#elif defined(RENAME_NOREPLACE)
	if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
#endif
	if (linkat(dir_fd, from, dir_fd, to, 0) == 0)
		return unlinkat(dir_fd, from, 0);
	if (errno == EEXIST)
		return -1;
	return claim_and_rename(dir_fd, from, to);
}

int rename_numbered(int dir_fd, const char *from, const char *to, char *out, size_t out_size)
{
	for (int i = 1; i <= NUMBER_MAX; i++) {
		snprintf(out, out_size, i == 1 ? "%s" : "%s-%d", to, i);
		if (rename_new(dir_fd, from, out) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	errno = EEXIST;
	return -1;
}
