/* Where a name leads to from a folder, told without server/name.c. */
#ifndef TESTS_FUZZ_ONE_COMPONENT_H
#define TESTS_FUZZ_ONE_COMPONENT_H

#include <stdbool.h>
#include <string.h>

/* The longest that a Linux or macOS file system takes as one name. */
#define ONE_COMPONENT_MAX 255

/** True if FOLDER/name is a new entry of FOLDER itself, whatever suffix of up to 32 bytes it gets. */
static inline bool one_component(const char *name)
{
	size_t length = strlen(name);
	int components = 0;

	for (const char *at = name; *at;) {
		size_t n = strcspn(at, "/");
		if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		components++;
		at += n;
		if (*at == '/')
			return false;
	}
	return components == 1 && length + 32 <= ONE_COMPONENT_MAX;
}

#endif
