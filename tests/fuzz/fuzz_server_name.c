/* Names: one that counts as safe is one component that no tool misreads. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 1);

	if (!name)
		return 0;
	if (size > 0)
		memcpy(name, data, size);
	name[size] = '\0';
	size_t length = strlen(name);
	if (name_is_safe(name)) {
		if (length < 1 || length > 100 || name[0] == '.' || name[0] == '-' || strchr(name, '/'))
			abort();
		for (size_t i = 0; i < length; i++)
			if (name[i] <= ' ' || name[i] >= 0x7f)
				abort();
		size_t junk = name_junk(name);
		if (junk != 0 && junk != length + 1)
			abort();
	}
	free(name);
	return 0;
}
