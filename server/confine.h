/*
 * What a dump server gives up before the first packet from outside: root, and on Linux
 * all of the file system but its folder, new sockets, and the system calls that it has no
 * use for. Whoever takes it over by a hostile packet then has the dumps and nothing more.
 *
 * In this order, and all of it before the process has a second thread, because
 * Landlock holds for the calling thread and for those that it starts:
 *
 *     confine_find_user()   reads /etc/passwd
 *     confine_make_dir()    as root
 *     ... bind the socket ...
 *     confine_become()
 *     ... open the folder: what is in it is judged and written as that user ...
 *     confine_restrict()
 *
 * After confine_restrict() nothing outside the folder can be opened any more: time zones,
 * names of users, random devices must have been read before.
 *
 * A build with AddressSanitizer is not restricted (only the user is changed): its leak
 * check reads /proc and attaches to the process with ptrace(2).
 */
#ifndef SERVER_CONFINE_H
#define SERVER_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"

struct confine_user {
	uid_t uid;
	gid_t gid; /* the only group that it will have */
	char name[64];
};

/**
 * PL_ERR_USAGE if there is no such user, if it is root, or if this process is neither root
 * nor that user already: it could not become it.
 */
struct pl_error *confine_find_user(const char *name, struct confine_user *ret) PL_MUST_USE;

/**
 * Root only, else nothing is looked at: can the user get to dir, through those folders above
 * it that are there? PL_ERR_LAB names the one that bars the way. Asks in a child process.
 */
struct pl_error *confine_check_way(const char *dir, const struct confine_user *u) PL_MUST_USE;

/** After confine_check_way(), makes dir, mode 0700; it and each folder above it that had to be made are the
 * user's. */
struct pl_error *confine_make_dir(const char *dir, const struct confine_user *u) PL_MUST_USE;

/**
 * Becomes the user for good: verified, there is no way back. PL_ERR_LAB when that fails or
 * the user cannot write to dir. A process that is that user already is only checked.
 */
struct pl_error *confine_become(const struct confine_user *u, const char *dir) PL_MUST_USE;

/**
 * Linux: no new privileges (and no capabilities, unless it is still root); Landlock, so that
 * files can be read, written, made, renamed and removed below dir only, TCP is closed, and no
 * other process is signalled; a filter that fails system calls such as execve(2), socket(2)
 * and ptrace(2) with EPERM. What an old kernel lacks is left out; the log says at
 * PL_LOG_DEBUG what is in force. Elsewhere: nothing.
 */
void confine_restrict(const char *dir, const struct pl_log *log);

/** False in a build that confine_restrict() leaves alone. */
bool confine_restricts(void);

#endif
