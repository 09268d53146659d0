/*
 * Names: one that counts as safe leads to an entry of the folder itself, and
 * is one that no shell, tool or terminal misreads.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/name.h"
#include "tests/fuzz/one_component.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)                                                                                             \
	do {                                                                                                 \
		if (!(x))                                                                                    \
			abort();                                                                             \
	} while (0)

static void check_safe(const char *name)
{
	size_t length = strlen(name);
	size_t junk = name_junk(name);

	CHECK(length >= 1 && length <= 100 && one_component(name));
	CHECK(name[0] != '.' && name[0] != '-');
	for (size_t i = 0; i < length; i++) {
		CHECK(name[i] > ' ' && name[i] < 0x7f);
		CHECK(!strchr("/\\:*?[]{}()<>|&;!$`'\"~#%^=,@+", name[i]));
	}
	CHECK(junk == 0 || junk == length + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 1);

	if (!name)
		return 0;
	if (size > 0)
		memcpy(name, data, size);
	name[size] = '\0';
	if (name_is_safe(name))
		check_safe(name);
	free(name);
	return 0;
}
