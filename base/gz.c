#include "base/gz.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/gz_backend.h"

/* The header's flags (RFC 1952, 2.3.1); FTEXT (1) says nothing about the format. */
#define FHCRC 0x02
#define FEXTRA 0x04
#define FNAME 0x08
#define FCOMMENT 0x10
#define RESERVED 0xe0

#define METHOD_DEFLATE 8
#define FIXED_SIZE 10
#define TRAILER_SIZE 8

/* In the order of the format. */
enum part {
	PART_FIXED, /* ten bytes: 1f 8b, method, flags, and six that do not matter here */
	PART_EXTRA_SIZE,
	PART_EXTRA,
	PART_NAME,
	PART_COMMENT,
	PART_HEADER_CRC,
	PART_DATA,
	PART_TRAILER,
	PART_PADDING,
};

struct gz {
	const struct gz_backend *backend;
	void *inflater;
	enum gz_phase phase;
	enum part part;
	size_t have;                 /* bytes of this part so far */
	uint8_t bytes[TRAILER_SIZE]; /* those that are kept until the part is whole */
	uint8_t flags;
	uint16_t extra_size;
	uint32_t header_crc;
	uint32_t crc;
	uint32_t length;
	unsigned members;
	uint64_t padding;
	const char *detail;
};

const struct gz_backend *const *gz_backends(void)
{
	static const struct gz_backend *const all[] = {
#ifdef PL_HAVE_ISAL
		&gz_isal,
#endif
		&gz_zlib,
		NULL,
	};
	return all;
}

const char *gz_library(void)
{
	return gz_backends()[0]->library;
}

struct pl_error *gz_create_with(const struct gz_backend *backend, struct gz **ret)
{
	struct gz *g = calloc(1, sizeof *g);
	*ret = NULL;
	if (!g)
		return pl_error_nomem();
	g->backend = backend;
	g->detail = "";
	g->inflater = backend->create();
	if (!g->inflater) {
		free(g);
		return pl_error_nomem();
	}
	*ret = g;
	return NULL;
}

struct pl_error *gz_create(struct gz **ret)
{
	return gz_create_with(gz_backends()[0], ret);
}

void gz_destroy(struct gz *g)
{
	if (!g)
		return;
	g->backend->destroy(g->inflater);
	free(g);
}

void gz_reset(struct gz *g)
{
	struct gz fresh = {.backend = g->backend, .inflater = g->inflater, .detail = ""};
	*g = fresh;
	g->backend->reset(g->inflater);
}

unsigned gz_members(const struct gz *g)
{
	return g->members;
}

uint64_t gz_padding(const struct gz *g)
{
	return g->padding;
}

const char *gz_detail(const struct gz *g)
{
	return g->detail;
}

static void damaged(struct gz *g, const char *detail)
{
	g->phase = GZ_CORRUPT;
	g->detail = detail;
}

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void begin_part(struct gz *g, enum part part)
{
	g->part = part;
	g->have = 0;
}

static void begin_data(struct gz *g)
{
	g->backend->reset(g->inflater);
	g->crc = 0;
	g->length = 0;
	begin_part(g, PART_DATA);
}

/* Whether a member with these flags has the part. */
static bool has_part(const struct gz *g, enum part part)
{
	switch (part) {
	case PART_EXTRA_SIZE:
		return g->flags & FEXTRA;
	case PART_EXTRA:
		return g->flags & FEXTRA && g->extra_size > 0;
	case PART_NAME:
		return g->flags & FNAME;
	case PART_COMMENT:
		return g->flags & FCOMMENT;
	case PART_HEADER_CRC:
		return g->flags & FHCRC;
	default:
		return true;
	}
}

static void next_part(struct gz *g)
{
	enum part part = g->part + 1;
	while (!has_part(g, part))
		part++;
	if (part == PART_DATA)
		begin_data(g);
	else
		begin_part(g, part);
}

/* Not 1f 8b where a member could begin; the byte is left in the input. */
static bool no_member(struct gz *g)
{
	g->phase = g->members > 0 ? GZ_TRAILING : GZ_OTHER;
	return false;
}

static bool take_fixed(struct gz *g, uint8_t byte)
{
	if (g->have == 0 && g->members > 0 && byte == 0) {
		g->padding++;
		begin_part(g, PART_PADDING);
		return true;
	}
	if ((g->have == 0 && byte != 0x1f) || (g->have == 1 && byte != 0x8b))
		return no_member(g);
	if (g->have == 0 && g->members > 0)
		g->padding = 1;
	if (g->have == 1) {
		g->phase = GZ_MEMBER;
		g->padding = 0;
	}
	if (g->have == 2 && byte != METHOD_DEFLATE)
		damaged(g, "unknown compression method");
	if (g->have == 3 && (byte & RESERVED))
		damaged(g, "unknown header flags");
	if (g->have == 3)
		g->flags = byte;
	if (++g->have == FIXED_SIZE)
		next_part(g);
	return true;
}

static bool take_padding(struct gz *g, uint8_t byte)
{
	if (byte != 0)
		return no_member(g);
	g->padding++;
	return true;
}

static void end_header_crc(struct gz *g)
{
	if (le16(g->bytes) != (g->header_crc & 0xffff))
		damaged(g, "wrong CRC of the header");
	next_part(g);
}

static void end_member(struct gz *g)
{
	if (le32(g->bytes) != g->crc) {
		damaged(g, "wrong CRC");
		return;
	}
	if (le32(g->bytes + 4) != g->length) {
		damaged(g, "wrong length");
		return;
	}
	g->members++;
	g->phase = GZ_BETWEEN;
	g->header_crc = 0;
	begin_part(g, PART_FIXED);
}

/* A byte of a small part; true with its last. */
static bool collect(struct gz *g, uint8_t byte, size_t size)
{
	g->bytes[g->have++] = byte;
	return g->have == size;
}

/* A byte outside of the deflate data; false when it is not used. */
static bool take_byte(struct gz *g, uint8_t byte)
{
	if (g->part < PART_HEADER_CRC)
		g->header_crc = g->backend->crc(g->header_crc, &byte, 1);
	switch (g->part) {
	case PART_FIXED:
		return take_fixed(g, byte);
	case PART_EXTRA_SIZE:
		if (collect(g, byte, 2)) {
			g->extra_size = le16(g->bytes);
			next_part(g);
		}
		break;
	case PART_EXTRA:
		if (++g->have == g->extra_size)
			next_part(g);
		break;
	case PART_NAME:
	case PART_COMMENT:
		if (byte == 0)
			next_part(g);
		break;
	case PART_HEADER_CRC:
		if (collect(g, byte, 2))
			end_header_crc(g);
		break;
	case PART_TRAILER:
		if (collect(g, byte, TRAILER_SIZE))
			end_member(g);
		break;
	case PART_PADDING:
		return take_padding(g, byte);
	case PART_DATA:
		break;
	}
	return true;
}

/* What the library read too much belongs to the trailer, which is longer. */
static void end_data(struct gz *g)
{
	uint8_t rest[8];
	unsigned n = g->backend->rest(g->inflater, rest);

	begin_part(g, PART_TRAILER);
	for (unsigned i = 0; i < n; i++)
		take_byte(g, rest[i]);
}

/* Nothing was used and nothing made: for want of input, or for ever. */
static bool stuck(struct gz *g, const struct gz_io *io)
{
	if (io->in_left > 0)
		damaged(g, "cannot be decoded");
	return false;
}

/* False when nothing more can be done with what there is. */
static bool inflate_some(struct gz *g, struct gz_io *io)
{
	struct gz_io before = *io;

	if (io->out_left == 0)
		return false;
	enum gz_step step = g->backend->inflate(g->inflater, io, &g->detail);
	size_t made = before.out_left - io->out_left;
	g->crc = g->backend->crc(g->crc, before.out, made);
	g->length += (uint32_t)made; /* modulo 2^32, as the format has it */
	if (step == GZ_STEP_END)
		end_data(g);
	else if (step == GZ_STEP_DAMAGED)
		g->phase = GZ_CORRUPT;
	else if (made == 0 && before.in_left == io->in_left)
		return stuck(g, io);
	return true;
}

enum gz_phase gz_decode(struct gz *g, struct gz_io *io)
{
	bool going = true;

	if (!io->in)
		io->in = (const uint8_t *)""; /* even adding 0 to NULL is undefined in C */
	while (going && g->phase < GZ_TRAILING) {
		if (g->part == PART_DATA) {
			going = inflate_some(g, io);
		} else {
			going = io->in_left > 0 && take_byte(g, *io->in);
			io->in += going;
			io->in_left -= going;
		}
	}
	return g->phase;
}
