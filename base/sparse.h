/*
 * Writing a big file that is mostly zeroes: blocks of zeroes become holes.
 *
 * A kernel core, decompressed, is many GiB and full of empty pages; the holes
 * cost nothing on disk and read back as zeroes.
 */
#ifndef PL_BASE_SPARSE_H
#define PL_BASE_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sparse {
	int fd;         /* the caller's; a regular file, empty */
	uint64_t size;  /* bytes written so far, holes included */
	uint64_t holes; /* of them, those that were not written */
};

/** Writes at the end; errors are PL_ERR_LAB. Fastest in multiples of 4 KiB. */
struct pl_error *sparse_write(struct sparse *s, const void *data, size_t size) PL_MUST_USE;

/** Gives the file its length when it ends in a hole, and flushes it to disk. */
struct pl_error *sparse_finish(struct sparse *s) PL_MUST_USE;

#endif
