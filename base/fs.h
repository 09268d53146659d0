/*
 * Files: read with a limit, written so that a crash leaves the old one or the
 * new one, never half of one. Errors are PL_ERR_LAB and name the path.
 */
#ifndef PL_BASE_FS_H
#define PL_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/** The whole file into b (initialised by the caller, whose max is the limit). */
struct pl_error *pl_fs_read(const char *path, struct pl_buf *b) PL_MUST_USE;

/**
 * Writes path by a temporary name beside it, fsync, rename, fsync of the
 * directory. On an error the old file stands and no temporary one is left.
 */
struct pl_error *pl_fs_write(const char *path, const void *data, size_t size, mode_t mode) PL_MUST_USE;

/** The same for a file that exists, which keeps its mode, owner and group. Links are followed. */
struct pl_error *pl_fs_replace(const char *path, const void *data, size_t size) PL_MUST_USE;

/**
 * The same for a new file in an open folder, which replaces nothing: EEXIST if
 * the name is taken. Nothing of it is left on an error (that of the folder's
 * fsync, the last, excepted).
 */
struct pl_error *pl_fs_write_new(
	int dir, const char *name, const void *data, size_t size, mode_t mode) PL_MUST_USE;

/**
 * Renames within an open folder and never replaces a file: -1 with errno
 * (EEXIST) instead. Where the file system has neither such a rename nor links,
 * both names are there for a moment.
 */
int pl_fs_rename_new(int dir, const char *from, const char *to);

/** write(2) until all is written, with EINTR and short writes handled. */
struct pl_error *pl_fs_write_all(int fd, const void *data, size_t size) PL_MUST_USE;

/** pread(2) until *got is size or the file has ended, with EINTR and short reads handled. */
struct pl_error *pl_fs_read_at(int fd, uint64_t at, void *data, size_t size, size_t *got) PL_MUST_USE;

/**
 * What was written to fd is on the medium when this returns: on macOS fsync()
 * alone leaves it in the drive's cache, which a power loss empties.
 */
struct pl_error *pl_fs_sync(int fd) PL_MUST_USE;

/** The same for a directory, so that names in it survive a crash. */
struct pl_error *pl_fs_sync_dir(const char *path) PL_MUST_USE;

/** Makes path and its parents (mode 0700 for new ones), synced; existing is ok. */
struct pl_error *pl_fs_mkdirs(const char *path) PL_MUST_USE;

/**
 * A new file without a name, below $TMPDIR or /tmp: it goes away with its
 * descriptor, whatever happens. mode 0600; not close-on-exec.
 */
struct pl_error *pl_fs_unnamed(int *ret) PL_MUST_USE;

/** Copies a file by the rules of pl_fs_write(). */
struct pl_error *pl_fs_copy(const char *from, const char *to, mode_t mode) PL_MUST_USE;

/** Removes path and what is below it; never follows a link; absent is ok. */
struct pl_error *pl_fs_remove_tree(const char *path) PL_MUST_USE;

bool pl_fs_exists(const char *path);

/** dir + "/" + name, malloc'd; name itself when it is absolute. */
struct pl_error *pl_fs_join(const char *dir, const char *name, char **ret) PL_MUST_USE;

/** The folder that holds path: "." of a mere name; malloc'd. */
struct pl_error *pl_fs_parent(const char *path, char **ret) PL_MUST_USE;

/** Replaces a leading "~" or "~/" by $HOME; malloc'd. */
struct pl_error *pl_fs_expand(const char *path, char **ret) PL_MUST_USE;

/*
 * An advisory lock on a file that says who holds it. The kernel drops it with
 * the process, so a lock never outlives a kill -9.
 */
struct pl_lock {
	int fd; /* -1: not held */
};

/**
 * Takes the lock or fails at once with PL_ERR_LAB; `holder` is written into
 * the file, and the error's reason is what the present holder wrote.
 */
struct pl_error *pl_lock_take(struct pl_lock *l, const char *path, const char *holder) PL_MUST_USE;
void pl_lock_release(struct pl_lock *l);

#endif
