/*
 * A guest's address by its MAC, from the DHCP server's lease files on this
 * host. Two formats, told apart by their records: ISC's ("lease IP { ... }",
 * written by VMware's dhcpd, times in UTC) and Apple's ("{ ip_address=...",
 * written by bootpd, which Fusion uses on macOS 11 and later).
 *
 * The files are logs and may be stale: what comes out is a list of claims.
 */
#ifndef HOST_LEASES_H
#define HOST_LEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

#define LEASES_MAX 16
#define LEASES_SIZE_MAX ((size_t)2 << 20) /* of one file */

struct lease {
	char ip[16];
	int64_t ends; /* seconds since 1970; INT64_MAX: never; 0: not known */
	bool expired; /* past, given back, or not known to be valid */
};

struct leases {
	struct lease at[LEASES_MAX]; /* the valid ones first, then by end, latest first */
	size_t count;
};

/**
 * Adds to *ret what the text says of mac ("d:ea:..." and "0D:EA:..." are the
 * same). An address that went to another MAC with a later end is left out.
 * Records that make no sense are skipped; the only errors are a MAC that is
 * none (PL_ERR_LAB) and memory.
 */
struct pl_error *leases_parse(
	const char *text, size_t size, const char *mac, int64_t now, struct leases *ret) PL_MUST_USE;

/** The same for a file; PL_ERR_LAB when it cannot be read. */
struct pl_error *leases_read(const char *path, const char *mac, int64_t now, struct leases *ret) PL_MUST_USE;

/**
 * Looks into the given files and, with usual, into this host's usual ones
 * (/var/db/vmware/vmnet-dhcpd-*.leases, /var/db/dhcpd_leases). A file that is
 * not there or cannot be read is skipped (logged). *ret starts empty.
 */
struct pl_error *leases_lookup(const char *const *files, size_t count, bool usual, const char *mac,
	int64_t now, const struct pl_log *log, struct leases *ret) PL_MUST_USE;

#endif
