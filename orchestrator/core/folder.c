#include "orchestrator/core/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/text.h"

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct pl_error *add(struct folder *f, const char *name)
{
	void *grown = pl_grow(f->names, f->count, sizeof *f->names);

	if (!grown)
		return pl_error_nomem();
	f->names = grown;
	struct pl_error *e = pl_strdup(name, &f->names[f->count]);
	if (!e)
		f->count++;
	return e;
}

struct pl_error *folder_list(const char *path, size_t max, struct folder *ret)
{
	const struct dirent *entry;
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof *ret);
	DIR *d = opendir(path);
	if (!d)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot list it"), "%s", path);
	while (!e && !ret->cut && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		ret->cut = ret->count == max;
		if (!ret->cut)
			e = add(ret, entry->d_name);
	}
	closedir(d);
	if (e)
		folder_deinit(ret);
	else if (ret->count > 1)
		qsort(ret->names, ret->count, sizeof *ret->names, by_bytes);
	return e;
}

void folder_deinit(struct folder *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->names[i]);
	free(f->names);
	memset(f, 0, sizeof *f);
}

bool folder_is(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool folder_has_file(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}
