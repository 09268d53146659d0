/* Arrays that grow one element at a time. */
#ifndef PL_BASE_GROW_H
#define PL_BASE_GROW_H

#include <stddef.h>

/**
 * The array, with room for one element more than the count that it has; made by this alone, it is
 * full only at 0 and at powers of two. NULL without memory: the old one stands.
 */
void *pl_grow(void *array, size_t count, size_t element);

#endif
