/* A kit on disk as the rules of kdk_match.h see it. */
#include <stdlib.h>

#include "orchestrator/core/kdk.h"

struct pl_error *kdk_candidate_of(const struct kdk *k, struct kdk_candidate *ret)
{
	struct kdk_candidate_kernel *kernels = calloc(k->kernel_count + 1, sizeof *kernels);

	if (!kernels)
		return pl_error_nomem();
	for (size_t i = 0; i < k->kernel_count; i++) {
		const struct macho_file *f = &k->kernels[i].binary.file;
		kernels[i].name = k->kernels[i].name;
		kernels[i].version = k->kernels[i].version.text;
		for (size_t p = 0; p < f->count && p < KDK_CANDIDATE_UUIDS; p++)
			if (f->parts[p].uuid[0])
				kernels[i].uuids[kernels[i].uuid_count++] = f->parts[p].uuid;
	}
	*ret = (struct kdk_candidate){
		.build = k->build, .installed = true, .kernels = kernels, .kernel_count = k->kernel_count};
	return NULL;
}
