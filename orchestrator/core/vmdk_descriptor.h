/*
 * The text that describes a VMware disk (Virtual Disk Format 1.1, "The Descriptor File"):
 * a file of its own, or within a sparse extent.
 *
 *   # Disk DescriptorFile
 *   CID=fffffffe
 *   parentCID=ffffffff
 *   createType="twoGbMaxExtentSparse"
 *   parentFileNameHint="Virtual Disk.vmdk"      of a snapshot
 *   RW 8323072 SPARSE "Virtual Disk-s001.vmdk"
 *   RW 4192256 FLAT "Virtual Disk-f001.vmdk" 0
 *   RW 1024 ZERO
 *
 * Names are as the text has them: nobody has looked at what they point to.
 */
#ifndef CORE_VMDK_DESCRIPTOR_H
#define CORE_VMDK_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VMDK_SECTOR UINT64_C(512)
#define VMDK_DESCRIPTOR_MAX ((size_t)1 << 20) /* of a text; Fusion's have some KiB */
#define VMDK_EXTENTS_MAX 16384                /* 32 TiB in files of 2 GiB */
#define VMDK_NO_PARENT UINT32_C(0xffffffff)

enum vmdk_extent_type { VMDK_FLAT, VMDK_SPARSE, VMDK_ZERO };

struct vmdk_extent {
	enum vmdk_extent_type type;
	uint64_t begin; /* of the disk, in bytes */
	uint64_t size;
	uint64_t offset; /* VMDK_FLAT: in its file, in bytes */
	char *file;      /* NULL for VMDK_ZERO */
};

struct vmdk_descriptor {
	uint32_t cid;
	uint32_t parent_cid;
	char *parent;                /* NULL: no hint */
	struct vmdk_extent *extents; /* in the order of the disk, without gaps */
	size_t extent_count;
	uint64_t size; /* of the disk: at most INT64_MAX */
};

/** Does the text begin as one does? */
bool vmdk_is_descriptor(const void *text, size_t size);

/** The text ends at its first NUL. Errors are PL_ERR_USAGE: what cannot be read. */
struct pl_error *vmdk_descriptor_parse(
	const char *text, size_t size, struct vmdk_descriptor *ret) PL_MUST_USE;
void vmdk_descriptor_deinit(struct vmdk_descriptor *d);

#endif
