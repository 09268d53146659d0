#include "server/quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/wait.h"

#define COUNT_AGAIN_AFTER (5 * PL_SECOND)
#define ASK_AGAIN_AFTER PL_SECOND
/* The unit of st_blocks, whatever the file system's own is. */
#define STAT_BLOCK UINT64_C(512)

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
	return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* ---- the folder ------------------------------------------------------------------ */

static uint64_t bytes_of(const struct stat *st)
{
	uint64_t length = st->st_size > 0 ? (uint64_t)st->st_size : 0;
	uint64_t occupied = st->st_blocks > 0 ? multiply((uint64_t)st->st_blocks, STAT_BLOCK) : 0;

	return occupied < length ? occupied : length;
}

static struct pl_error *sum(DIR *d, uint64_t *ret)
{
	const struct dirent *entry;
	unsigned files = 0;

	*ret = 0;
	while ((errno = 0, entry = readdir(d)) != NULL) {
		struct stat st;
		/* One that is gone by now, or can't be looked at, is no file of ours. */
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (++files > QUOTA_FILES_MAX)
			return pl_error_hint(
				pl_error_new(PL_ERR_LAB, "too many files in the folder to count"),
				"choose another folder, or leave --max-total out");
		*ret = add(*ret, bytes_of(&st));
	}
	return errno == 0 ? NULL : pl_error_errno(PL_ERR_LAB, errno, "cannot read the folder");
}

static struct pl_error *count(int dir_fd, uint64_t *ret)
{
	/* Opened anew: a duplicate would share its position with other readers. */
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		struct pl_error *err = pl_error_errno(PL_ERR_LAB, errno, "cannot read the folder");
		if (fd >= 0)
			close(fd);
		return err;
	}
	struct pl_error *err = sum(d, ret);
	closedir(d);
	return err;
}

/* So that `spare` bytes may still be taken after it. */
static bool reserve(struct quota *q, uint64_t bytes, uint64_t spare)
{
	uint64_t used = atomic_load(&q->used);

	do {
		if (used > q->max_total || add(bytes, spare) > q->max_total - used)
			return false;
	} while (!atomic_compare_exchange_weak(&q->used, &used, used + bytes));
	return true;
}

/* True if the folder was counted again and holds less than was believed. */
static bool made_room(struct quota *q, int64_t now)
{
	int64_t counted_at = atomic_load(&q->counted_at);
	uint64_t counted;

	if (now - counted_at < COUNT_AGAIN_AFTER ||
		!atomic_compare_exchange_strong(&q->counted_at, &counted_at, now))
		return false;
	/* What others take from here on is added to this, perhaps twice, never lost. */
	uint64_t believed = atomic_load(&q->used);
	struct pl_error *err = count(q->dir_fd, &counted);
	bool less = !err && counted < believed;
	pl_error_free(err);
	if (less)
		quota_give_back(q, believed - counted);
	return less;
}

/* ---- the disk --------------------------------------------------------------------- */

static struct pl_error *free_bytes(int dir_fd, uint64_t *ret)
{
	struct statvfs vfs;

	while (fstatvfs(dir_fd, &vfs) < 0)
		if (errno != EINTR)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot tell how much of the disk is free");
	/* Not f_bfree: what is kept for root is not for us. */
	*ret = multiply(vfs.f_bavail, vfs.f_frsize);
	return NULL;
}

static struct pl_error *ask_disk(struct quota *q, uint64_t bytes, int64_t now)
{
	uint64_t available;
	struct pl_error *err = free_bytes(q->dir_fd, &available);

	if (err)
		return err;
	uint64_t spare = available > q->min_free ? available - q->min_free : 0;
	if (bytes > spare)
		return pl_error_new(PL_ERR_LAB, "the disk is nearly full (--min-free)");
	/* Near the limit each write asks. */
	bool near = spare - bytes < 2 * QUOTA_LOOK_EVERY;
	atomic_store(&q->asked_at, now);
	atomic_store(&q->unasked, near ? 0 : (int64_t)QUOTA_LOOK_EVERY);
	return NULL;
}

static struct pl_error *check_disk(struct quota *q, uint64_t bytes, int64_t now)
{
	if (bytes <= QUOTA_LOOK_EVERY && now - atomic_load(&q->asked_at) < ASK_AGAIN_AFTER &&
		atomic_fetch_sub(&q->unasked, (int64_t)bytes) >= (int64_t)bytes)
		return NULL;
	return ask_disk(q, bytes, now);
}

/* ---- both ------------------------------------------------------------------------- */

struct pl_error *quota_init(struct quota *q, int dir_fd, uint64_t max_total, uint64_t min_free, int64_t now)
{
	struct pl_error *err = NULL;
	uint64_t used = 0;

	q->dir_fd = dir_fd;
	q->max_total = max_total;
	q->min_free = min_free;
	if (max_total > 0)
		err = count(dir_fd, &used);
	if (!err && min_free > 0) {
		uint64_t available;
		err = free_bytes(dir_fd, &available);
	}
	atomic_init(&q->used, used);
	atomic_init(&q->counted_at, now);
	atomic_init(&q->unasked, 0);
	atomic_init(&q->asked_at, now);
	return err;
}

struct pl_error *quota_take(struct quota *q, uint64_t bytes, int64_t now, enum wire_code *code)
{
	struct pl_error *err = NULL;

	*code = WIRE_E_FULL;
	if (q->max_total > 0 && !reserve(q, bytes, 0) && !(made_room(q, now) && reserve(q, bytes, 0)))
		return pl_error_new(PL_ERR_LAB, "the folder's limit is reached (--max-total)");
	if (q->min_free > 0)
		err = check_disk(q, bytes, now);
	if (err)
		quota_give_back(q, bytes);
	return err;
}

struct pl_error *quota_take_spare(struct quota *q, uint64_t bytes)
{
	uint64_t available;

	if (q->max_total > 0 && !reserve(q, bytes, QUOTA_SPARE))
		return pl_error_new(PL_ERR_LAB, "the folder's limit is near (--max-total)");
	struct pl_error *err = free_bytes(q->dir_fd, &available);
	if (!err && add(add(bytes, QUOTA_SPARE), q->min_free) > available)
		err = pl_error_new(PL_ERR_LAB, "the disk is nearly full");
	if (err)
		quota_give_back(q, bytes);
	return err;
}

void quota_give_back(struct quota *q, uint64_t bytes)
{
	uint64_t used = atomic_load(&q->used);

	if (q->max_total == 0)
		return;
	while (!atomic_compare_exchange_weak(&q->used, &used, used > bytes ? used - bytes : 0))
		;
}

uint64_t quota_used(const struct quota *q)
{
	return atomic_load(&q->used);
}
