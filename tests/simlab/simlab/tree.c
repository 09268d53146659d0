#include "tests/simlab/simlab/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

static struct pl_error *failed(const char *path)
{
	return pl_error_errno(PL_ERR_LAB, errno, "cannot copy %s", path);
}

static struct pl_error *copy_file(const FTSENT *f, const char *to)
{
	char chunk[65536];
	struct pl_error *e = NULL;
	ssize_t n = 0;
	int in = open(f->fts_accpath, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in < 0 || out < 0)
		e = failed(f->fts_path);
	while (e == NULL && (n = read(in, chunk, sizeof chunk)) > 0)
		e = pl_fs_write_all(out, chunk, (size_t)n);
	if (e == NULL && (n < 0 || fchmod(out, f->fts_statp->st_mode & 07777) != 0))
		e = failed(f->fts_path);
	struct timespec times[2] = {f->fts_statp->st_atim, f->fts_statp->st_mtim};
	if (e == NULL)
		futimens(out, times);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return e;
}

static struct pl_error *copy_entry(const FTSENT *f, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = 0;
	switch (f->fts_info) {
	case FTS_D:
		/* The guest's system folders may be read-only just now; a copy must be writable to be filled.
		 */
		if (mkdir(to, 0700) != 0 || chmod(to, (f->fts_statp->st_mode & 07777) | 0700) != 0)
			return failed(to);
		return NULL;
	case FTS_F:
		return copy_file(f, to);
	case FTS_SL:
	case FTS_SLNONE:
		n = readlink(f->fts_accpath, target, sizeof target - 1);
		if (n < 0)
			return failed(f->fts_path);
		target[n] = '\0';
		return symlink(target, to) == 0 ? NULL : failed(to);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		errno = f->fts_errno;
		return failed(f->fts_path);
	default:
		return NULL; /* sockets and the like do not outlive a copy */
	}
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *open_tree(const char *root)
{
	char *const roots[] = {(char *)(uintptr_t)root, NULL};
	return fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
}

struct pl_error *tree_copy(const char *from, const char *to)
{
	char path[PATH_MAX];
	struct pl_error *e = NULL;
	FTS *tree = open_tree(from);
	if (tree == NULL)
		return failed(from);
	for (FTSENT *f; e == NULL && (f = fts_read(tree)) != NULL;) {
		if (f->fts_info == FTS_DP)
			continue;
		snprintf(path, sizeof path, "%s%s", to, f->fts_path + strlen(from));
		e = copy_entry(f, path);
	}
	fts_close(tree);
	return e;
}

/* FNV-1a: tells changes apart; nobody attacks it. */
static uint64_t checksum(const char *path)
{
	unsigned char chunk[65536];
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	size_t n;
	FILE *f = fopen(path, "re");
	while (f != NULL && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		for (size_t i = 0; i < n; i++)
			sum = (sum ^ chunk[i]) * UINT64_C(0x100000001b3);
	if (f != NULL)
		fclose(f);
	return sum;
}

static bool skipped(const char *path, const char *const *skip)
{
	for (; *skip != NULL; skip++)
		if (strcmp(path, *skip) == 0)
			return true;
	return false;
}

static struct pl_error *list_entry(const FTSENT *f, const char *label, const char *path, struct pl_buf *out)
{
	unsigned mode = f->fts_statp->st_mode & 07777;
	char target[PATH_MAX] = "";
	if (f->fts_info == FTS_D)
		return pl_buf_printf(out, "%s %04o directory %s\n", label, mode | 0200, path);
	if (f->fts_info == FTS_F)
		return pl_buf_printf(
			out, "%s %04o %016" PRIx64 " %s\n", label, mode, checksum(f->fts_path), path);
	if (f->fts_info != FTS_SL && f->fts_info != FTS_SLNONE)
		return pl_buf_printf(out, "%s %04o other %s\n", label, mode, path);
	ssize_t n = readlink(f->fts_path, target, sizeof target - 1);
	return pl_buf_printf(out, "%s link %.*s %s\n", label, n > 0 ? (int)n : 0, target, path);
}

struct pl_error *tree_list(const char *root, const char *label, const char *const *skip, struct pl_buf *out)
{
	struct pl_error *e = NULL;
	FTS *tree = open_tree(root);
	if (tree == NULL)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot read %s", root);
	for (FTSENT *f; e == NULL && (f = fts_read(tree)) != NULL;) {
		const char *path = f->fts_path + strlen(root);
		if (f->fts_info == FTS_DP || path[0] == '\0')
			continue;
		if (skipped(path, skip)) {
			fts_set(tree, f, FTS_SKIP);
			continue;
		}
		e = list_entry(f, label, path, out);
	}
	fts_close(tree);
	return e;
}
