#include "server/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "server/rename.h"

/* A kernel is near the start of its core; from here on at every doubling. */
#define LOOK_FIRST (UINT64_C(1) << 20)
/* No Mac has so much memory; a small file may ask for much more. */
#define CORE_MAX (UINT64_C(256) << 30)

void unpack_init(struct unpack *u, int dir_fd, const char *gz_name, struct quota *quota,
	struct unpack_identify identify)
{
	size_t length = strlen(gz_name);

	memset(u, 0, sizeof *u);
	u->dir_fd = dir_fd;
	u->quota = quota;
	u->identify = identify;
	u->fd = -1;
	u->look_at = LOOK_FIRST;
	if (pl_ends_with(gz_name, ".gz") && length > 3)
		snprintf(u->name, sizeof u->name, "%.*s", (int)(length - 3), gz_name);
	else
		snprintf(u->reason, sizeof u->reason, "its name does not end in .gz");
}

/* ---- giving up ------------------------------------------------------------------- */

static uint64_t written(const struct unpack *u)
{
	return u->sparse.size - u->sparse.holes;
}

static void discard(struct unpack *u)
{
	if (u->fd < 0)
		return;
	if (u->quota)
		quota_give_back(u->quota, written(u));
	close(u->fd);
	u->fd = -1;
	unlinkat(u->dir_fd, u->now, 0);
	u->now[0] = '\0';
}

static void give_up(struct unpack *u, const char *what, int errnum)
{
	snprintf(u->reason, sizeof u->reason, "%s%s%s", what, errnum ? ": " : "",
		errnum ? strerror(errnum) : "");
	discard(u);
}

static void give_up_for(struct unpack *u, struct pl_error *err)
{
	char line[UNPACK_REASON_MAX];

	give_up(u, pl_error_line(err, line, sizeof line), 0);
	pl_error_free(err);
}

/* ---- writing --------------------------------------------------------------------- */

static void make(struct unpack *u)
{
	struct stat st;

	if (fstatat(u->dir_fd, u->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		snprintf(u->reason, sizeof u->reason, "%s exists", u->name);
		return;
	}
	snprintf(u->now, sizeof u->now, "%s.partial", u->name);
	u->fd = openat(u->dir_fd, u->now, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (u->fd < 0) {
		give_up(u, "cannot create the core", errno);
		u->now[0] = '\0';
	}
	u->sparse = (struct sparse){.fd = u->fd};
}

static void look(struct unpack *u)
{
	if (atomic_load(&u->known) || !u->identify.fn)
		return;
	if (u->identify.fn(u->identify.arg, u->fd, u->uuid))
		atomic_store(&u->known, true);
}

/* Neither holes nor what a failed write left out stay taken. */
static struct pl_error *write_within_quota(struct unpack *u, const void *data, size_t size)
{
	uint64_t before = written(u);
	struct pl_error *err = u->quota ? quota_take_spare(u->quota, size) : NULL;

	if (err)
		return err;
	err = sparse_write(&u->sparse, data, size);
	if (u->quota)
		quota_give_back(u->quota, size - (written(u) - before));
	return err;
}

void unpack_write(struct unpack *u, const void *data, size_t size)
{
	if (u->fd < 0 && !u->reason[0])
		make(u);
	if (u->reason[0])
		return;
	if (size > CORE_MAX - u->sparse.size) {
		give_up(u, "it would be larger than any Mac's memory", 0);
		return;
	}
	struct pl_error *err = write_within_quota(u, data, size);
	if (err) {
		give_up_for(u, err);
		return;
	}
	if (u->sparse.size >= u->look_at) {
		look(u);
		u->look_at = u->sparse.size * 2;
	}
}

void unpack_restart(struct unpack *u)
{
	discard(u);
	u->look_at = LOOK_FIRST;
}

/* ---- the end --------------------------------------------------------------------- */

static int last_name(struct unpack *u, bool whole)
{
	char wanted[SINK_NAME_MAX + 1];
	char name[SINK_NAME_MAX + 1];

	if (whole) {
		if (pl_fs_rename_new(u->dir_fd, u->now, u->name) < 0)
			return -1;
		snprintf(u->now, sizeof u->now, "%s", u->name);
		return 0;
	}
	snprintf(wanted, sizeof wanted, "%s.incomplete", u->name);
	if (rename_numbered(u->dir_fd, u->now, wanted, name, sizeof name) < 0)
		return -1;
	memcpy(u->now, name, sizeof u->now);
	return 0;
}

void unpack_finish(struct unpack *u, bool whole)
{
	if (u->fd < 0)
		return;
	/* It may end in a hole. */
	if (ftruncate(u->fd, (off_t)u->sparse.size) < 0 || last_name(u, whole) < 0) {
		give_up(u, "cannot finish the core", errno);
		return;
	}
	if (whole)
		look(u);
	close(u->fd);
	u->fd = -1;
}
