#include "base/reader.h"

#include <string.h>

struct pl_reader pl_reader_be(const void *data, size_t size)
{
	return (struct pl_reader){.data = data, .size = size, .big_endian = true};
}

struct pl_reader pl_reader_le(const void *data, size_t size)
{
	return (struct pl_reader){.data = data, .size = size};
}

bool pl_reader_ok(const struct pl_reader *r)
{
	return !r->bad;
}

size_t pl_reader_left(const struct pl_reader *r)
{
	return r->bad ? 0 : r->size - r->pos;
}

const uint8_t *pl_read_bytes(struct pl_reader *r, size_t size)
{
	if (r->bad || size > r->size - r->pos) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *p = r->data + r->pos;
	r->pos += size;
	return p;
}

static uint64_t read_int(struct pl_reader *r, size_t size)
{
	const uint8_t *p = pl_read_bytes(r, size);
	uint64_t v = 0;
	for (size_t i = 0; p != NULL && i < size; i++)
		v = v << 8 | p[r->big_endian ? i : size - 1 - i];
	return v;
}

uint8_t pl_read_u8(struct pl_reader *r)
{
	return (uint8_t)read_int(r, 1);
}

uint16_t pl_read_u16(struct pl_reader *r)
{
	return (uint16_t)read_int(r, 2);
}

uint32_t pl_read_u32(struct pl_reader *r)
{
	return (uint32_t)read_int(r, 4);
}

uint64_t pl_read_u64(struct pl_reader *r)
{
	return read_int(r, 8);
}

const char *pl_read_cstr(struct pl_reader *r, size_t max, size_t *len)
{
	size_t left = pl_reader_left(r);
	size_t window = max < left ? max : left;
	const uint8_t *start = r->data + r->pos;
	const uint8_t *nul = window == 0 ? NULL : memchr(start, 0, window);
	if (nul == NULL) {
		r->bad = true;
		return NULL;
	}
	size_t length = (size_t)(nul - start);
	r->pos += length + 1;
	if (len != NULL)
		*len = length;
	return (const char *)start;
}

void pl_read_skip(struct pl_reader *r, size_t size)
{
	(void)pl_read_bytes(r, size);
}

void pl_read_seek(struct pl_reader *r, size_t pos)
{
	if (r->bad || pos > r->size) {
		r->bad = true;
		return;
	}
	r->pos = pos;
}

static void put_be(uint8_t *p, uint64_t v, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
}

void pl_put_be16(void *p, uint16_t v)
{
	put_be(p, v, 2);
}

void pl_put_be32(void *p, uint32_t v)
{
	put_be(p, v, 4);
}

void pl_put_be64(void *p, uint64_t v)
{
	put_be(p, v, 8);
}
