/* The names in a folder, in order: what a walk over a kit sees is the same each time. */
#ifndef CORE_FOLDER_H
#define CORE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct folder {
	char **names; /* sorted by bytes; without those that start with "." */
	size_t count;
	bool cut; /* there are more than were asked for: which ones were taken is chance */
};

/** At most max names; PL_ERR_LAB, with the path, when it is not a folder that can be read. */
struct pl_error *folder_list(const char *path, size_t max, struct folder *ret) PL_MUST_USE;

/** NULL-safe for a folder of zeroes. */
void folder_deinit(struct folder *f);

/* Of what a link points to. */
bool folder_is(const char *path); /* a folder is there */
bool folder_has_file(const char *path);

#endif
