/*
 * Where an image is read from: a file or a block device, by offset. Errors are
 * PL_ERR_LAB, or PL_ERR_USAGE for what cannot be one.
 */
#ifndef CORE_IMAGE_SOURCE_H
#define CORE_IMAGE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"

struct image_source {
	int fd;
	uint64_t base; /* the image begins there: of a partition within a disk */
	uint64_t size; /* of the image */
};

/** Never waits for a FIFO's other end. */
struct pl_error *image_source_open(const char *path, struct image_source *ret) PL_MUST_USE;

/**
 * Reads in_fd to its end into an unnamed file below $TMPDIR (else /tmp), sparse, as
 * an image is read in no order. More than max bytes are an error.
 */
struct pl_error *image_source_spool(
	int in_fd, uint64_t max, const struct pl_wait *w, struct image_source *ret) PL_MUST_USE;
void image_source_close(struct image_source *s);

/** Reads size bytes, or fewer (*got) where the image ends. Any offset is allowed. */
struct pl_error *image_source_read(
	const struct image_source *s, uint64_t at, void *data, size_t size, size_t *got) PL_MUST_USE;

#endif
