/*
 * On-disk core images from hand-made bytes, for the tests of this folder: the
 * offsets are those of mach_debug_types.h, written with nothing of the code under test.
 */
#ifndef TESTS_IMAGE_BYTES_H
#define TESTS_IMAGE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline void image_put(uint8_t *p, uint64_t v, unsigned bytes, bool big)
{
	for (unsigned i = 0; i < bytes; i++)
		p[big ? bytes - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

/* Version 1: the signature's bytes are "Rad Mac\0" when little-endian. */
static inline void image_v1(uint8_t *b, bool big, uint64_t log_at, uint64_t log_size, uint64_t files)
{
	memset(b, 0, 544);
	memcpy(b, big ? "\0caM daR" : "Rad Mac\0", 8);
	image_put(b + 8, log_at, 8, big);
	image_put(b + 16, log_size, 8, big);
	image_put(b + 24, files, 8, big);
}

/* name: 16 bytes at most, without a NUL when there are 16 */
static inline void image_v1_file(
	uint8_t *b, bool big, unsigned n, uint64_t at, uint64_t size, const char *name)
{
	uint8_t *f = b + 32 + 32 * n;
	image_put(f, at, 8, big);
	image_put(f + 8, size, 8, big);
	memset(f + 16, 0, 16);
	memcpy(f + 16, name, strlen(name));
}

static inline void image_v2(uint8_t *b, uint64_t flags, uint64_t log_at, uint64_t log_size, uint64_t files)
{
	memset(b, 0, 64);
	memcpy(b, "Boss Mac", 8);
	image_put(b + 8, 2, 4, false);
	image_put(b + 16, flags, 8, false);
	image_put(b + 40, log_at, 8, false);
	image_put(b + 48, log_size, 8, false);
	image_put(b + 56, files, 8, false);
}

static inline void image_v2_key(uint8_t *b, uint64_t at, uint16_t size)
{
	image_put(b + 24, at, 8, false);
	image_put(b + 32, size, 2, false);
}

static inline void image_v2_file(
	uint8_t *b, unsigned n, uint64_t flags, uint64_t at, uint64_t size, const char *name)
{
	uint8_t *f = b + 64 + 40 * n;
	image_put(f, flags, 8, false);
	image_put(f + 8, at, 8, false);
	image_put(f + 16, size, 8, false);
	memset(f + 24, 0, 16);
	memcpy(f + 24, name, strlen(name));
}

#endif
