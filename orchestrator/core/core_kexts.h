/*
 * The kexts that were loaded, from a core's memory: gLoadedKextSummaries.
 *
 * It points to struct OSKextLoadedKextSummaryHeader (libkern/libkern/OSKextLibPrivate.h):
 * u32 version, u32 entry size, u32 count, u32 reserved, then the entries: char
 * name[64], uuid[16], u64 address, u64 size, u64 version, u32 load tag, u32 flags, and in
 * version 2 u64 references, and whatever a newer kernel adds: the entry size says. Version
 * 1 (10.6) has u32 version and u32 count alone before entries of 112 bytes. Little-endian, the
 * same on i386.
 *
 * Found by the symbol's address when that is known, else by looking through all memory for
 * bytes that have this shape: see core_kexts_find().
 */
#ifndef CORE_CORE_KEXTS_H
#define CORE_CORE_KEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/core_file.h"

#define CORE_KEXTS_MAX 4096
#define CORE_KEXT_ID_MAX 64

struct core_kext {
	char id[CORE_KEXT_ID_MAX + 1]; /* printable ASCII */
	char version[24];              /* "1.2.3", "2.0b4"; "" for none that xnu could have packed */
	char uuid[37];                 /* "" when it is all zeroes */
	uint64_t start;
	uint64_t size; /* > 0 */
	uint32_t load_tag;
};

struct core_kexts {
	struct core_kext *list; /* by address */
	size_t count;
	uint64_t address; /* of the header; 0: not found */
	bool by_symbol;   /* else by looking for it */
};

/**
 * symbol is the address of gLoadedKextSummaries itself. Entries that make no sense are left
 * out; none that does, or no table there: ok, count 0.
 */
struct pl_error *core_kexts_at(
	const struct core_file *c, uint64_t symbol, struct core_kexts *ret) PL_MUST_USE;

/**
 * Reads all memory once. A table counts when each of its entries has a bundle id,
 * a kernel address at a page's start and a sane size, none overlaps another, and a
 * kext's Mach header with the same UUID is at the address of one at least. Of
 * several, which a kernel leaves behind as its list grows, the longest is taken.
 */
struct pl_error *core_kexts_find(
	const struct core_file *c, const struct pl_wait *w, struct core_kexts *ret) PL_MUST_USE;

void core_kexts_deinit(struct core_kexts *k);

/** The kext whose range holds the address, or NULL. */
const struct core_kext *core_kexts_holding(const struct core_kexts *k, uint64_t address);

/** What OSKextVersionGetString() prints for a packed version; "" for one that is none. Returns out. */
const char *core_kext_version(int64_t packed, char out[static 24]);

#endif
