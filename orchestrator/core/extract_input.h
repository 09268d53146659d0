/*
 * What there is to take apart: finds the on-disk core image in whatever was given, and
 * reads its header.
 *
 * Given may be an image, in a file or on a block device; a disk with a partition of
 * kernel cores; a virtual disk (vmdk.h) that is either; gzip data of any of these, which
 * are decompressed into an unnamed file first; or a core as the kernel sent it: gzip
 * data of a Mach-O file. Internal to extract*.c.
 */
#ifndef CORE_EXTRACT_INPUT_H
#define CORE_EXTRACT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/image_plan.h"
#include "orchestrator/core/image_source.h"
#include "orchestrator/core/kdumpimg.h"

struct extract_input {
	struct image_source source;
	bool received; /* a compressed core: there is no header */
	struct kdumpimg header;
	struct image_magic magic;
	enum gunzip_status packing; /* of the gzip data around the image, if there were any */
};

/** path "-" is standard input. At most max bytes are read from there, and decompressed. */
struct pl_error *extract_input_open(
	const char *path, uint64_t max, const struct pl_wait *w, struct extract_input *ret) PL_MUST_USE;
void extract_input_close(struct extract_input *in);

#endif
