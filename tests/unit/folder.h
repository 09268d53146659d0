/* One folder for all tests of a file: fixtures for cmocka_run_group_tests(). */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"

static char folder[64];

static inline int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/paniclab-unit.XXXXXX");
	return mkdtemp(folder) == NULL;
}

static inline int remove_folder(void **state)
{
	(void)state;
	pl_error_free(pl_fs_remove_tree(folder));
	return access(folder, F_OK) == 0;
}

/* The path of a name in it; good until the fourth call after this one. */
static inline const char *in_folder(const char *name)
{
	static char paths[4][256];
	static int next;
	char *p = paths[next++ % 4];
	snprintf(p, sizeof paths[0], "%s/%s", folder, name);
	return p;
}

#endif
