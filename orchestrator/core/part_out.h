/*
 * Where a part is written to: a sparse file and its SHA-256. Whoever decodes fills
 * blocks; one thread hashes them and another writes them, at the same time. A part that
 * fits into one block needs no thread.
 *
 * Memory: PART_OUT_BLOCKS blocks, of which only those are touched that are needed.
 */
#ifndef CORE_PART_OUT_H
#define CORE_PART_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/sha256.h"

#define PART_OUT_BLOCK ((size_t)512 << 10) /* a multiple of the sparse writer's block */
#define PART_OUT_BLOCKS 16

struct part_out;

/** fd is the caller's: a regular file, empty. */
struct pl_error *part_out_create(int fd, struct part_out **ret) PL_MUST_USE;

/** Where to put what comes next: *size bytes, at least 1. An error is that of a block before. */
struct pl_error *part_out_room(struct part_out *o, uint8_t **ret, size_t *size) PL_MUST_USE;

/** So many bytes are there, at most the room. */
struct pl_error *part_out_made(struct part_out *o, size_t size) PL_MUST_USE;

uint64_t part_out_size(const struct part_out *o);

/** Nothing follows: waits until all is hashed, written and flushed to disk. */
struct pl_error *part_out_end(struct part_out *o, char hex[static SHA256_HEX]) PL_MUST_USE;

/** NULL-safe; before the end: what is not yet written never will be. */
void part_out_destroy(struct part_out *o);

#endif
