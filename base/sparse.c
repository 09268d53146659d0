#include "base/sparse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/fs.h"

#define BLOCK 4096

static bool all_zero(const uint8_t *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

static struct pl_error *cannot_write(int why)
{
	struct pl_error *e = pl_error_errno(PL_ERR_LAB, why, "cannot write the file");

	if (why == ENOSPC || why == EDQUOT)
		return pl_error_hint(e,
			"make room, or name a folder on another disk, with TMPDIR that of temporary files");
	return why == EFBIG ? pl_error_hint(e, "raise the limit that the shell sets: ulimit -f") : e;
}

static struct pl_error *write_at(int fd, const uint8_t *data, size_t size, uint64_t at)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_write(errno);
		data += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return NULL;
}

/* Length of the next piece: up to the next block boundary of the file. */
static size_t piece(uint64_t at, size_t left)
{
	size_t room = BLOCK - (size_t)(at % BLOCK);
	return left < room ? left : room;
}

struct pl_error *sparse_write(struct sparse *s, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size > 0) {
		size_t run = 0;
		while (run < size) {
			size_t n = piece(s->size + run, size - run);
			if (all_zero(p + run, n))
				break;
			run += n;
		}
		struct pl_error *e = write_at(s->fd, p, run, s->size);
		if (e)
			return e;
		if (run < size) {
			size_t hole = piece(s->size + run, size - run);
			run += hole;
			s->holes += hole;
		}
		p += run;
		s->size += run;
		size -= run;
	}
	return NULL;
}

struct pl_error *sparse_finish(struct sparse *s)
{
	if (ftruncate(s->fd, (off_t)s->size) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot set the length of the file");
	return pl_fs_sync(s->fd);
}
