/*
 * A bounds-checked reader over bytes that someone else owns.
 *
 * Reading past the end never touches memory: the reader turns bad, the read
 * gives zero, and it stays bad. So a decoder reads all its fields and checks
 * once: if (!pl_reader_ok(&r)) return error.
 */
#ifndef PL_BASE_READER_H
#define PL_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl_reader {
	const uint8_t *data;
	size_t size;
	size_t pos; /* <= size */
	bool big_endian;
	bool bad;
};

struct pl_reader pl_reader_be(const void *data, size_t size);
struct pl_reader pl_reader_le(const void *data, size_t size);

bool pl_reader_ok(const struct pl_reader *r);
size_t pl_reader_left(const struct pl_reader *r);

uint8_t pl_read_u8(struct pl_reader *r);
uint16_t pl_read_u16(struct pl_reader *r);
uint32_t pl_read_u32(struct pl_reader *r);
uint64_t pl_read_u64(struct pl_reader *r);

/** The next size bytes in place, or NULL (and bad) if there are fewer. */
const uint8_t *pl_read_bytes(struct pl_reader *r, size_t size);

/**
 * A NUL-terminated string in place, the NUL consumed; NULL (and bad) when no
 * NUL comes within max bytes. The length goes to *len when len is not NULL.
 */
const char *pl_read_cstr(struct pl_reader *r, size_t max, size_t *len);

void pl_read_skip(struct pl_reader *r, size_t size);
void pl_read_seek(struct pl_reader *r, size_t pos);

/* The other way: fixed-width integers into bytes, the caller checks the room. */
void pl_put_be16(void *p, uint16_t v);
void pl_put_be32(void *p, uint32_t v);
void pl_put_be64(void *p, uint64_t v);

#endif
