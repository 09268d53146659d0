/*
 * Apple's own dump server, com.apple.kdumpd: while it is loaded, launchd holds UDP port 1069
 * for it, with no process to be seen. `launchctl list` shows it as "-	0	com.apple.kdumpd".
 *
 * It is unloaded with `launchctl bootout`, which leaves alone whether it is enabled, and loaded
 * with `bootstrap`; where they are refused (before 10.10 they are not known), with
 * `unload` and `load -F`, which leave that alone, too. Each is read back.
 * What SIP says to a bootout of this one is not known; a refusal is an error here.
 *
 * Errors are PL_ERR_LAB (or TIMEOUT, INTERRUPTED) at "launchctl COMMAND".
 */
#ifndef HOST_KDUMPD_H
#define HOST_KDUMPD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

#define KDUMPD_PORT 1069
#define KDUMPD_PLIST "/System/Library/LaunchDaemons/com.apple.kdumpd.plist"
#define KDUMPD_BY_HAND "sudo launchctl bootstrap system " KDUMPD_PLIST

struct kdumpd {
	char *tool; /* NULL: this host has no launchctl, and so no kdumpd */
	bool sudo;  /* all goes through `sudo -n`: the system's daemons are root's to see */
	const struct pl_log *log;
};

/** tool: "auto" is /bin/launchctl, if there is one, by `sudo -n` unless we are root; another path must be
 * there. */
struct pl_error *kdumpd_open(const char *tool, const struct pl_log *log, struct kdumpd *ret) PL_MUST_USE;
void kdumpd_close(struct kdumpd *k);

struct pl_error *kdumpd_loaded(const struct kdumpd *k, const struct pl_wait *w, bool *ret) PL_MUST_USE;

/** Ok if it is not loaded any more. */
struct pl_error *kdumpd_unload(const struct kdumpd *k, const struct pl_wait *w) PL_MUST_USE;

/** Ok if it is loaded. PL_ERR_RESTORE, with the command to do it by hand. */
struct pl_error *kdumpd_load(const struct kdumpd *k, const struct pl_wait *w) PL_MUST_USE;

/** `launchctl list`: is it there, running or not? */
bool kdumpd_read_list(const char *text, size_t size);

#endif
