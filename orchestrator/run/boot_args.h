/*
 * boot-args that make a kernel dump over the network: merged into what is
 * there, so that foreign keys stay as they are and where they are.
 *
 * debug= bits: xnu osfmk/kern/debug.h. What TN2118 calls `_panicd_port` does
 * not exist in any public xnu; the kernel parses `panicd_port`.
 */
#ifndef RUN_BOOT_ARGS_H
#define RUN_BOOT_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { BOOT_ARGS_DUMP_ON_PANIC = 0x400 }; /* DB_KERN_DUMP_ON_PANIC */

struct boot_args_wish {
	const char *server;    /* IPv4 address for _panicd_ip; NULL: no dump, only kcsuffix and extra */
	uint16_t port;         /* panicd_port is set when it is not 1069 */
	const char *interface; /* kdp_match_name; "" leaves it alone */
	unsigned xnu_major;    /* 3789; 0 when not known */
	const char *kcsuffix;  /* "development"; NULL leaves it alone */
	const char *extra;     /* the scenario's own: win over everything, may be "" */
};

/**
 * *ret: the new boot-args, malloc'd. PL_ERR_USAGE when they are longer than
 * the 1023 bytes that the kernel keeps (pexpert BOOT_LINE_LENGTH).
 */
struct pl_error *boot_args_merge(
	const char *present, const struct boot_args_wish *wish, char **ret) PL_MUST_USE;

/** True if key (up to '=') stands in args with exactly the value that `token` ("key=value") gives it. */
bool boot_args_has(const char *args, const char *token);

/** The first token of `wanted` that `actual` does not have, malloc'd; NULL if it has them all. */
struct pl_error *boot_args_missing(const char *actual, const char *wanted, char **ret) PL_MUST_USE;

/** The value of debug= as the kernel reads it (0 when absent). */
uint64_t boot_args_debug(const char *args);

#endif
