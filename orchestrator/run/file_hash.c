#include "orchestrator/run/file_hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"

enum { DEPTH_MAX = 8, ENTRIES_MAX = 2000 };

static struct pl_error *cannot_read(const char *path)
{
	return pl_error_at(pl_error_errno(PL_ERR_USAGE, errno, "cannot read it"), "%s", path);
}

static struct pl_error *add_bytes(const char *path, struct sha256 *s)
{
	char block[65536];
	size_t got = sizeof block;
	uint64_t at = 0;
	struct pl_error *e = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cannot_read(path);
	while (e == NULL && got == sizeof block) {
		e = pl_fs_read_at(fd, at, block, sizeof block, &got);
		if (e == NULL)
			sha256_add(s, block, got);
		at += got;
	}
	close(fd);
	return pl_error_at(e, "%s", path);
}

struct pl_error *file_hash(const char *path, char hex[static SHA256_HEX], bool *executable)
{
	struct sha256 s;
	struct stat st;
	hex[0] = '\0';
	*executable = false;
	if (stat(path, &st) < 0)
		return cannot_read(path);
	*executable = (st.st_mode & 0111) != 0;
	sha256_init(&s);
	struct pl_error *e = add_bytes(path, &s);
	if (e == NULL)
		sha256_end(&s, hex);
	return e;
}

/* ---- folders ---- */

struct tree {
	struct sha256 hash;
	size_t entries;
};

static int skip_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* By bytes, whatever the language of the one who runs it: alphasort() goes by that. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static struct pl_error *add_folder(struct tree *t, const char *path, int depth);

static struct pl_error *add_entry(struct tree *t, const char *path, const char *name, int depth)
{
	struct stat st;
	char head[64], hex[SHA256_HEX] = "";
	bool executable = false;
	if (lstat(path, &st) < 0)
		return cannot_read(path);
	if (depth > DEPTH_MAX || ++t->entries > ENTRIES_MAX)
		return pl_error_at(
			pl_error_new(PL_ERR_USAGE, "too deep or too large for a kext bundle"), "%s", path);
	bool folder = S_ISDIR(st.st_mode);
	if (!folder && !S_ISREG(st.st_mode))
		return pl_error_at(pl_error_new(PL_ERR_USAGE, "neither a file nor a folder"), "%s", path);
	struct pl_error *e = folder ? NULL : file_hash(path, hex, &executable);
	if (e != NULL)
		return e;
	/* Lengths first, so that no two trees give the same bytes. */
	snprintf(head, sizeof head, "%c%d%zu:", folder ? 'd' : 'f', executable, strlen(name));
	sha256_add(&t->hash, head, strlen(head));
	sha256_add(&t->hash, name, strlen(name));
	sha256_add(&t->hash, hex, strlen(hex));
	return folder ? add_folder(t, path, depth) : NULL;
}

static struct pl_error *add_folder(struct tree *t, const char *path, int depth)
{
	struct dirent **names = NULL;
	struct pl_error *e = NULL;
	int count = scandir(path, &names, skip_dots, by_bytes);
	if (count < 0)
		return cannot_read(path);
	for (int i = 0; i < count; i++) {
		char *below = NULL;
		if (e == NULL)
			e = pl_asprintf(&below, "%s/%s", path, names[i]->d_name);
		if (e == NULL)
			e = add_entry(t, below, names[i]->d_name, depth + 1);
		free(below);
		free(names[i]);
	}
	free(names);
	/* The folder's end, which a file of the next level could not be taken for. */
	sha256_add(&t->hash, "e", 1);
	return e;
}

struct pl_error *folder_hash(const char *path, char hex[static SHA256_HEX])
{
	struct tree t = {0};
	hex[0] = '\0';
	sha256_init(&t.hash);
	struct pl_error *e = add_folder(&t, path, 0);
	if (e == NULL)
		sha256_end(&t.hash, hex);
	return e;
}
