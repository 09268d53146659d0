/* What the guests send: bytes that repeat themselves after a while, and the check of what arrived. */
#ifndef BENCH_CONTENT_H
#define BENCH_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CONTENT_PACKET_MAX 2048

/*
 * The byte at offset i is bytes[i % cycle]; CONTENT_PACKET_MAX bytes may be
 * read from any of them on, unless the content is a file, which is one cycle.
 */
struct content {
	const uint8_t *bytes;
	uint64_t cycle;
	uint64_t plain; /* of a gzip stream: bytes that were compressed */
	size_t mapped;  /* for content_deinit() */
};

/**
 * Random bytes that no compression makes smaller. The cycle is odd, so that no
 * number of lost or repeated packets below a cycle goes unseen.
 */
struct pl_error *content_random(struct content *ret) PL_MUST_USE;

/** One gzip stream of about `size` bytes, of text with twice as many, to be freed by content_deinit(). */
struct pl_error *content_gzip(size_t size, struct content *ret) PL_MUST_USE;

/** A file, read into memory. */
struct pl_error *content_file(const char *path, struct content *ret) PL_MUST_USE;

void content_deinit(struct content *c);

static inline const uint8_t *content_at(const struct content *c, uint64_t offset)
{
	return c->bytes + offset % c->cycle;
}

/** Is dir/name exactly the `size` bytes of c from `start` on? */
struct pl_error *content_check(const struct content *c, uint64_t start, uint64_t size, const char *dir,
	const char *name) PL_MUST_USE;

#endif
