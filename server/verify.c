#include "server/verify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/text.h"
#include "server/machcore.h"

#define INFLATE_CHUNK (64u << 10)

enum phase {
	PHASE_START,   /* fewer than two bytes so far */
	PHASE_STREAM,  /* in a gzip member */
	PHASE_BETWEEN, /* after one: another, padding, or the end */
	PHASE_CORRUPT,
	PHASE_OTHER, /* not gzip */
};

struct verify {
	enum phase phase;
	z_stream z;
	bool z_live;
	bool out_of_order;
	uint64_t fed; /* bytes, when in order */
	uint8_t magic[2];
	uint8_t out[INFLATE_CHUNK]; /* its content is of no interest */
};

struct pl_error *verify_create(struct verify **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? NULL : pl_error_nomem();
}

void verify_destroy(struct verify *v)
{
	if (!v)
		return;
	if (v->z_live)
		inflateEnd(&v->z);
	free(v);
}

/* A member begins with 1f 8b 08; zlib checks the rest of its header. */
static enum phase begin_member(struct verify *v)
{
	if (v->z_live)
		return inflateReset(&v->z) == Z_OK ? PHASE_STREAM : PHASE_CORRUPT;
	/* 16: a gzip header and trailer, checked. */
	if (inflateInit2(&v->z, 16 + MAX_WBITS) != Z_OK)
		return PHASE_OTHER; /* out of memory: not checked */
	v->z_live = true;
	return PHASE_STREAM;
}

static size_t inflate_some(struct verify *v, const uint8_t *data, size_t size)
{
	int status = Z_OK;

	v->z.next_in = (Bytef *)(uintptr_t)data;
	v->z.avail_in = (uInt)size;
	do {
		v->z.next_out = v->out;
		v->z.avail_out = sizeof v->out;
		status = inflate(&v->z, Z_NO_FLUSH);
	} while (status == Z_OK && (v->z.avail_in > 0 || v->z.avail_out == 0));
	if (status == Z_STREAM_END)
		v->phase = PHASE_BETWEEN;
	else if (status != Z_OK && status != Z_BUF_ERROR)
		v->phase = PHASE_CORRUPT;
	return size - v->z.avail_in;
}

static void take_byte(struct verify *v, uint8_t byte)
{
	v->magic[v->fed] = byte;
	if (v->fed == 0)
		return;
	v->phase = PHASE_OTHER;
	if (v->magic[0] == 0x1f && v->magic[1] == 0x8b) {
		v->phase = begin_member(v);
		if (v->phase == PHASE_STREAM)
			inflate_some(v, v->magic, 2);
	}
}

static void stream(struct verify *v, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t used = 1;
		switch (v->phase) {
		case PHASE_START:
			take_byte(v, data[0]);
			break;
		case PHASE_STREAM:
			used = inflate_some(v, data, size);
			break;
		case PHASE_BETWEEN:
			/* Zeros may pad the end; anything else must be another member. */
			if (data[0] != 0) {
				v->phase = begin_member(v);
				used = 0;
			}
			break;
		case PHASE_CORRUPT:
		case PHASE_OTHER:
			return;
		}
		v->fed += used;
		data += used;
		size -= used;
	}
}

void verify_feed(struct verify *v, uint64_t offset, const void *data, size_t size)
{
	if (v->out_of_order || size == 0)
		return;
	uint64_t expected = v->fed;
	if (v->phase == PHASE_CORRUPT || v->phase == PHASE_OTHER)
		return;
	if (offset != expected) {
		v->out_of_order = true;
		return;
	}
	stream(v, data, size);
}

/* Once more from the start, from the file. */
static void read_back(struct verify *v, int fd, uint64_t size)
{
	uint8_t *chunk = malloc(INFLATE_CHUNK);
	uint64_t at = 0;

	v->phase = chunk ? PHASE_START : PHASE_OTHER;
	v->fed = 0;
	while (at < size && v->phase != PHASE_CORRUPT && v->phase != PHASE_OTHER) {
		ssize_t n = pread(fd, chunk, INFLATE_CHUNK, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		stream(v, chunk, (size_t)n);
		at += (uint64_t)n;
	}
	free(chunk);
}

struct verify_result verify_finish(struct verify *v, const char *name, int fd, uint64_t size)
{
	if (v->out_of_order)
		read_back(v, fd, size);
	switch (v->phase) {
	case PHASE_STREAM:
		return (struct verify_result){SERVER_GZIP_TRUNCATED, false, "the gzip stream is truncated"};
	case PHASE_CORRUPT:
		return (struct verify_result){SERVER_GZIP_CORRUPT, false, "the gzip stream is corrupt"};
	case PHASE_BETWEEN:
		return (struct verify_result){SERVER_GZIP_OK, true, ""};
	case PHASE_START:
		if (pl_ends_with(name, ".gz"))
			return (struct verify_result){
				SERVER_GZIP_TRUNCATED, false, "the gzip stream is empty"};
		break;
	case PHASE_OTHER:
		break;
	}
	if (machcore_is_cut(fd, size))
		return (struct verify_result){
			SERVER_GZIP_NONE, false, "the Mach-O core ends before its segments"};
	return (struct verify_result){SERVER_GZIP_NONE, true, ""};
}
