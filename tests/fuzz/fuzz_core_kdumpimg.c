/*
 * Any bytes as the header of an on-disk core: whatever it claims, the files that come
 * out lie within the head that was given, and the names end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/kdumpimg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kdumpimg *k = malloc(sizeof *k);
	need(k != NULL);

	if (kdumpimg_decode(data, size, k)) {
		need(k->version == 1 || k->version == 2);
		need(k->file_count <= k->claimed);
		need(k->file_count <= (k->version == 1 ? KDUMPIMG_FILES_V1 : KDUMPIMG_FILES_MAX));
		need(!k->complete || (k->size <= size && k->file_count == k->claimed));
		need(k->size <= KDUMPIMG_HEAD && (k->version == 1 || k->size <= size));
		for (size_t i = 0; i < k->file_count; i++)
			need(memchr(k->files[i].name, 0, sizeof k->files[i].name) != NULL);
	}
	free(k);
	return 0;
}
