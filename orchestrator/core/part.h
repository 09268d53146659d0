/*
 * Writing one part of an image: a range of it, as it stands or decompressed, into an
 * empty file, sparse, with its SHA-256.
 *
 * What the data is worth is a result and not an error: whatever could be decoded is
 * kept. An error means that reading, writing or waiting failed. Memory is bounded,
 * whatever the sizes.
 */
#ifndef CORE_PART_H
#define CORE_PART_H

#include <stdint.h>

#include "base/err.h"
#include "base/sha256.h"
#include "base/wait.h"
#include "orchestrator/core/image_plan.h"
#include "orchestrator/core/image_source.h"

enum part_status {
	PART_OK,
	PART_TRUNCATED, /* the image ends before the part does, its compressed data breaks off, or the limit
			   cut it */
	PART_CORRUPT,   /* damaged: what came before the damage is written */
	PART_ENCRYPTED, /* written as it stands */
};

struct part_result {
	enum part_status status;
	uint64_t bytes;          /* of the file that was written */
	char sha256[SHA256_HEX]; /* of that file */
	char detail[128];        /* one phrase for people, "" when all is well */
};

const char *part_status_name(enum part_status status);

/* Who is told how far a part is: done bytes of its range, of `of` that the image has of it, are read. */
struct part_watch {
	void (*reads)(void *arg, uint64_t done, uint64_t of);
	void *arg;
};

/**
 * Writes the part into fd, an empty regular file, at most max bytes, and flushes it to disk. watch may be
 * NULL; it is called many times a second.
 */
struct pl_error *part_write(const struct image_source *source, const struct image_part *part, int fd,
	uint64_t max, const struct pl_wait *w, const struct part_watch *watch,
	struct part_result *ret) PL_MUST_USE;

#endif
