#include "server/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/wait.h"
#include "server/rename.h"

/* What an empty file and its note may take: a block. */
#define ROOM_LEAST 4096

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

static enum note_why why_of(int errnum)
{
	switch (errnum) {
	case EEXIST:
		return NOTE_NAME_TAKEN;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return NOTE_DISK_FULL;
	default:
		return NOTE_WRITE_ERROR;
	}
}

static bool is_passing(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM;
}

static struct pl_error *failed(struct sink *k, int errnum, const char *what, const char *name)
{
	k->code = code_of(errnum);
	k->why = why_of(errnum);
	k->passing = is_passing(errnum);
	return pl_error_at(pl_error_errno(PL_ERR_LAB, errnum, "cannot %s", what), "%s", name);
}

void sink_init(struct sink *k, int dir_fd, struct quota *quota)
{
	*k = (struct sink){.dir_fd = dir_fd, .quota = quota, .fd = -1, .why = NOTE_OTHER};
}

static struct pl_error *take_quota(struct sink *k, size_t bytes)
{
	struct pl_error *err = k->quota ? quota_take(k->quota, bytes, pl_now(), &k->code) : NULL;

	if (err)
		k->why = NOTE_LIMIT;
	return err;
}

/* Else a client could fill the disk with empty files and the notes to them. */
static struct pl_error *look_for_room(struct sink *k)
{
	struct pl_error *err = take_quota(k, ROOM_LEAST);

	if (!err && k->quota)
		quota_give_back(k->quota, ROOM_LEAST);
	return err;
}

struct pl_error *sink_open(struct sink *k, const char *name)
{
	struct stat st;
	struct pl_error *err = look_for_room(k);

	if (err)
		return err;
	snprintf(k->name, sizeof k->name, "%s", name);
	/* Now rather than at the end; the rename checks again. */
	if (fstatat(k->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return failed(k, EEXIST, "create the file", name);

	char partial[SINK_NAME_MAX + 1];
	snprintf(partial, sizeof partial, "%s.partial", name);
	k->fd = openat(k->dir_fd, partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (k->fd < 0)
		return failed(k, errno, "create the file", partial);
	memcpy(k->now, partial, sizeof k->now);
	k->buffer = malloc(SINK_BUFFER);
	if (k->buffer)
		return NULL;
	sink_discard(k);
	k->passing = true;
	return pl_error_nomem();
}

static struct pl_error *write_out(struct sink *k, uint64_t offset, const uint8_t *at, size_t size)
{
	while (size > 0) {
		ssize_t n = pwrite(k->fd, at, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(k, n < 0 ? errno : ENOSPC, "write", k->now);
		at += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
		k->written += (uint64_t)n;
	}
	return NULL;
}

struct pl_error *sink_flush(struct sink *k)
{
	size_t held = k->held;

	k->held = 0;
	if (held == 0)
		return NULL;
	struct pl_error *err = take_quota(k, held);
	if (err)
		return err;
	uint64_t before = k->written;
	err = write_out(k, k->held_at, k->buffer, held);
	if (err && k->quota)
		quota_give_back(k->quota, held - (k->written - before));
	return err;
}

struct pl_error *sink_write(struct sink *k, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size > 0) {
		if (k->held == SINK_BUFFER || (k->held > 0 && offset != k->held_at + k->held)) {
			struct pl_error *err = sink_flush(k);
			if (err)
				return err;
		}
		if (k->held == 0)
			k->held_at = offset;
		size_t n = size < SINK_BUFFER - k->held ? size : SINK_BUFFER - k->held;
		memcpy(k->buffer + k->held, from, n);
		k->held += n;
		from += n;
		offset += n;
		size -= n;
	}
	if (offset > k->size)
		k->size = offset;
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

struct pl_error *sink_commit(struct sink *k)
{
	if (sync_file(k->fd) < 0)
		return failed(k, errno, "write to disk", k->now);
	if (pl_fs_rename_new(k->dir_fd, k->now, k->name) < 0)
		return failed(k, errno, "rename", k->now);
	snprintf(k->now, sizeof k->now, "%s", k->name);
	/* Some file systems know no flush of a folder. */
	if (fsync(k->dir_fd) < 0 && errno != EINVAL)
		return failed(k, errno, "write the folder to disk", k->now);
	sink_deinit(k);
	return NULL;
}

struct pl_error *sink_set_aside(struct sink *k)
{
	char wanted[SINK_NAME_MAX + 1];
	char name[SINK_NAME_MAX + 1];
	struct stat st;

	/* A write may have failed: what is there counts. */
	if (fstat(k->fd, &st) == 0)
		k->size = (uint64_t)st.st_size;
	snprintf(wanted, sizeof wanted, "%s.incomplete", k->name);
	if (rename_numbered(k->dir_fd, k->now, wanted, name, sizeof name) < 0)
		return failed(k, errno, "rename", k->now);
	memcpy(k->now, name, sizeof k->now);
	return NULL;
}

void sink_keep(struct sink *k)
{
	/* There may be no room for it: what is there is kept. */
	if (k->fd >= 0 && fsync(k->fd) == 0)
		(void)fsync(k->dir_fd);
	sink_deinit(k);
}

void sink_discard(struct sink *k)
{
	unlinkat(k->dir_fd, k->now, 0);
	k->now[0] = '\0';
	sink_deinit(k);
}

void sink_deinit(struct sink *k)
{
	if (k->fd >= 0)
		close(k->fd);
	free(k->buffer);
	k->buffer = NULL;
	k->fd = -1;
}
