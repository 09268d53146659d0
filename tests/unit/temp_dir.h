/* A folder for one test, with files and scripts in it. */
#ifndef TEST_TEMP_DIR_H
#define TEST_TEMP_DIR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

struct temp_dir {
	char path[64];
};

static inline void temp_make(struct temp_dir *t)
{
	snprintf(t->path, sizeof(t->path), "/tmp/paniclab-unit.XXXXXX");
	if (!mkdtemp(t->path))
		abort();
}

static inline void temp_remove(struct temp_dir *t)
{
	pl_error_free(pl_fs_remove_tree(t->path));
}

/* dir/name, its folders made; into out. */
static inline const char *temp_file(
	const struct temp_dir *t, const char *name, const char *text, char out[256])
{
	char *slash;
	FILE *f;

	snprintf(out, 256, "%s/%s", t->path, name);
	slash = strrchr(out, '/');
	*slash = '\0';
	pl_error_free(pl_fs_mkdirs(out));
	*slash = '/';
	f = fopen(out, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
	return out;
}

/* A shell script; $D is the folder. */
static inline const char *temp_script(
	const struct temp_dir *t, const char *name, const char *body, char out[256])
{
	char text[8192];

	snprintf(text, sizeof(text), "#!/bin/sh\nD='%s'\n%s", t->path, body);
	temp_file(t, name, text, out);
	if (chmod(out, 0700))
		abort();
	return out;
}

/* A small file's text, "" if there is none. */
static inline const char *temp_read(const struct temp_dir *t, const char *name, char *out, size_t size)
{
	char path[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", t->path, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(out, 1, size - 1, f);
		fclose(f);
	}
	out[n] = '\0';
	return out;
}

#endif
