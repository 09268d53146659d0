#include "tests/simlab/core_image.h"

#include <stdio.h>
#include <string.h>

/* The kernel's own segments behind __TEXT, as offsets from its end; the same for each size of core. */
#define DATA_SIZE UINT64_C(0x40000)
#define KLD_SIZE UINT64_C(0x8000)
#define LAST_SIZE UINT64_C(0x1000)
#define LINKEDIT_SIZE UINT64_C(0x10000)
#define IMAGE_TAIL (DATA_SIZE + KLD_SIZE + LAST_SIZE + LINKEDIT_SIZE)
#define HIB_SIZE UINT64_C(0x4000)
#define HEAP_UNSLID UINT64_C(0xffffff8020000000)
#define DEBUG_BUF 12288                       /* xnu: three pages */
#define USER_RBP UINT64_C(0x00007fff5fbff8a0) /* where the outermost frame came from */
#define DEED UINT32_C(0x44454544)
#define PANIC_HEADER 48 /* struct macos_panic_header up to its text */

enum { PROT_R = 1, PROT_W = 2, PROT_X = 4 };

/* A Mach-O header being written; big enough for the kernel's few commands. */
struct header {
	uint8_t bytes[2048];
	size_t size;
	uint32_t commands;
};

static void u32(struct header *h, uint32_t v)
{
	core_le32(h->bytes + h->size, v);
	h->size += 4;
}

static void u64(struct header *h, uint64_t v)
{
	core_le64(h->bytes + h->size, v);
	h->size += 8;
}

static void name16(struct header *h, const char *name)
{
	memset(h->bytes + h->size, 0, 16);
	memcpy(h->bytes + h->size, name, strlen(name));
	h->size += 16;
}

static void begin(struct header *h, uint32_t filetype, uint32_t flags)
{
	memset(h, 0, sizeof(*h));
	u32(h, 0xfeedfacf);
	u32(h, 0x01000007); /* CPU_TYPE_X86_64 */
	u32(h, 3);
	u32(h, filetype);
	u32(h, 0); /* ncmds, sizeofcmds: finish() */
	u32(h, 0);
	u32(h, flags);
	u32(h, 0);
}

static void finish(struct header *h)
{
	core_le32(h->bytes + 16, h->commands);
	core_le32(h->bytes + 20, (uint32_t)(h->size - 32));
}

struct segment {
	const char *name;
	const char *section;
	uint64_t address;
	uint64_t size;
	uint64_t offset;
	uint32_t prot;
};

static void put_segment(struct header *h, const struct segment *s)
{
	bool sections = s->section != NULL;
	u32(h, 0x19);
	u32(h, sections ? 152 : 72);
	name16(h, s->name);
	u64(h, s->address);
	u64(h, s->size);
	u64(h, s->offset);
	u64(h, s->size);
	u32(h, s->prot);
	u32(h, s->prot);
	u32(h, sections);
	u32(h, 0);
	h->commands++;
	if (!sections)
		return;
	uint64_t skip = s->offset == 0 ? 0x1000 : 0; /* the header comes first in __TEXT */
	name16(h, s->section);
	name16(h, s->name);
	u64(h, s->address + skip);
	u64(h, s->size - skip);
	u32(h, (uint32_t)(s->offset + skip));
	u32(h, 12);
	u32(h, 0);
	u32(h, 0);
	u32(h, s->prot & PROT_X ? 0x80000400 : 0); /* pure and some instructions */
	u32(h, 0);
	u32(h, 0);
	u32(h, 0);
}

static void put_uuid(struct header *h, const uint8_t uuid[static 16])
{
	u32(h, 0x1b);
	u32(h, 24);
	memcpy(h->bytes + h->size, uuid, 16);
	h->size += 16;
	h->commands++;
}

static struct pl_error *put_kernel_header(struct core_memory *m, const struct kernel_desc *d)
{
	struct header h;
	uint64_t text = kernel_text_base(d), size = kernel_text_size(d), at = size;
	const struct segment segments[] = {
		{"__TEXT", "__text", text, size, 0, PROT_R | PROT_X},
		{"__DATA", "__data", text + at, DATA_SIZE, at, PROT_R | PROT_W},
		{"__KLD", "__text", text + at + DATA_SIZE, KLD_SIZE, at + DATA_SIZE, PROT_R | PROT_X},
		{"__LAST", NULL, text + at + DATA_SIZE + KLD_SIZE, LAST_SIZE, at + DATA_SIZE + KLD_SIZE,
			PROT_R},
		{"__LINKEDIT", NULL, text + at + DATA_SIZE + KLD_SIZE + LAST_SIZE, LINKEDIT_SIZE,
			at + DATA_SIZE + KLD_SIZE + LAST_SIZE, PROT_R},
		{"__HIB", "__text", kernel_hib_base(d), HIB_SIZE, size + IMAGE_TAIL, PROT_R | PROT_X},
	};
	begin(&h, 2, 0x200001); /* MH_EXECUTE; MH_NOUNDEFS | MH_PIE, not MH_DYLDLINK */
	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
		put_segment(&h, &segments[i]);
	put_uuid(&h, d->uuid);
	finish(&h);
	return core_memory_put(m, text, h.bytes, sizeof(h.bytes));
}

static struct pl_error *put_kext_headers(struct core_memory *m, const struct kernel_desc *d)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; !e && i < d->kext_count; i++) {
		const struct kernel_kext *k = &d->kexts[i];
		const struct segment s = {"__TEXT", "__text", k->address, k->size, 0, PROT_R | PROT_X};
		struct header h;
		begin(&h, 0xb, 0x1); /* MH_KEXT_BUNDLE */
		put_segment(&h, &s);
		put_uuid(&h, k->uuid);
		finish(&h);
		e = core_memory_put(m, k->address, h.bytes, h.size);
	}
	return e;
}

static uint64_t round_page(uint64_t n)
{
	return (n + CORE_PAGE - 1) & ~UINT64_C(0xfff);
}

static struct pl_error *lay_kexts(struct core_memory *m, const struct kernel_desc *d)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; !e && i < d->kext_count; i++)
		e = core_memory_region(
			m, d->kexts[i].address & ~UINT64_C(0xfff), round_page(d->kexts[i].size));
	return e;
}

static uint64_t laid(const struct core_memory *m)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < m->region_count; i++)
		sum += m->regions[i].size;
	return sum;
}

/* The heap takes what is left of the size, in runs of uneven length with holes between. */
static struct pl_error *lay_heap(struct core_memory *m, const struct kernel_desc *d)
{
	uint64_t used = laid(m) + d->cpus * KERNEL_STACK_SIZE + 4 * CORE_PAGE;
	uint64_t left = d->core_size > used ? round_page(d->core_size - used) : CORE_PAGE;
	uint64_t most = round_page(left / 20 + 0x10000);
	uint64_t at = HEAP_UNSLID + d->slide;
	struct pl_error *e = NULL;
	for (unsigned i = 0; !e && left > 0; i++) {
		uint64_t h = kernel_mix(d->seed + 1000 + i);
		uint64_t size = most / 2 + round_page(h % (most / 2));
		size = round_page(size < left ? size : left);
		e = core_memory_region(m, at, size);
		at += size + CORE_PAGE * (1 + (h >> 40) % 200);
		left -= size;
	}
	return e;
}

static struct pl_error *lay_out(struct core_memory *m, const struct kernel_desc *d)
{
	uint64_t text = kernel_text_base(d);
	/* Ascending: before 11 kexts are below the kernel, in a collection behind it. */
	struct pl_error *e = d->in_collection ? NULL : lay_kexts(m, d);
	if (!e)
		e = core_memory_region(m, kernel_hib_base(d), HIB_SIZE);
	if (!e)
		e = core_memory_region(m, text, kernel_text_size(d) + IMAGE_TAIL);
	if (!e && d->in_collection)
		e = lay_kexts(m, d);
	if (!e)
		e = lay_heap(m, d);
	for (unsigned cpu = 0; !e && cpu < d->cpus; cpu++)
		e = core_memory_region(m, kernel_stack_base(d, cpu), KERNEL_STACK_SIZE);
	return e;
}

/* From xnu 4570 (10.13) on the log has a header; before, debug_buf is the bare text. */
static struct pl_error *put_panic_log(
	struct core_memory *m, const struct kernel_desc *d, const struct panic *p, struct core_places *at)
{
	uint8_t log[DEBUG_BUF] = {0};
	size_t skip = kernel_xnu_major(d) >= 4570 ? PANIC_HEADER : 0;
	size_t size = p ? strlen(p->text) : 0;
	if (size > sizeof(log) - skip)
		size = sizeof(log) - skip;
	if (size > 0)
		memcpy(log + skip, p->text, size);
	if (skip > 0) {
		core_le32(log, DEED);
		core_le32(log + 8, 1); /* version */
		core_le32(log + 24, PANIC_HEADER);
		core_le32(log + 28, (uint32_t)size);
	}
	struct pl_error *e = core_memory_put(m, at->debug_buf, log, sizeof(log));
	if (!e)
		e = core_memory_put_u64(m, at->debug_buf_base, at->debug_buf);
	if (!e)
		e = core_memory_put_u64(m, at->debug_buf_ptr, at->debug_buf + skip + size);
	if (!e)
		e = core_memory_put_u32(m, at->debug_buf_size, DEBUG_BUF);
	return e;
}

/* OSKextLoadedKextSummaryHeader, version 2 (libkern/OSKextLibPrivate.h). */
static struct pl_error *put_kext_summaries(
	struct core_memory *m, const struct kernel_desc *d, uint64_t pointer)
{
	uint8_t table[16 + 120 * KERNEL_KEXTS_MAX] = {0};
	uint64_t header = pointer + 0x100;
	core_le32(table, 2);
	core_le32(table + 4, 120);
	core_le32(table + 8, (uint32_t)d->kext_count);
	for (size_t i = 0; i < d->kext_count; i++) {
		const struct kernel_kext *k = &d->kexts[i];
		uint8_t *entry = table + 16 + 120 * i;
		memcpy(entry, k->name, strlen(k->name));
		memcpy(entry + 64, k->uuid, 16);
		core_le64(entry + 80, k->address);
		core_le64(entry + 88, k->size);
		core_le64(entry + 96, 1); /* packed version */
		core_le32(entry + 104, (uint32_t)i + 1);
	}
	struct pl_error *e = core_memory_put_u64(m, pointer, header);
	return e ? e : core_memory_put(m, header, table, 16 + 120 * d->kext_count);
}

size_t core_image_idle_frames(
	const struct kernel_desc *d, unsigned cpu, struct panic_frame *frames, size_t max)
{
	static const struct {
		const char *function;
		unsigned offset;
	} steps[] = {{"processor_idle", 0xa3}, {"idle_thread", 0x1f}, {"call_continuation", 0x17}};
	size_t count = sizeof(steps) / sizeof(steps[0]);
	uint64_t top = kernel_stack_base(d, cpu) + KERNEL_STACK_SIZE - 0x50;
	for (size_t i = 0; i < count && i < max; i++) {
		frames[i].frame = top - 0x40 * (count - 1 - i);
		frames[i].address = kernel_function(d, steps[i].function, steps[i].offset);
	}
	return count < max ? count : max;
}

static struct pl_error *put_frames(struct core_memory *m, const struct panic_frame *frames, size_t count)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; !e && i < count; i++) {
		e = core_memory_put_u64(m, frames[i].frame, i + 1 < count ? frames[i + 1].frame : USER_RBP);
		if (!e)
			e = core_memory_put_u64(m, frames[i].frame + 8, frames[i].address);
	}
	return e;
}

static struct pl_error *put_stacks(struct core_memory *m, const struct kernel_desc *d, const struct panic *p)
{
	struct pl_error *e = NULL;
	for (unsigned cpu = 0; !e && cpu < d->cpus; cpu++) {
		struct panic_frame frames[4];
		if (p && cpu == d->panic_cpu)
			e = put_frames(m, p->frames, p->frame_count);
		else
			e = put_frames(m, frames, core_image_idle_frames(d, cpu, frames, 4));
	}
	return e;
}

struct pl_error *core_image_fill(
	struct core_memory *m, const struct kernel_desc *d, const struct panic *p, struct core_places *at)
{
	uint64_t text = kernel_text_base(d), data = text + kernel_text_size(d);
	*at = (struct core_places){
		.header = text,
		.version = text + 0x2000,
		.boot_args = data + 0x1000,
		.debug_buf = data + 0x4000,
		.debug_buf_base = data + 0x100,
		.debug_buf_ptr = data + 0x108,
		.debug_buf_size = data + 0x110,
		.kext_summaries = d->kext_summaries ? data + 0x8000 : 0,
	};
	struct pl_error *e = lay_out(m, d);
	if (!e)
		e = put_kernel_header(m, d);
	if (!e)
		e = put_kext_headers(m, d);
	if (!e)
		e = core_memory_put(m, at->version, d->version, strlen(d->version) + 1);
	if (!e)
		e = core_memory_put(m, at->boot_args, d->boot_args, strlen(d->boot_args) + 1);
	if (!e)
		e = put_panic_log(m, d, p, at);
	if (!e && at->kext_summaries)
		e = put_kext_summaries(m, d, at->kext_summaries);
	if (!e)
		e = put_stacks(m, d, p);
	return e;
}
