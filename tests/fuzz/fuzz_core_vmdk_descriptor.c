/*
 * Any text as a virtual disk's description: its extents follow each other without gaps
 * up to the disk's size, and have files where they must; its first half never crashes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/vmdk_descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void check(const struct vmdk_descriptor *d)
{
	uint64_t at = 0;

	need(d->extent_count > 0 && d->extent_count <= VMDK_EXTENTS_MAX);
	for (size_t i = 0; i < d->extent_count; i++) {
		const struct vmdk_extent *x = &d->extents[i];
		need(x->begin == at && x->size % VMDK_SECTOR == 0 && x->offset % VMDK_SECTOR == 0);
		need((x->file == NULL) == (x->type == VMDK_ZERO));
		need(x->offset <= INT64_MAX);
		at += x->size;
		need(at <= INT64_MAX);
	}
	need(d->size == at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmdk_descriptor d;

	for (unsigned i = 1; i <= 2; i++) {
		struct pl_error *e = vmdk_descriptor_parse((const char *)data, size / i, &d);
		if (!e)
			check(&d);
		pl_error_free(e);
		vmdk_descriptor_deinit(&d);
	}
	return 0;
}
