#include "orchestrator/core/gpt.h"

#include <string.h>

#include "base/reader.h"

/* UEFI sets no limits; what partitioning tools write is 128 entries of 128 bytes. */
#define ENTRIES_MAX 1024
#define ENTRY_MAX 4096
#define ENTRY_SIZE 48 /* of an entry: type, id, first and last sector */

const uint8_t gpt_kernel_core[16] = {
	0x4d, 0x64, 0x61, 0x53, 0x63, 0x61, 0xaa, 0x11, 0xaa, 0x11, 0x00, 0x30, 0x65, 0x43, 0xec, 0xac};

struct table {
	uint64_t sector;
	uint64_t entries; /* the first one's offset in bytes */
	uint32_t count;
	uint32_t entry_size;
};

static struct pl_error *read_table(
	const struct image_source *s, uint64_t at, uint64_t sector, struct table *ret, bool *found)
{
	uint8_t header[92];
	size_t got;
	struct pl_error *e = image_source_read(s, at, header, sizeof header, &got);
	struct pl_reader r = pl_reader_le(header, e ? 0 : got);

	pl_read_seek(&r, 72);
	uint64_t first = pl_read_u64(&r);
	*ret = (struct table){.sector = sector, .count = pl_read_u32(&r)};
	ret->entry_size = pl_read_u32(&r);
	*found = pl_reader_ok(&r) && memcmp(header, "EFI PART", 8) == 0 && first <= s->size / sector &&
		 ret->entry_size >= ENTRY_SIZE && ret->entry_size <= ENTRY_MAX;
	if (*found)
		ret->entries = first * sector;
	if (ret->count > ENTRIES_MAX)
		ret->count = ENTRIES_MAX;
	return e;
}

static void take_entry(const uint8_t entry[ENTRY_SIZE], const struct image_source *s, uint64_t sector,
	struct gpt_partition *ret)
{
	struct pl_reader r = pl_reader_le(entry, ENTRY_SIZE);

	pl_read_seek(&r, 32);
	uint64_t first = pl_read_u64(&r), last = pl_read_u64(&r);
	if (first > last || first >= s->size / sector)
		return;
	ret->found = true;
	ret->offset = first * sector;
	ret->size = s->size - ret->offset;
	if (last - first < ret->size / sector)
		ret->size = (last - first + 1) * sector;
}

static struct pl_error *search(const struct image_source *s, const struct table *t, const uint8_t type[16],
	struct gpt_partition *ret)
{
	for (uint32_t i = 0; i < t->count && !ret->found; i++) {
		uint8_t entry[ENTRY_SIZE];
		size_t got;
		struct pl_error *e = image_source_read(
			s, t->entries + (uint64_t)i * t->entry_size, entry, sizeof entry, &got);
		if (e || got < sizeof entry)
			return e;
		if (memcmp(entry, type, 16) == 0)
			take_entry(entry, s, t->sector, ret);
	}
	return NULL;
}

struct pl_error *gpt_find(const struct image_source *s, const uint8_t type[16], struct gpt_partition *ret)
{
	static const uint64_t sectors[] = {512, 4096};
	struct pl_error *e = NULL;

	*ret = (struct gpt_partition){0};
	/* The header is in the second sector; a copy of it, with a table of its own, in the last. */
	for (size_t i = 0; i < 4 && !e && !ret->found; i++) {
		uint64_t sector = sectors[i % 2];
		struct table t;
		bool found = false;
		if (s->size >= 2 * sector)
			e = read_table(s, i < 2 ? sector : s->size - sector, sector, &t, &found);
		if (e || !found)
			continue;
		ret->table = true;
		e = search(s, &t, type, ret);
	}
	return e;
}
