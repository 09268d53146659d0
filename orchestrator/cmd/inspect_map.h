/* The memory map in `paniclab inspect`, as wide as the terminal. */
#ifndef CMD_INSPECT_MAP_H
#define CMD_INSPECT_MAP_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"

/** Nothing if the document has no map. */
struct pl_error *inspect_print_map(FILE *out, const json_t *doc) PL_MUST_USE;

#endif
