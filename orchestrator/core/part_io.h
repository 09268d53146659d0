/* What the ways to write a part share: a window of input, and an output. Internal to part*.c. */
#ifndef CORE_PART_IO_H
#define CORE_PART_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/sparse.h"
#include "orchestrator/core/part.h"

#define PART_WINDOW (128 * 1024)

struct part_io {
	const struct image_source *source;
	const struct pl_wait *wait;
	uint64_t pos; /* next offset of the image to read */
	uint64_t end;
	bool cut; /* the image ended before `end` */
	uint8_t *window;
	const uint8_t *in; /* what is left of the window */
	size_t in_left;
	struct sparse out;
	struct sha256 hash;
	uint64_t max;
	bool full; /* the output reached max and something was left out */
	struct part_result *ret;
};

/** When the window is used up: the next one; in_left stays 0 at the end of the range. */
struct pl_error *part_fill(struct part_io *io) PL_MUST_USE;

/** Writes as much as max allows. */
struct pl_error *part_put(struct part_io *io, const void *data, size_t size) PL_MUST_USE;

/** The first verdict stands. */
void part_judge(struct part_io *io, enum part_status status, const char *detail);

struct pl_error *part_gunzip(struct part_io *io) PL_MUST_USE;
struct pl_error *part_unlz4(struct part_io *io) PL_MUST_USE;

#endif
