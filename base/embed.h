/* Files that the build put into the program (tools/embed.sh). */
#ifndef PL_BASE_EMBED_H
#define PL_BASE_EMBED_H

#include <stddef.h>

struct pl_embedded {
	const char *name; /* the file's base name; NULL ends a table */
	const char *data; /* size bytes and a NUL */
	size_t size;
};

/** The entry of that name, or NULL. */
const struct pl_embedded *pl_embedded_find(const struct pl_embedded *table, const char *name);

#endif
