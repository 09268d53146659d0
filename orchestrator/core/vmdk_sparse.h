/*
 * One sparse extent of a VMware disk (Virtual Disk Format 1.1, "Hosted Sparse Extents"
 * and "Stream-Optimized Compressed Sparse Extents"): a directory of tables of grains.
 * Little-endian. Nothing in it is believed: tables are read as they are needed, and what
 * lies past the end of the file is VMDK_GRAIN_BAD.
 *
 * Memory: one table (at most 16 KiB) and, if it is compressed, one grain (at most 1 MiB)
 * and its compressed data.
 */
#ifndef CORE_VMDK_SPARSE_H
#define CORE_VMDK_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum vmdk_grain {
	VMDK_GRAIN_ABSENT, /* not in this extent: the parent has it, or it is zeroes */
	VMDK_GRAIN_ZERO,
	VMDK_GRAIN_DATA,
	VMDK_GRAIN_BAD, /* past the end of the file, or damaged */
};

struct vmdk_sparse {
	int fd;                   /* the caller's */
	uint64_t size;            /* of what it holds, in bytes: at most INT64_MAX */
	uint64_t grain;           /* in bytes */
	uint64_t descriptor;      /* where the disk's description is in the file */
	uint64_t descriptor_size; /* 0: it has none */
	uint64_t directory;       /* where it is in the file */
	uint32_t entries;         /* of a table */
	bool has_zero_grains;
	bool compressed;
	uint32_t *table; /* the one that was read last */
	uint64_t table_number;
	uint8_t *plain; /* the grain that was decompressed last */
	uint64_t plain_number;
	uint8_t *packed;
};

/** Does the file begin as one does ("KDMV")? */
bool vmdk_is_sparse(const void *head, size_t size);

/** Errors are PL_ERR_USAGE for what cannot be read, PL_ERR_LAB for the disk's. */
struct pl_error *vmdk_sparse_open(int fd, struct vmdk_sparse *ret) PL_MUST_USE;
void vmdk_sparse_close(struct vmdk_sparse *s); /* not the fd */

/**
 * Reads from `at` (less than s->size) up to *size bytes, at least one, but not past the
 * grain's end; *size is then their number. With VMDK_GRAIN_DATA only they are in data, and
 * with VMDK_GRAIN_BAD there are none.
 */
struct pl_error *vmdk_sparse_read(
	struct vmdk_sparse *s, uint64_t at, void *data, size_t *size, enum vmdk_grain *ret) PL_MUST_USE;

/** How many bytes from `at` (less than s->size) on it has no grain for; 0: it has one there. */
uint64_t vmdk_sparse_hole(struct vmdk_sparse *s, uint64_t at);

#endif
