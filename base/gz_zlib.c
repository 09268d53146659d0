#include <stdlib.h>
#include <zlib.h>

#include "base/gz_backend.h"

static void *create(void)
{
	z_stream *z = calloc(1, sizeof *z);
	if (!z)
		return NULL;
	if (inflateInit2(z, -MAX_WBITS) != Z_OK) { /* negative: raw deflate */
		free(z);
		return NULL;
	}
	/* zlib takes its window's memory at the first output; an empty dictionary makes it do so now. */
	if (inflateSetDictionary(z, (const Bytef *)"", 0) != Z_OK) {
		inflateEnd(z);
		free(z);
		return NULL;
	}
	return z;
}

static void destroy(void *state)
{
	inflateEnd(state);
	free(state);
}

static void reset(void *state)
{
	inflateReset(state);
}

static enum gz_step inflate_step(void *state, struct gz_io *io, const char **detail)
{
	z_stream *z = state;
	size_t in = io->in_left < GZ_AT_ONCE ? io->in_left : GZ_AT_ONCE;
	size_t out = io->out_left < GZ_AT_ONCE ? io->out_left : GZ_AT_ONCE;

	z->next_in = (Bytef *)(uintptr_t)io->in; /* zlib's type; it does not write there */
	z->avail_in = (uInt)in;
	z->next_out = io->out;
	z->avail_out = (uInt)out;
	int code = inflate(z, Z_NO_FLUSH);
	io->in += in - z->avail_in;
	io->in_left -= in - z->avail_in;
	io->out += out - z->avail_out;
	io->out_left -= out - z->avail_out;
	if (code == Z_STREAM_END)
		return GZ_STEP_END;
	if (code == Z_OK || code == Z_BUF_ERROR)
		return GZ_STEP_MORE;
	*detail = z->msg ? z->msg : "cannot be decoded";
	return GZ_STEP_DAMAGED;
}

/* zlib gives back what it read too much. */
static unsigned rest(const void *state, uint8_t bytes[8])
{
	(void)state;
	(void)bytes;
	return 0;
}

static uint32_t crc(uint32_t before, const uint8_t *data, size_t size)
{
	uLong sum = before;
	while (size > 0) {
		size_t n = size < GZ_AT_ONCE ? size : GZ_AT_ONCE;
		sum = crc32(sum, data, (uInt)n);
		data += n;
		size -= n;
	}
	return (uint32_t)sum;
}

const struct gz_backend gz_zlib = {
	.library = "zlib " ZLIB_VERSION,
	.create = create,
	.destroy = destroy,
	.reset = reset,
	.inflate = inflate_step,
	.rest = rest,
	.crc = crc,
};
