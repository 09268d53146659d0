/* Load commands of a bare core: any bytes, and a longer file never looks more cut. */
#include <stdint.h>
#include <stdlib.h>

#include "server/machcore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool as_is = machcore_commands_are_cut(data, size, size);
	bool endless = machcore_commands_are_cut(data, size, UINT64_MAX);

	if (endless && !as_is)
		abort();
	return 0;
}
