#include "base/embed.h"

#include <string.h>

const struct pl_embedded *pl_embedded_find(const struct pl_embedded *table, const char *name)
{
	for (const struct pl_embedded *e = table; e->name != NULL; e++)
		if (strcmp(e->name, name) == 0)
			return e;
	return NULL;
}
