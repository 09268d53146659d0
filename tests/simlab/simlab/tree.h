/* Trees of the guest's disk: copied whole, and listed with checksums. */
#ifndef SIMLAB_TREE_H
#define SIMLAB_TREE_H

#include "base/buf.h"
#include "base/err.h"

/** Copies folders, files and links with modes and times; `to` must not exist. */
struct pl_error *tree_copy(const char *from, const char *to) PL_MUST_USE;

/**
 * One line an entry, in order: the label, mode, SHA-like checksum or link target, path.
 * Folders count as writable by their owner: the lab changes that bit itself.
 * `skip` ends with NULL: paths below root that are left out with all in them.
 */
struct pl_error *tree_list(
	const char *root, const char *label, const char *const *skip, struct pl_buf *out) PL_MUST_USE;

#endif
