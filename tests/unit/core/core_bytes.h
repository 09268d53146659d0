/*
 * Small kernel cores from hand-made bytes, for the tests of this folder: offsets
 * and numbers as mach-o/loader.h has them, written with nothing of the code
 * under test.
 *
 * Layout: 32 bytes of header, load commands up to PAGE, then the pages of the
 * segments in the order in which they are added, then note payloads.
 */
#ifndef TESTS_CORE_BYTES_H
#define TESTS_CORE_BYTES_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define PAGE 4096
#define FLAT (64 * PAGE)
#define TEXT 0xffffff8017400000u /* where the fixture's kernel is loaded */
#define SLIDE 0x17200000u
#define UUID "A5A5C0DE-1111-3222-8333-0123456789AB"
#define KERNEL                                                                                               \
	"Darwin Kernel Version 20.6.0: Wed Jun 23 00:26:31 PDT 2021; root:xnu-7195.141.2~5/RELEASE_X86_64"

static const uint8_t uuid_bytes[16] = {
	0xA5, 0xA5, 0xC0, 0xDE, 0x11, 0x11, 0x32, 0x22, 0x83, 0x33, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB};

struct core_bytes {
	uint8_t b[FLAT];
	size_t commands; /* bytes of load commands so far */
	uint32_t count;
	size_t end; /* bytes of file so far */
};

static inline void w32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline void w64(uint8_t *p, uint64_t v)
{
	w32(p, (uint32_t)v);
	w32(p + 4, (uint32_t)(v >> 32));
}

static inline void put_header(uint8_t *p, uint32_t file_type, uint32_t count, uint32_t size)
{
	w32(p, 0xfeedfacf);
	w32(p + 4, 0x01000007);
	w32(p + 8, 3);
	w32(p + 12, file_type);
	w32(p + 16, count);
	w32(p + 20, size);
}

/* With its NUL. */
static inline void put_text(void *at, const char *text)
{
	memcpy(at, text, strlen(text) + 1);
}

static inline void core_begin(struct core_bytes *c)
{
	memset(c, 0, sizeof *c);
	c->end = PAGE;
	put_header(c->b, 4, 0, 0);
}

/* A new load command; returns where its fields start. */
static inline uint8_t *core_command(struct core_bytes *c, uint32_t cmd, uint32_t size)
{
	uint8_t *p = c->b + 32 + c->commands;
	assert(32 + c->commands + size <= PAGE);
	w32(p, cmd);
	w32(p + 4, size);
	c->commands += size;
	c->count++;
	w32(c->b + 16, c->count);
	w32(c->b + 20, (uint32_t)c->commands);
	return p + 8;
}

static inline void put_segment(
	uint8_t *p, const char *name, uint64_t vm, uint64_t vmsize, uint64_t off, uint64_t size)
{
	for (size_t i = 0; i < 16 && name[i]; i++)
		p[i] = (uint8_t)name[i];
	w64(p + 16, vm);
	w64(p + 24, vmsize);
	w64(p + 32, off);
	w64(p + 40, size);
}

/* A segment of so many pages at vm; returns its bytes, to be filled in. */
static inline uint8_t *core_pages(struct core_bytes *c, uint64_t vm, size_t pages)
{
	uint8_t *data = c->b + c->end;
	assert(c->end + pages * PAGE <= FLAT);
	put_segment(core_command(c, 0x19, 72), "", vm, pages * PAGE, c->end, pages * PAGE);
	c->end += pages * PAGE;
	return data;
}

/* A kernel's Mach header, as it stands in memory at `at`. */
static inline void put_kernel_header(uint8_t *page, uint64_t at)
{
	put_header(page, 2, 3, 72 + 72 + 24);
	uint8_t *p = page + 32;
	w32(p, 0x19);
	w32(p + 4, 72);
	put_segment(p + 8, "__TEXT", at, PAGE, 0, PAGE);
	p += 72;
	w32(p, 0x19);
	w32(p + 4, 72);
	put_segment(p + 8, "__KLD", at + PAGE, PAGE, PAGE, PAGE);
	p += 72;
	w32(p, 0x1b);
	w32(p + 4, 24);
	memcpy(p + 8, uuid_bytes, 16);
}

/* x86_THREAD_STATE64: register i holds first + i. */
static inline void core_thread(struct core_bytes *c, uint64_t first)
{
	uint8_t *p = core_command(c, 4, 8 + 8 + 42 * 4);
	w32(p, 4);
	w32(p + 4, 42);
	for (uint64_t i = 0; i < 21; i++)
		w64(p + 8 + 8 * i, first + i);
}

static inline void core_ident(struct core_bytes *c, const char *text)
{
	memcpy(core_command(c, 8, 264), text, strlen(text));
}

static inline void core_note(struct core_bytes *c, const char *owner, const void *payload, size_t size)
{
	uint8_t *p = core_command(c, 0x31, 40);
	memcpy(p, owner, strlen(owner));
	w64(p + 16, c->end);
	w64(p + 24, size);
	assert(c->end + size <= FLAT);
	memcpy(c->b + c->end, payload, size);
	c->end += size;
}

#endif
