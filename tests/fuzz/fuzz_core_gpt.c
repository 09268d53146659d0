/* Any bytes as a disk: a partition that is found lies within it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/gpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "/tmp/fuzz_gpt.XXXXXX";
	struct image_source s = {.fd = mkstemp(name), .size = size};
	struct gpt_partition p;

	need(s.fd >= 0);
	unlink(name);
	need(write(s.fd, data, size) == (ssize_t)size);
	need(gpt_find(&s, gpt_kernel_core, &p) == NULL);
	need(!p.found || (p.table && p.offset < size && p.size > 0 && p.size <= size - p.offset));
	close(s.fd);
	return 0;
}
