/* A gzip member as zlib makes it; after cmocka.h. */
#ifndef TESTS_GZIP_BYTES_H
#define TESTS_GZIP_BYTES_H

#include <stdint.h>
#include <zlib.h>

/* Returns the bytes of out that it takes. */
static inline size_t gzip_bytes(const void *data, size_t size, uint8_t *out, size_t room)
{
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)size;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

#endif
