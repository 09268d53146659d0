/* .vmx files: any bytes; every entry can be got back by its key. */
#include <stdint.h>
#include <stdlib.h>

#include "orchestrator/fusion/vmx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmx v;

	if (size > 65536)
		return 0;
	pl_error_free(vmx_parse((const char *)data, size, &v));
	for (size_t i = 0; i < v.count && i < 64; i++)
		if (!vmx_get(&v, v.entries[i].key))
			abort();
	vmx_deinit(&v);
	return 0;
}
