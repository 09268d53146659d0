/* Where Fusion's command-line tools are. */
#ifndef FUSION_TOOL_H
#define FUSION_TOOL_H

#include "base/err.h"

/**
 * The tool's path, malloc'd: in Fusion's bundle, else its bare name if PATH has
 * it, else NULL.
 */
struct pl_error *tool_find(const char *name, char **ret) PL_MUST_USE;

#endif
