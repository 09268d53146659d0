#include "tests/simlab/core_memory.h"

#include <stdlib.h>
#include <string.h>

#include "tests/simlab/kernel_desc.h"

#define CELL 64

void core_le32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void core_le64(uint8_t *p, uint64_t v)
{
	core_le32(p, (uint32_t)v);
	core_le32(p + 4, (uint32_t)(v >> 32));
}

void core_memory_init(struct core_memory *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
}

void core_memory_deinit(struct core_memory *m)
{
	for (size_t i = 0; i < m->patch_count; i++)
		free(m->patches[i].bytes);
	m->patch_count = 0;
}

struct pl_error *core_memory_region(struct core_memory *m, uint64_t address, uint64_t size)
{
	if (m->region_count == CORE_REGIONS_MAX)
		return pl_error_new(PL_ERR_DATA, "too many runs of memory for a core");
	if (m->region_count > 0) {
		const struct core_region *last = &m->regions[m->region_count - 1];
		if (address < last->address + last->size)
			return pl_error_new(PL_ERR_DATA, "memory at 0x%llx overlaps with what is below",
				(unsigned long long)address);
	}
	m->regions[m->region_count].address = address;
	m->regions[m->region_count++].size = size;
	return NULL;
}

struct pl_error *core_memory_put(struct core_memory *m, uint64_t address, const void *bytes, size_t size)
{
	if (m->patch_count == CORE_PATCHES_MAX)
		return pl_error_new(PL_ERR_DATA, "too many things in a core's memory");
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		return pl_error_nomem();
	memcpy(copy, bytes, size);
	m->patches[m->patch_count++] = (struct core_patch){.address = address, .bytes = copy, .size = size};
	return NULL;
}

struct pl_error *core_memory_put_u64(struct core_memory *m, uint64_t address, uint64_t value)
{
	uint8_t b[8];
	core_le64(b, value);
	return core_memory_put(m, address, b, sizeof(b));
}

struct pl_error *core_memory_put_u32(struct core_memory *m, uint64_t address, uint32_t value)
{
	uint8_t b[4];
	core_le32(b, value);
	return core_memory_put(m, address, b, sizeof(b));
}

/* What a kernel's memory is like to gzip: a fifth noise, pointers, text, and much that is zero. */
static void make_cell(uint64_t h, uint8_t *out)
{
	static const char words[] = "com.apple.iokit.IOService\0IOProviderClass\0IONameMatch\0kalloc.64\0vm ";
	unsigned kind = (unsigned)(h % 100);
	if (kind < 17) {
		for (unsigned i = 0; i < CELL / 8; i++)
			core_le64(out + 8 * i, kernel_mix(h + i));
	} else if (kind < 42) {
		uint64_t object = UINT64_C(0xffffff8020000000) + ((h >> 16) & 0xffffc0);
		for (unsigned i = 0; i < CELL / 8; i++)
			core_le64(out + 8 * i, i & 1 ? object + 0x40 * i : i);
	} else if (kind < 65) {
		memcpy(out, words, CELL);
	} else {
		memset(out, 0, CELL);
	}
}

static void make_page(uint64_t seed, uint64_t address, uint8_t *out)
{
	uint64_t h = kernel_mix(seed ^ address);
	if (h % 16 == 0) {
		memset(out, 0, CORE_PAGE);
		return;
	}
	for (unsigned i = 0; i < CORE_PAGE / CELL; i++)
		make_cell(kernel_mix(h + i), out + CELL * i);
}

static void apply(const struct core_patch *p, uint64_t page, uint8_t *out)
{
	uint64_t from = p->address > page ? p->address : page;
	uint64_t end = p->address + p->size;
	if (end > page + CORE_PAGE)
		end = page + CORE_PAGE;
	if (from < end)
		memcpy(out + (from - page), p->bytes + (from - p->address), (size_t)(end - from));
}

void core_memory_page(const struct core_memory *m, uint64_t address, uint8_t out[static CORE_PAGE])
{
	make_page(m->seed, address, out);
	for (size_t i = 0; i < m->patch_count; i++)
		apply(&m->patches[i], address, out);
}
