/* Paths as configuration files write them. */
#ifndef CONFIG_PATH_H
#define CONFIG_PATH_H

#include "base/err.h"

/**
 * The absolute path, malloc'd: a leading "~/" is the home folder, a relative
 * path starts from folder (absolute). "." components, doubled and final
 * slashes go; ".." stays, because what it means depends on links.
 */
struct pl_error *config_path(const char *folder, const char *path, char **ret) PL_MUST_USE;

#endif
