/* Names for incomplete files, none of which replaces another. */
#ifndef SERVER_RENAME_H
#define SERVER_RENAME_H

#include <stddef.h>

/**
 * The first free of `to`, `to`-2, `to`-3 and so on, which goes to out. 0, or -1
 * with errno.
 */
int rename_numbered(int dir_fd, const char *from, const char *to, char *out, size_t out_size);

#endif
