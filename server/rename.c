#include "server/rename.h"

#include <errno.h>
#include <stdio.h>

#include "base/fs.h"

/* Numbered names of one file, before it counts as an error. All are tried while other clients wait. */
#define NUMBER_MAX 1000

int rename_numbered(int dir_fd, const char *from, const char *to, char *out, size_t out_size)
{
	for (int i = 1; i <= NUMBER_MAX; i++) {
		snprintf(out, out_size, i == 1 ? "%s" : "%s-%d", to, i);
		if (pl_fs_rename_new(dir_fd, from, out) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	errno = EEXIST;
	return -1;
}
