/*
 * gzip streams made by hand or by zlib's compressor, a decoder that is given its
 * bytes in pieces, and the gzip program as a judge; after cmocka.h.
 */
#ifndef TESTS_GZ_LAB_H
#define TESTS_GZ_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/gz_backend.h"
#include "base/proc.h"

#define FHCRC 2
#define FEXTRA 4
#define FNAME 8
#define FCOMMENT 16

#define ALL SIZE_MAX /* as a step: everything at once */

static inline void add(struct pl_buf *b, const void *bytes, size_t size)
{
	assert_null(pl_buf_append(b, bytes, size));
}

static inline void add_byte(struct pl_buf *b, unsigned byte)
{
	uint8_t c = (uint8_t)byte;
	add(b, &c, 1);
}

static inline void add_le(struct pl_buf *b, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		add_byte(b, value >> (8 * i) & 0xff);
}

/* RFC 1952, 2.3: the header with these parts. */
static inline void add_header(struct pl_buf *b, unsigned flags, const char *extra, size_t extra_size)
{
	size_t start = b->size;

	add(b, "\x1f\x8b\x08", 3);
	add_byte(b, flags);
	add(b, "\x01\x02\x03\x04\x00\x03", 6);
	if (flags & FEXTRA) {
		add_le(b, (uint32_t)extra_size, 2);
		add(b, extra, extra_size);
	}
	if (flags & FNAME)
		add(b, "core.gz", 8);
	if (flags & FCOMMENT)
		add(b, "a comment", 10);
	if (flags & FHCRC) {
		uLong sum = crc32(0, (const Bytef *)b->data + start, (uInt)(b->size - start));
		add_le(b, (uint32_t)(sum & 0xffff), 2);
	}
}

/* Raw deflate data of plain. */
static inline void add_deflate(struct pl_buf *b, const void *plain, size_t size, int level, int strategy)
{
	z_stream z = {0};
	size_t room = size + size / 8 + 1000;
	uint8_t *out = malloc(room);

	assert_non_null(out);
	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -MAX_WBITS, 8, strategy), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)plain;
	z.avail_in = (uInt)size;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	add(b, out, room - z.avail_out);
	deflateEnd(&z);
	free(out);
}

static inline void add_trailer(struct pl_buf *b, const void *plain, size_t size)
{
	add_le(b, (uint32_t)crc32(0, plain, (uInt)size), 4);
	add_le(b, (uint32_t)size, 4);
}

static inline void add_member(struct pl_buf *b, unsigned flags, const void *plain, size_t size)
{
	add_header(b, flags, "extra", 5);
	add_deflate(b, plain, size, 6, Z_DEFAULT_STRATEGY);
	add_trailer(b, plain, size);
}

/* Bits from the lowest of each byte up, as deflate has them. */
struct bits {
	struct pl_buf *to;
	uint64_t held;
	unsigned count;
};

static inline void add_bits(struct bits *w, uint32_t value, unsigned count)
{
	w->held |= (uint64_t)value << w->count;
	for (w->count += count; w->count >= 8; w->count -= 8) {
		add_byte(w->to, w->held & 0xff);
		w->held >>= 8;
	}
}

/* A Huffman code: its highest bit comes first. */
static inline void add_code(struct bits *w, uint32_t code, unsigned count)
{
	while (count-- > 0)
		add_bits(w, code >> count & 1, 1);
}

static inline void end_bits(struct bits *w)
{
	if (w->count > 0)
		add_bits(w, 0, 8 - w->count);
}

/* In a fixed block: copy 258 bytes from 32768 back (RFC 1951, 3.2.5 and 3.2.6). */
static inline void add_farthest_copy(struct bits *w)
{
	add_code(w, 0xc5, 8);  /* length 285: 258 */
	add_code(w, 29, 5);    /* from 24577 */
	add_bits(w, 8191, 13); /* to 32768 */
}

static inline void add_stored(struct pl_buf *b, const void *plain, unsigned size)
{
	add_byte(b, 0);
	add_le(b, size, 2);
	add_le(b, ~size & 0xffff, 2);
	add(b, plain, size);
}

/* Memory whose last byte is followed by a page that cannot be touched. */
struct edge {
	uint8_t *map;
	size_t room;
	size_t page;
};

static inline void edge_init(struct edge *e, size_t room)
{
	e->page = (size_t)sysconf(_SC_PAGESIZE);
	e->room = (room + e->page - 1) / e->page * e->page;
	e->map = mmap(NULL, e->room + e->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(e->map != MAP_FAILED);
	assert_int_equal(mprotect(e->map + e->room, e->page, PROT_NONE), 0);
}

static inline void edge_deinit(struct edge *e)
{
	munmap(e->map, e->room + e->page);
}

static inline uint8_t *edge_at(const struct edge *e, size_t size)
{
	return e->map + e->room - size;
}

struct outcome {
	enum gz_phase phase;
	unsigned members;
	uint64_t padding;
	size_t used;
	char detail[64];
	struct pl_buf out;
};

static inline size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Decodes data given in pieces of in_step into windows of out_step. Input and
 * output stand at an edge, so that touching a byte too much ends the test.
 */
static inline void decode(const struct gz_backend *backend, const struct pl_buf *data, size_t in_step,
	size_t out_step, struct outcome *o)
{
	struct gz *g = NULL;
	struct edge in, out;
	size_t window = least(out_step, 100000);
	bool full = false;

	assert_null(gz_create_with(backend, &g));
	edge_init(&in, data->size + 1);
	edge_init(&out, window);
	memset(o, 0, sizeof *o);
	pl_buf_init(&o->out, (size_t)1 << 28);
	while ((o->used < data->size || full) && o->phase < GZ_TRAILING) {
		size_t give = least(in_step, data->size - o->used);
		struct gz_io io = {edge_at(&in, give), give, edge_at(&out, window), window};
		if (give > 0)
			memcpy(edge_at(&in, give), data->data + o->used, give);
		o->phase = gz_decode(g, &io);
		o->used += give - io.in_left;
		full = io.out_left == 0;
		add(&o->out, edge_at(&out, window), window - io.out_left);
		assert_true(full || io.in_left == 0 || o->phase >= GZ_TRAILING);
	}
	o->members = gz_members(g);
	o->padding = gz_padding(g);
	assert_true(strlen(gz_detail(g)) < sizeof o->detail);
	strcat(o->detail, gz_detail(g));
	gz_destroy(g);
	edge_deinit(&in);
	edge_deinit(&out);
}

static inline void outcome_deinit(struct outcome *o)
{
	pl_buf_deinit(&o->out);
}

/* The exit code of gzip -dc; when it is 0, its output is the expected. */
static inline int gzip_says(const struct pl_buf *data, const void *plain, size_t size)
{
	static const char *const argv[] = {"gzip", "-dc", NULL};
	const struct pl_proc_spec spec = {.argv = argv, .input = data->data, .input_size = data->size};
	struct pl_wait w = pl_wait_for(INT64_C(20000000000), NULL);
	struct pl_proc_result r;

	assert_null(pl_proc_run(&spec, &w, &r));
	int status = r.status;
	if (status == 0) {
		assert_int_equal(r.out.size, size);
		if (size > 0)
			assert_memory_equal(r.out.data, plain, size);
	}
	pl_proc_result_deinit(&r);
	return status;
}

#endif
