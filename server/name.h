/*
 * Names that a peer may give its file.
 *
 * The kernel makes core-xnu-3789.72.11-192.168.136.130-a5001516.gz and the
 * like; the boot-arg _panicd_corename= can make it anything, and so can
 * whoever reaches the port.
 */
#ifndef SERVER_NAME_H
#define SERVER_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_LENGTH_MAX 100

/** One path component of [A-Za-z0-9._-], no dot or dash first, 1 to 100 bytes. */
bool name_is_safe(const char *name);

/**
 * Bytes after the data of each DATA packet of this file. A panic log or
 * system log is sent with its name again in every packet (xnu passes corename
 * down to kdp_send_crashdump_pkt), so each is strlen(name) + 1 longer than its
 * data; a core's packets are not.
 */
size_t name_junk(const char *name);

#endif
