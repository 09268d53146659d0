/*
 * Any bytes as a Mach-O file, and as an image in memory: its symbols are sorted, each lies in a
 * segment and has a name within the names; what is found for an address starts at or before it, in the
 * same segment, and is found by its name again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/symtab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

struct bytes {
	const uint8_t *data;
	size_t size;
	uint64_t base;
};

static size_t read_bytes(void *arg, uint64_t offset, void *to, size_t size)
{
	const struct bytes *b = arg;
	uint64_t into = offset - b->base;

	if (offset < b->base || into >= b->size)
		return 0;
	size_t n = b->size - (size_t)into < size ? b->size - (size_t)into : size;
	memcpy(to, b->data + into, n);
	return n;
}

static int holds(const struct symtab *t, size_t segment, uint64_t address)
{
	return address - t->segments[segment].address < t->segments[segment].size;
}

static int in_a_segment(const struct symtab *t, uint64_t address)
{
	for (size_t i = 0; i < t->segment_count; i++)
		if (holds(t, i, address))
			return 1;
	return 0;
}

static void check_find(const struct symtab *t, uint64_t address)
{
	uint64_t start, again;
	const char *name = symtab_find(t, address, &start);

	if (!name)
		return;
	need(start <= address);
	need(name > t->names && name < t->names + t->names_size);
	need(symtab_address(t, name, &again));
	need(in_a_segment(t, address) && in_a_segment(t, start));
}

static void check(const struct symtab *t)
{
	need(strlen(t->uuid) == 0 || strlen(t->uuid) == 36);
	need(t->segment_count <= SYMTAB_SEGMENTS_MAX && t->symbol_count <= SYMTAB_SYMBOLS_MAX);
	for (size_t i = 0; i < t->symbol_count; i++) {
		const struct symtab_symbol *s = &t->symbols[i];
		need(s->name > 0 && s->name < t->names_size);
		need(in_a_segment(t, s->address));
		need(i == 0 || t->symbols[i - 1].address <= s->address);
		if (i < 64) {
			check_find(t, s->address);
			check_find(t, s->address - 1);
		}
	}
	check_find(t, 0);
	check_find(t, UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int memory = 0; memory < 2; memory++) {
		struct bytes b = {data, size, memory ? 0xffffff8017400000 : 0};
		struct symtab_source s = {read_bytes, &b, b.base, b.base, memory};
		struct symtab t;
		struct pl_error *e = symtab_read(&s, &t);
		if (e) {
			need(pl_error_kind(e) == PL_ERR_DATA);
			pl_error_free(e);
			continue;
		}
		check(&t);
		symtab_deinit(&t);
	}
	return 0;
}
