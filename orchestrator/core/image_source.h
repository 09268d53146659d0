/*
 * Where an image is read from, by offset: a file, a block device, or a VMware virtual
 * disk (vmdk.h). Errors are PL_ERR_LAB, or PL_ERR_USAGE for what cannot be one.
 */
#ifndef CORE_IMAGE_SOURCE_H
#define CORE_IMAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/gunzip.h"

struct vmdk;

struct image_source {
	int fd;
	struct vmdk *vmdk; /* NULL: the file itself is the image */
	uint64_t base;     /* the image begins there: of a partition within a disk */
	uint64_t size;     /* of the image */
};

/** Never waits for a FIFO's other end. */
struct pl_error *image_source_open(const char *path, struct image_source *ret) PL_MUST_USE;

/**
 * Reads in_fd to its end into an unnamed file below $TMPDIR (else /tmp), sparse, as
 * an image is read in no order. More than max bytes are an error.
 */
struct pl_error *image_source_spool(
	int in_fd, uint64_t max, const struct pl_wait *w, struct image_source *ret) PL_MUST_USE;

/** The gzip data that s is, decompressed in the same way; s is closed. What the data are worth is *status. */
struct pl_error *image_source_gunzip(struct image_source *s, uint64_t max, const struct pl_wait *w,
	enum gunzip_status *status) PL_MUST_USE;
void image_source_close(struct image_source *s);

/** Reads size bytes, or fewer (*got) where the image ends. Any offset is allowed. */
struct pl_error *image_source_read(
	const struct image_source *s, uint64_t at, void *data, size_t size, size_t *got) PL_MUST_USE;

/** True if it is known without reading that the range has no data: zeroes, or nothing that can be read. */
bool image_source_is_hole(const struct image_source *s, uint64_t at, uint64_t size);

/** Is it a file that the image is read from? */
bool image_source_has_file(const struct image_source *s, const struct stat *st);

#endif
