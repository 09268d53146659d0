#include "base/grow.h"

#include <stdint.h>
#include <stdlib.h>

void *pl_grow(void *array, size_t count, size_t element)
{
	if (count & (count - 1))
		return array;
	if (count > SIZE_MAX / 2 / element)
		return NULL;
	return realloc(array, (count ? count * 2 : 1) * element);
}
