/*
 * What kernels read from boot-args, by tag of xnu: the bits of debug=, and the
 * other keys. The table is rules/boot-args.txt, with its sources.
 */
#ifndef MACOS_DEBUG_FLAGS_H
#define MACOS_DEBUG_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/macos/macos_version.h"

/* Those that this code sets or judges. */
enum debug_bit {
	DB_HALT = 0x1,
	DB_PRT = 0x2,
	DB_NMI = 0x4,
	DB_ARP = 0x40,
	DB_KERN_DUMP_ON_PANIC = 0x400,
	DB_KERN_DUMP_ON_NMI = 0x800,
	DB_PANICLOG_DUMP = 0x2000,
	DB_REBOOT_POST_CORE = 0x4000,
	DB_DISABLE_LOCAL_CORE = 0x20000,
	DB_DISABLE_GZIP_CORE = 0x40000,
	DB_REBOOT_ALWAYS = 0x100000,
};

enum flag_state {
	FLAG_UNKNOWN, /* the table does not have it */
	FLAG_NOT_YET, /* a later kernel has it */
	FLAG_OBSOLETE,
	FLAG_ACTIVE, /* or the kernel is not known */
};

struct boot_flag {
	uint32_t bit;               /* 0 for a key */
	char name[32];              /* "NMI", "kcsuffix" */
	struct macos_version since; /* the first tag of xnu; not known: always */
	unsigned until;             /* the last major tag; 0: still there */
	char meaning[120];
};

/** "active", "obsolete", "not-yet", "unknown". */
const char *flag_state_name(enum flag_state s);

/**
 * What the table says of that one bit for that kernel (all zero: not known). Of
 * several lines, the one that holds. *ret is all zero when FLAG_UNKNOWN.
 */
enum flag_state debug_flag(uint32_t bit, const struct macos_version *xnu, struct boot_flag *ret);

/** The same for a key, which need not end where `size` does. */
enum flag_state boot_key(
	const char *key, size_t size, const struct macos_version *xnu, struct boot_flag *ret);

/** The next line of the table; *cursor starts as NULL. False at its end. */
bool boot_flags_next(const char **cursor, struct boot_flag *ret);

#endif
