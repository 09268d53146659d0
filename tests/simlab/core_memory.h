/*
 * The simulated kernel's memory: runs of present pages, with bytes put at
 * some addresses and the rest made up from a seed, page by page.
 */
#ifndef SIMLAB_CORE_MEMORY_H
#define SIMLAB_CORE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CORE_PAGE 4096
#define CORE_REGIONS_MAX 256
#define CORE_PATCHES_MAX 128

struct core_region {
	uint64_t address; /* page-aligned, ascending, not overlapping */
	uint64_t size;    /* whole pages */
};

struct core_patch {
	uint64_t address;
	uint8_t *bytes; /* owned */
	size_t size;
};

struct core_memory {
	uint64_t seed;
	struct core_region regions[CORE_REGIONS_MAX];
	size_t region_count;
	struct core_patch patches[CORE_PATCHES_MAX];
	size_t patch_count;
};

void core_memory_init(struct core_memory *m, uint64_t seed);
void core_memory_deinit(struct core_memory *m);

/** Adds a run; PL_ERR_DATA when it is not above the last one or there are too many. */
struct pl_error *core_memory_region(struct core_memory *m, uint64_t address, uint64_t size) PL_MUST_USE;

/** Puts a copy of the bytes at an address; later ones win. */
struct pl_error *core_memory_put(
	struct core_memory *m, uint64_t address, const void *bytes, size_t size) PL_MUST_USE;
struct pl_error *core_memory_put_u64(struct core_memory *m, uint64_t address, uint64_t value) PL_MUST_USE;
struct pl_error *core_memory_put_u32(struct core_memory *m, uint64_t address, uint32_t value) PL_MUST_USE;

/** The bytes of the page at that page-aligned address. */
void core_memory_page(const struct core_memory *m, uint64_t address, uint8_t out[static CORE_PAGE]);

/* Little-endian integers into bytes; the caller checks the room. */
void core_le32(uint8_t *p, uint32_t v);
void core_le64(uint8_t *p, uint64_t v);

#endif
