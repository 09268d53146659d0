/* Giving a file its last name, without ever replacing another. */
#ifndef SERVER_RENAME_H
#define SERVER_RENAME_H

#include <stddef.h>

/** 0, or -1 with errno; EEXIST if `to` is there already. */
int rename_new(int dir_fd, const char *from, const char *to);

/**
 * The first free of `to`, `to`-2, `to`-3 and so on, which goes to out. 0, or -1
 * with errno.
 */
int rename_numbered(int dir_fd, const char *from, const char *to, char *out, size_t out_size);

#endif
