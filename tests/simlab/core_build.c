#include "tests/simlab/core_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/simlab/core_image.h"
#include "tests/simlab/core_memory.h"

#define IDENT_SIZE 256 /* of the text in LC_IDENT and "kern ver str" */
#define MAIN_BIN_SIZE 40
#define NOTES_MAX 2

enum { CMD_SEGMENT_64 = 0x19, CMD_THREAD = 4, CMD_IDENT = 8, CMD_NOTE = 0x31 };

struct note {
	const char *owner;
	uint8_t bytes[IDENT_SIZE + 4];
	size_t size;
	uint64_t offset; /* in the file */
};

struct core {
	const struct kernel_desc *d;
	const struct panic *p;
	struct core_memory memory;
	struct core_places places;
	bool lc_ident;
	struct note notes[NOTES_MAX];
	size_t note_count;
	uint64_t data_offset;
	uint64_t file_size;
	uint32_t commands;
	uint32_t commands_size;
};

/* kdp_kernelversion_string: stext only when the kernel slid. */
static void identity_text(const struct kernel_desc *d, char out[static IDENT_SIZE])
{
	char uuid[37];
	int n = snprintf(out, IDENT_SIZE, "%s; UUID=%s", d->version, kernel_uuid_text(d->uuid, uuid));
	if (d->slide && n > 0 && n < IDENT_SIZE)
		snprintf(out + n, IDENT_SIZE - (size_t)n, "; stext=0x%" PRIx64, kernel_text_base(d));
}

static void add_kern_ver_str(struct core *c)
{
	struct note *n = &c->notes[c->note_count++];
	n->owner = "kern ver str";
	core_le32(n->bytes, 1);
	identity_text(c->d, (char *)n->bytes + 4);
	n->size = 4 + strlen((const char *)n->bytes + 4) + 1;
}

static void add_main_bin_spec(struct core *c)
{
	struct note *n = &c->notes[c->note_count++];
	n->owner = "main bin spec";
	core_le32(n->bytes, 1);
	core_le32(n->bytes + 4, 1); /* a kernel */
	core_le64(n->bytes + 8, kernel_text_base(c->d));
	memcpy(n->bytes + 16, c->d->uuid, 16);
	core_le32(n->bytes + 32, 12); /* log2 of the page size */
	n->size = MAIN_BIN_SIZE;
}

static void choose_identity(struct core *c)
{
	unsigned major = kernel_xnu_major(c->d);
	switch (c->d->identity) {
	case KERNEL_IDENTITY_BY_VERSION:
		if (major >= 8019)
			add_main_bin_spec(c);
		else
			c->lc_ident = major >= 3789;
		break;
	case KERNEL_IDENTITY_LC_IDENT:
		c->lc_ident = true;
		break;
	case KERNEL_IDENTITY_KERN_VER_STR:
		add_kern_ver_str(c);
		break;
	case KERNEL_IDENTITY_MAIN_BIN:
		add_main_bin_spec(c);
		break;
	case KERNEL_IDENTITY_NONE:
		break;
	}
}

static void lay_file(struct core *c)
{
	size_t segments = c->memory.region_count;
	c->commands = (uint32_t)(segments + c->d->cpus + c->note_count + c->lc_ident);
	c->commands_size = (uint32_t)(72 * segments + 184 * c->d->cpus + 40 * c->note_count +
				      (c->lc_ident ? 8 + IDENT_SIZE : 0));
	uint64_t at = (32 + c->commands_size + CORE_PAGE - 1) & ~UINT64_C(0xfff);
	c->data_offset = at;
	for (size_t i = 0; i < segments; i++)
		at += c->memory.regions[i].size;
	for (size_t i = 0; i < c->note_count; i++) {
		c->notes[i].offset = at;
		at += c->notes[i].size;
	}
	c->file_size = at;
}

struct pl_error *core_create(const struct kernel_desc *d, const struct panic *p, struct core **ret)
{
	struct core *c = calloc(1, sizeof(*c));
	if (!c)
		return pl_error_nomem();
	c->d = d;
	c->p = p;
	core_memory_init(&c->memory, d->seed);
	struct pl_error *e = core_image_fill(&c->memory, d, p, &c->places);
	if (e) {
		core_destroy(c);
		return e;
	}
	choose_identity(c);
	lay_file(c);
	*ret = c;
	return NULL;
}

void core_destroy(struct core *c)
{
	if (!c)
		return;
	core_memory_deinit(&c->memory);
	free(c);
}

void core_stats(const struct core *c, struct core_stats *ret)
{
	*ret = (struct core_stats){
		.segments = c->memory.region_count, .threads = c->d->cpus, .file_size = c->file_size};
	for (size_t i = 0; i < c->memory.region_count; i++)
		ret->segment_bytes += c->memory.regions[i].size;
}

void core_places(const struct core *c, struct core_places *ret)
{
	*ret = c->places;
}

/* ---- writing ---------------------------------------------------------------- */

struct writer {
	const struct core_sink *sink;
	uint64_t at;
};

static struct pl_error *put(struct writer *w, const void *bytes, size_t size)
{
	w->at += size;
	return w->sink->write(w->sink->arg, bytes, size);
}

static struct pl_error *seek(struct writer *w)
{
	return w->sink->seek ? w->sink->seek(w->sink->arg, w->at) : NULL;
}

static struct pl_error *put_command(struct writer *w, const void *bytes, size_t size)
{
	struct pl_error *e = seek(w);
	return e ? e : put(w, bytes, size);
}

static struct pl_error *write_header(struct core *c, struct writer *w)
{
	uint8_t b[32] = {0};
	core_le32(b, 0xfeedfacf);
	core_le32(b + 4, 0x01000007); /* CPU_TYPE_X86_64 */
	core_le32(b + 8, 3);
	core_le32(b + 12, 4); /* MH_CORE */
	core_le32(b + 16, c->commands);
	core_le32(b + 20, c->commands_size);
	return put_command(w, b, sizeof(b));
}

static struct pl_error *write_run(struct core *c, struct writer *w, const struct core_region *r)
{
	struct pl_error *e = seek(w);
	uint8_t page[CORE_PAGE];
	for (uint64_t at = 0; !e && at < r->size; at += CORE_PAGE) {
		core_memory_page(&c->memory, r->address + at, page);
		e = put(w, page, sizeof(page));
	}
	return e;
}

/* With seeks each command is followed by its memory, so the file is written back and forth. */
static struct pl_error *write_segments(struct core *c, struct writer *w)
{
	struct pl_error *e = NULL;
	uint64_t offset = c->data_offset;
	for (size_t i = 0; !e && i < c->memory.region_count; i++) {
		const struct core_region *r = &c->memory.regions[i];
		uint64_t next = w->at + 72;
		uint8_t b[72] = {0};
		core_le32(b, CMD_SEGMENT_64);
		core_le32(b + 4, sizeof(b));
		core_le64(b + 24, r->address);
		core_le64(b + 32, r->size);
		core_le64(b + 40, offset);
		core_le64(b + 48, r->size);
		core_le32(b + 56, 1); /* VM_PROT_READ */
		core_le32(b + 60, 1);
		e = put_command(w, b, sizeof(b));
		if (!e && w->sink->seek) {
			w->at = offset;
			e = write_run(c, w, r);
			w->at = next;
		}
		offset += r->size;
	}
	return e;
}

static void thread_registers(const struct core *c, unsigned cpu, uint64_t regs[static 21])
{
	struct panic_frame idle[4];
	const struct panic_frame *innermost = idle;
	const char *function = "machine_idle";
	memset(regs, 0, 21 * sizeof(*regs));
	if (c->p && cpu == c->d->panic_cpu) {
		innermost = c->p->frames;
		function = "Debugger";
	} else {
		core_image_idle_frames(c->d, cpu, idle, 4);
	}
	for (unsigned i = 0; i < 6; i++)
		regs[i] = kernel_mix(c->d->seed + 16 * cpu + i) & 0xffff;
	regs[6] = innermost[0].frame;        /* rbp */
	regs[7] = innermost[0].frame - 0x30; /* rsp */
	regs[16] = kernel_function(c->d, function, 0x1c);
	regs[17] = 0x246; /* rflags */
	regs[18] = 8;     /* cs */
}

static struct pl_error *write_threads(struct core *c, struct writer *w)
{
	struct pl_error *e = NULL;
	/* The one that panicked comes first: it is current_thread(). */
	for (unsigned n = 0; !e && n < c->d->cpus; n++) {
		unsigned cpu = (c->d->panic_cpu + n) % c->d->cpus;
		uint64_t regs[21];
		uint8_t b[184] = {0};
		core_le32(b, CMD_THREAD);
		core_le32(b + 4, sizeof(b));
		core_le32(b + 8, 4);   /* x86_THREAD_STATE64 */
		core_le32(b + 12, 42); /* its words */
		thread_registers(c, cpu, regs);
		for (unsigned i = 0; i < 21; i++)
			core_le64(b + 16 + 8 * i, regs[i]);
		e = put_command(w, b, sizeof(b));
	}
	return e;
}

static struct pl_error *write_identity(struct core *c, struct writer *w)
{
	struct pl_error *e = NULL;
	if (c->lc_ident) {
		uint8_t b[8 + IDENT_SIZE] = {0};
		core_le32(b, CMD_IDENT);
		core_le32(b + 4, sizeof(b));
		identity_text(c->d, (char *)b + 8);
		e = put_command(w, b, sizeof(b));
	}
	for (size_t i = 0; !e && i < c->note_count; i++) {
		uint8_t b[40] = {0};
		core_le32(b, CMD_NOTE);
		core_le32(b + 4, sizeof(b));
		memcpy(b + 8, c->notes[i].owner, strlen(c->notes[i].owner));
		core_le64(b + 24, c->notes[i].offset);
		core_le64(b + 32, c->notes[i].size);
		e = put_command(w, b, sizeof(b));
	}
	return e;
}

static struct pl_error *write_memory(struct core *c, struct writer *w)
{
	static const uint8_t zeroes[CORE_PAGE];
	struct pl_error *e = NULL;
	for (size_t gap; !e && w->at < c->data_offset;) {
		gap = (size_t)(c->data_offset - w->at);
		e = put(w, zeroes, gap < CORE_PAGE ? gap : CORE_PAGE);
	}
	for (size_t i = 0; !e && i < c->memory.region_count; i++)
		e = write_run(c, w, &c->memory.regions[i]);
	return e;
}

static struct pl_error *write_notes(struct core *c, struct writer *w)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; !e && i < c->note_count; i++) {
		w->at = c->notes[i].offset;
		e = put_command(w, c->notes[i].bytes, c->notes[i].size);
	}
	return e;
}

struct pl_error *core_write(struct core *c, const struct core_sink *sink)
{
	struct writer w = {.sink = sink};
	struct pl_error *e = write_header(c, &w);
	if (!e)
		e = write_segments(c, &w);
	if (!e)
		e = write_threads(c, &w);
	if (!e)
		e = write_identity(c, &w);
	if (!e && !sink->seek)
		e = write_memory(c, &w);
	return e ? e : write_notes(c, &w);
}
