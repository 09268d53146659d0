/* What the ways to write a part share: a window of input, and an output. Internal to part*.c. */
#ifndef CORE_PART_IO_H
#define CORE_PART_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/core/part.h"
#include "orchestrator/core/part_out.h"

#define PART_WINDOW (128 * 1024)

struct part_io {
	const struct image_source *source;
	const struct pl_wait *wait;
	const struct part_watch *watch; /* or NULL */
	uint64_t begin;
	uint64_t pos; /* next offset of the image to read */
	uint64_t end;
	bool cut; /* the image ended before `end` */
	uint8_t *window;
	const uint8_t *in; /* what is left of the window */
	size_t in_left;
	struct part_out *out;
	uint64_t max;
	bool full; /* the output reached max and something was left out */
	struct part_result *ret;
};

/** When the window is used up: the next one; in_left stays 0 at the end of the range. */
struct pl_error *part_fill(struct part_io *io) PL_MUST_USE;

/**
 * Where the next decoded bytes can go, and then how many of them there are. There is one
 * byte more room than max allows, so that `full` is known: it is not written.
 */
struct pl_error *part_room(struct part_io *io, uint8_t **ret, size_t *size) PL_MUST_USE;
struct pl_error *part_made(struct part_io *io, size_t size) PL_MUST_USE;

/** The same for bytes that are elsewhere. */
struct pl_error *part_put(struct part_io *io, const void *data, size_t size) PL_MUST_USE;

/** The first verdict stands. */
void part_judge(struct part_io *io, enum part_status status, const char *detail);

struct pl_error *part_gunzip(struct part_io *io) PL_MUST_USE;
struct pl_error *part_unlz4(struct part_io *io) PL_MUST_USE;

#endif
