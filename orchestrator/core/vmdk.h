/*
 * A VMware virtual disk, read by offset: monolithic or split, flat, sparse or compressed
 * (streamOptimized), and snapshots, each of which holds what changed since its parent.
 * VMware's Virtual Disk Format 1.1 is the source.
 *
 * The files come from outside, and so do the names in them:
 *
 * - An extent is a plain file beside its description, no link and in no other folder, so
 *   that a disk cannot make us copy other files of the user's. Devices are refused.
 * - A parent may be anywhere, as those of linked clones are, but it must be a virtual
 *   disk whose content ID is the one that the child names. If the hint leads nowhere,
 *   the name is tried beside the child: virtual machines are moved.
 *
 * Files are opened as they are needed, one extent of each disk at a time.
 */
#ifndef CORE_VMDK_H
#define CORE_VMDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"

#define VMDK_CHAIN_MAX 64 /* VMware has at most 32 snapshots in a line */

struct vmdk;

/** By the first bytes of a file; 32 are enough. */
bool vmdk_is_one(const void *head, size_t size);

/**
 * fd stays the caller's, and open. path says where its extents and parents are; NULL: it
 * can have none. Errors are PL_ERR_USAGE for what cannot be read, PL_ERR_LAB for the
 * files.
 */
struct pl_error *vmdk_open(const char *path, int fd, struct vmdk **ret) PL_MUST_USE;
void vmdk_close(struct vmdk *v); /* NULL-safe */

uint64_t vmdk_size(const struct vmdk *v);

/** Reads size bytes, or fewer (*got) where the disk ends, is cut off or damaged. */
struct pl_error *vmdk_read(struct vmdk *v, uint64_t at, void *data, size_t size, size_t *got) PL_MUST_USE;

/** True if none of the chain's files has data for the range, as their tables tell: nothing is read of it. */
bool vmdk_is_hole(struct vmdk *v, uint64_t at, uint64_t size);

/** Is it one of the disk's files? */
bool vmdk_has_file(const struct vmdk *v, const struct stat *st);

#endif
