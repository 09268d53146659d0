/*
 * Finding a partition in a raw disk's GUID partition table (UEFI 5.3), with sectors of
 * 512 or 4096 bytes; where the first table has none, in the copy at the disk's end. The
 * checksums are not looked at: a damaged table that still says where the partition is, is
 * good enough to read it.
 */
#ifndef CORE_GPT_H
#define CORE_GPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/image_source.h"

/* 5361644D-6163-11AA-AA11-00306543ECAC, Apple_KernelCoreDump, as it stands on the disk. */
extern const uint8_t gpt_kernel_core[16];

struct gpt_partition {
	bool table; /* there is a table at all */
	bool found;
	uint64_t offset; /* in bytes; within the source */
	uint64_t size;
};

/** The first partition of that type whose beginning is within the source. */
struct pl_error *gpt_find(
	const struct image_source *s, const uint8_t type[16], struct gpt_partition *ret) PL_MUST_USE;

#endif
