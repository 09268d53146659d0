#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

struct pl_error *pl_fs_read(const char *path, struct pl_buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", path);
	struct pl_error *e = NULL;
	char chunk[16384];
	while (e == NULL) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n == 0)
			break;
		if (n > 0)
			e = pl_buf_append(b, chunk, (size_t)n);
		else if (errno != EINTR)
			e = pl_error_errno(PL_ERR_LAB, errno, "cannot read it");
	}
	close(fd);
	return pl_error_at(e, "%s", path);
}

struct pl_error *pl_fs_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	while (size > 0) {
		ssize_t n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot write");
		p += n;
		size -= (size_t)n;
	}
	return NULL;
}

struct pl_error *pl_fs_read_at(int fd, uint64_t at, void *data, size_t size, size_t *got)
{
	*got = 0;
	while (*got < size && at + *got <= (uint64_t)INT64_MAX && at <= (uint64_t)INT64_MAX) {
		ssize_t n = pread(fd, (uint8_t *)data + *got, size - *got, (off_t)(at + *got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot read at offset %llu",
				(unsigned long long)(at + *got));
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return NULL;
}

struct pl_error *pl_fs_sync(int fd)
{
#ifdef F_FULLFSYNC
	if (fcntl(fd, F_FULLFSYNC) == 0)
		return NULL;
		/* Not every file system has it. */
#endif
	if (fsync(fd) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot sync it");
	return NULL;
}

struct pl_error *pl_fs_parent(const char *path, char **ret)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return pl_strdup(".", ret);
	if (slash == path)
		return pl_strdup("/", ret);
	*ret = strndup(path, (size_t)(slash - path));
	return *ret == NULL ? pl_error_nomem() : NULL;
}

static struct pl_error *sync_folder(int dir)
{
	/* Some file systems have no fsync for folders and say EINVAL. */
	if (fsync(dir) < 0 && errno != EINVAL)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot sync the folder");
	return NULL;
}

struct pl_error *pl_fs_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open the folder"), "%s", path);
	struct pl_error *e = pl_error_at(sync_folder(fd), "%s", path);
	close(fd);
	return e;
}

static struct pl_error *sync_parent(const char *path)
{
	char *dir = NULL;
	struct pl_error *e = pl_fs_parent(path, &dir);
	if (e == NULL)
		e = pl_fs_sync_dir(dir);
	free(dir);
	return e;
}

/* ---- a file under a temporary name until it is whole ----------------------------- */

struct draft {
	int dir;          /* borrowed */
	const char *name; /* what it is to be called */
	char *temporary;  /* what it is called; malloc'd */
	int fd;
};

/* Names that others hold, before it counts as an error. */
#define DRAFT_TRIES 100

static struct pl_error *draft_begin(struct draft *d, int dir, const char *name)
{
	int why = EEXIST;

	*d = (struct draft){.dir = dir, .name = name, .fd = -1};
	for (int i = 0; i < DRAFT_TRIES && why == EEXIST; i++) {
		struct pl_error *e = pl_asprintf(&d->temporary, "%s.tmp.%ld-%d", name, (long)getpid(), i);
		if (e != NULL)
			return e;
		d->fd = openat(dir, d->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (d->fd >= 0)
			return NULL;
		why = errno;
		free(d->temporary);
	}
	return pl_error_errno(PL_ERR_LAB, why, "cannot make a file beside it");
}

/* Ends what draft_begin() began: on disk under its final name, or gone. */
static struct pl_error *draft_end(struct draft *d, mode_t mode, bool replace, struct pl_error *e)
{
	if (e == NULL && fchmod(d->fd, mode) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot set its mode");
	if (e == NULL)
		e = pl_fs_sync(d->fd);
	if (close(d->fd) < 0 && e == NULL)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot close it");
	if (e == NULL && (replace ? renameat(d->dir, d->temporary, d->dir, d->name)
				  : pl_fs_rename_new(d->dir, d->temporary, d->name)) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot rename it into place");
	if (e != NULL)
		unlinkat(d->dir, d->temporary, 0);
	free(d->temporary);
	return e != NULL ? e : sync_folder(d->dir);
}

/* The same at a path, whose folder stays open from the beginning to the end. */
static struct pl_error *draft_begin_path(struct draft *d, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = NULL;
	struct pl_error *e = pl_fs_parent(path, &folder);
	if (e != NULL)
		return e;
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (dir < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot open the folder");
	e = draft_begin(d, dir, slash == NULL ? path : slash + 1);
	if (e != NULL)
		close(dir);
	return e;
}

static struct pl_error *draft_end_path(struct draft *d, mode_t mode, struct pl_error *e)
{
	e = draft_end(d, mode, true, e);
	close(d->dir);
	return e;
}

struct pl_error *pl_fs_write(const char *path, const void *data, size_t size, mode_t mode)
{
	struct draft d;
	struct pl_error *e = draft_begin_path(&d, path);
	if (e == NULL)
		e = draft_end_path(&d, mode, pl_fs_write_all(d.fd, data, size));
	return pl_error_at(e, "%s", path);
}

static struct pl_error *keep_owner(int fd, const struct stat *old)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot look at the new file");
	if (st.st_uid == old->st_uid && st.st_gid == old->st_gid)
		return NULL;
	if (fchown(fd, old->st_uid, old->st_gid) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot keep its owner");
	return NULL;
}

static struct pl_error *replace(const char *path, const void *data, size_t size)
{
	struct stat old;
	if (stat(path, &old) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot look at it");
	struct draft d;
	struct pl_error *e = draft_begin_path(&d, path);
	if (e != NULL)
		return e;
	e = keep_owner(d.fd, &old);
	if (e == NULL)
		e = pl_fs_write_all(d.fd, data, size);
	return draft_end_path(&d, old.st_mode & 07777, e);
}

struct pl_error *pl_fs_replace(const char *path, const void *data, size_t size)
{
	char *real = realpath(path, NULL);
	struct pl_error *e = real == NULL ? pl_error_errno(PL_ERR_LAB, errno, "cannot open it")
					  : replace(real, data, size);
	free(real);
	return pl_error_at(e, "%s", path);
}

struct pl_error *pl_fs_write_new(int dir, const char *name, const void *data, size_t size, mode_t mode)
{
	struct draft d;
	struct pl_error *e = draft_begin(&d, dir, name);
	if (e == NULL)
		e = draft_end(&d, mode, false, pl_fs_write_all(d.fd, data, size));
	return pl_error_at(e, "%s", name);
}

/* ---- names ------------------------------------------------------------------------ */

/* Where a file system can neither rename without replacing nor link: its name is taken first. */
static int take_name(int dir, const char *from, const char *to)
{
	int fd = openat(dir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	close(fd);
	if (renameat(dir, from, dir, to) == 0)
		return 0;
	int why = errno;
	unlinkat(dir, to, 0);
	errno = why;
	return -1;
}

int pl_fs_rename_new(int dir, const char *from, const char *to)
{
#if defined(__APPLE__)
	if (renameatx_np(dir, from, dir, to, RENAME_EXCL) == 0)
		return 0;
	if (errno != ENOTSUP && errno != EINVAL)
		return -1;
#elif defined(RENAME_NOREPLACE)
	if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
#endif
	if (linkat(dir, from, dir, to, 0) == 0)
		return unlinkat(dir, from, 0);
	if (errno == EEXIST)
		return -1;
	return take_name(dir, from, to);
}

/* ---- copies and folders ------------------------------------------------------------ */

static struct pl_error *pump(int from, int to)
{
	char chunk[65536];
	for (;;) {
		ssize_t n = read(from, chunk, sizeof chunk);
		if (n == 0)
			return NULL;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot read the original");
		struct pl_error *e = pl_fs_write_all(to, chunk, (size_t)n);
		if (e != NULL)
			return e;
	}
}

struct pl_error *pl_fs_copy(const char *from, const char *to, mode_t mode)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", from);
	struct draft d;
	struct pl_error *e = draft_begin_path(&d, to);
	if (e == NULL)
		e = draft_end_path(&d, mode, pump(in, d.fd));
	close(in);
	return pl_error_at(e, "%s", to);
}

struct pl_error *pl_fs_unnamed(int *ret)
{
	const char *dir = getenv("TMPDIR");
	char *path = NULL;
	struct pl_error *e =
		pl_asprintf(&path, "%s/paniclab.XXXXXX", dir != NULL && *dir != '\0' ? dir : "/tmp");
	if (e != NULL)
		return e;
	*ret = mkstemp(path);
	if (*ret < 0)
		e = pl_error_hint(
			pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot make a temporary file"), "%s",
				path),
			"set TMPDIR to a folder that takes it");
	else
		unlink(path);
	free(path);
	return e;
}

struct pl_error *pl_fs_mkdirs(const char *path)
{
	char *copy = NULL;
	struct pl_error *e = pl_strdup(path, &copy);
	if (e != NULL)
		return e;
	for (char *p = copy + 1; e == NULL; p++) {
		bool end = *p == '\0';
		if (!end && *p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0700) == 0)
			e = sync_parent(copy);
		else if (errno != EEXIST)
			e = pl_error_at(
				pl_error_errno(PL_ERR_LAB, errno, "cannot make the folder"), "%s", copy);
		if (end)
			break;
		*p = '/';
	}
	struct stat st;
	if (e == NULL && (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)))
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "not a folder"), "%s", path);
	free(copy);
	return e;
}

static int remove_entry(int dir, const char *name);

static int remove_children(int fd)
{
	DIR *d = fdopendir(fd);
	if (d == NULL) {
		close(fd);
		return -1;
	}
	int failed = 0;
	struct dirent *entry;
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_entry(dirfd(d), entry->d_name) < 0)
			failed = errno;
	}
	closedir(d);
	errno = failed;
	return failed == 0 ? 0 : -1;
}

static int remove_entry(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* Linux says EISDIR for a folder, POSIX and macOS EPERM. */
	if (errno != EISDIR && errno != EPERM)
		return -1;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || remove_children(fd) < 0)
		return -1;
	return unlinkat(dir, name, AT_REMOVEDIR);
}

struct pl_error *pl_fs_remove_tree(const char *path)
{
	if (remove_entry(AT_FDCWD, path) < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot remove it"), "%s", path);
	return NULL;
}

bool pl_fs_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

struct pl_error *pl_fs_join(const char *dir, const char *name, char **ret)
{
	if (name[0] == '/')
		return pl_strdup(name, ret);
	return pl_asprintf(ret, "%s%s%s", dir, pl_ends_with(dir, "/") ? "" : "/", name);
}

struct pl_error *pl_fs_expand(const char *path, char **ret)
{
	const char *home = getenv("HOME");
	if (path[0] != '~' || (path[1] != '/' && path[1] != '\0') || home == NULL)
		return pl_strdup(path, ret);
	return pl_asprintf(ret, "%s%s", home, path + 1);
}

/* What the lock's holder wrote, escaped. */
static void read_holder(int fd, char *out, size_t size)
{
	char raw[256];
	ssize_t n = pread(fd, raw, sizeof raw, 0);
	while (n > 0 && raw[n - 1] == '\n')
		n--;
	pl_escape(raw, n > 0 ? (size_t)n : 0, out, size);
}

struct pl_error *pl_lock_take(struct pl_lock *l, const char *path, const char *holder)
{
	l->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open the lock"), "%s", path);
	if (flock(l->fd, LOCK_EX | LOCK_NB) < 0) {
		int why = errno;
		char who[512];
		read_holder(l->fd, who, sizeof who);
		pl_lock_release(l);
		if (why == EWOULDBLOCK)
			return pl_error_why(pl_error_at(pl_error_new(PL_ERR_LAB, "in use"), "%s", path),
				"held by %s", who[0] == '\0' ? "another process" : who);
		return pl_error_at(pl_error_errno(PL_ERR_LAB, why, "cannot lock"), "%s", path);
	}
	struct pl_error *e = NULL;
	if (ftruncate(l->fd, 0) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot write the lock");
	if (e == NULL)
		e = pl_fs_write_all(l->fd, holder, strlen(holder));
	if (e != NULL)
		pl_lock_release(l);
	return pl_error_at(e, "%s", path);
}

void pl_lock_release(struct pl_lock *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}
