/* vmcli's list of snapshots: any bytes; what is taken has names, and no more of them than there may be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/fusion/vmcli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmcli_snapshot *list;
	size_t count;
	struct pl_error *e = vmcli_read((const char *)data, size, &list, &count);

	if ((e != NULL) != (list == NULL) || count > VMCLI_SNAPSHOTS_MAX || (e && count))
		abort();
	for (size_t i = 0; i < count; i++)
		if (!list[i].name || strlen(list[i].name) > size)
			abort();
	vmcli_snapshots_free(list, count);
	pl_error_free(e);
	return 0;
}
