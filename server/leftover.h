/*
 * Files under way of a server that was killed: NAME.partial that no server
 * writes any more. Left as it is, it looks like a dump that goes on, and a
 * guest that dumps under that name again is refused.
 *
 * Whose a file is, is not written in it, so only what a server would have made
 * is touched: a regular file of this user's with one name, mode 0600, and a
 * safe name before ".partial". It is renamed; its content stays as it is.
 */
#ifndef SERVER_LEFTOVER_H
#define SERVER_LEFTOVER_H

#include "base/err.h"
#include "base/log.h"

/**
 * Makes each of them NAME.incomplete (or -2 and so on; nothing is replaced)
 * with a note that says "killed". Call it when a server opens its folder,
 * before the first transfer.
 *
 * Nothing is touched while another server has the folder: each has a shared
 * flock(2) on it from this call until dir_fd is closed. Where folders cannot
 * be locked (some network file systems), nothing is touched either.
 *
 * An error is PL_ERR_LAB; the folder can be used nevertheless.
 */
struct pl_error *leftover_settle(int dir_fd, const struct pl_log *log) PL_MUST_USE;

#endif
