/*
 * What gz.c needs of a library: raw deflate data (RFC 1951) and CRC-32. The gzip
 * format around it is gz.c's own, so that every library gives the same answers
 * about headers, trailers and what follows. Only for gz*.c and their tests.
 */
#ifndef PL_BASE_GZ_BACKEND_H
#define PL_BASE_GZ_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "base/gz.h"

enum gz_step {
	GZ_STEP_MORE, /* the input is used up, or the output is full, or call again */
	GZ_STEP_END,  /* the end of the deflate data, all of it in the output */
	GZ_STEP_DAMAGED,
};

/* The most that a library is given at once: their counts have 32 bits. */
#define GZ_AT_ONCE ((size_t)1 << 30)

struct gz_backend {
	const char *library;
	/** The state with all its memory; NULL without memory. */
	void *(*create)(void);
	void (*destroy)(void *state);
	void (*reset)(void *state);
	/** One step; sets *detail, a static phrase, when damaged. */
	enum gz_step (*inflate)(void *state, struct gz_io *io, const char **detail);
	/** After the end: the bytes (at most 7) that were taken from the input behind it. */
	unsigned (*rest)(const void *state, uint8_t rest[8]);
	uint32_t (*crc)(uint32_t crc, const uint8_t *data, size_t size);
};

extern const struct gz_backend gz_zlib;
extern const struct gz_backend gz_isal; /* where PL_HAVE_ISAL is defined */

/** Every library of this build, gz_create()'s first, then NULL. */
const struct gz_backend *const *gz_backends(void);

struct pl_error *gz_create_with(const struct gz_backend *backend, struct gz **ret) PL_MUST_USE;

#endif
