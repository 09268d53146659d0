#include "server/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

/* Numbered names for incomplete files of one name, before it counts as an error. */
#define INCOMPLETE_MAX 10000
/* So that the last fsync has little left to do: the client waits for it. */
#define PUSH_EVERY (UINT64_C(8) << 20)

static enum wire_code code_of(int errnum)
{
	switch (errnum) {
	case EEXIST:
		return WIRE_E_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return WIRE_E_ACCESS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EIO:
		return WIRE_E_FULL;
	default:
		return WIRE_E_OTHER;
	}
}

static struct pl_error *failed(int errnum, const char *what, const char *name, enum wire_code *code)
{
	*code = code_of(errnum);
	return pl_error_at(pl_error_errno(PL_ERR_LAB, errnum, "cannot %s", what), "%s", name);
}

void sink_init(struct sink *k)
{
	*k = (struct sink){.dir_fd = -1, .fd = -1};
}

struct pl_error *sink_open(struct sink *k, int dir_fd, const char *name, enum wire_code *code)
{
	struct stat st;

	k->dir_fd = dir_fd;
	snprintf(k->name, sizeof k->name, "%s", name);
	/* Now rather than at the end; the rename checks again. */
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return failed(EEXIST, "create the file", name, code);

	char partial[SINK_NAME_MAX + 1];
	snprintf(partial, sizeof partial, "%s.partial", name);
	k->fd = openat(dir_fd, partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (k->fd < 0)
		return failed(errno, "create the file", partial, code);
	memcpy(k->now, partial, sizeof k->now);
	return NULL;
}

/* Starts write-back without waiting for it, where the system has that. */
static void push(struct sink *k)
{
#ifdef SYNC_FILE_RANGE_WRITE
	if (k->size - k->pushed < PUSH_EVERY)
		return;
	/* Best effort: the fsync in sink_commit() is what counts. */
	(void)sync_file_range(k->fd, (off_t)k->pushed, (off_t)(k->size - k->pushed), SYNC_FILE_RANGE_WRITE);
	k->pushed = k->size;
#else
	(void)k;
#endif
}

struct pl_error *sink_write(
	struct sink *k, uint64_t offset, const void *data, size_t size, enum wire_code *code)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = pwrite(k->fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(n < 0 ? errno : ENOSPC, "write", k->now, code);
		at += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	if (offset > k->size) {
		k->size = offset;
		push(k);
	}
	return NULL;
}

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

static int rename_exclusively(int dir_fd, const char *from, const char *to)
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

static struct pl_error *settle(struct sink *k, const char *name, enum wire_code *code)
{
	if (rename_exclusively(k->dir_fd, k->now, name) < 0)
		return failed(errno, "rename", k->now, code);
	snprintf(k->now, sizeof k->now, "%s", name);
	if (fsync(k->dir_fd) < 0 && errno != EINVAL)
		return failed(errno, "write the folder to disk", name, code);
	return NULL;
}

/* errno stands when it fails; the error's own words add nothing to failed()'s. */
static int sync_file(int fd)
{
	struct pl_error *err = pl_fs_sync(fd);
	int why = errno;
	bool ok = err == NULL;
	pl_error_free(err);
	errno = why;
	return ok ? 0 : -1;
}

struct pl_error *sink_commit(struct sink *k, enum wire_code *code)
{
	if (sync_file(k->fd) < 0)
		return failed(errno, "write to disk", k->now, code);
	struct pl_error *err = settle(k, k->name, code);
	if (!err)
		sink_deinit(k);
	return err;
}

struct pl_error *sink_abandon(struct sink *k)
{
	struct pl_error *err = NULL;
	enum wire_code code = WIRE_E_EXISTS;

	if (k->fd < 0)
		return NULL;
	(void)fsync(k->fd); /* there may be no room for it: what is there is kept */
	for (int i = 1; i <= INCOMPLETE_MAX && code == WIRE_E_EXISTS; i++) {
		char name[SINK_NAME_MAX + 1];
		snprintf(name, sizeof name, i == 1 ? "%s.incomplete" : "%s.incomplete-%d", k->name, i);
		pl_error_free(err);
		code = WIRE_E_OTHER;
		err = settle(k, name, &code);
		if (!err)
			break;
	}
	sink_deinit(k);
	return err;
}

void sink_deinit(struct sink *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}
