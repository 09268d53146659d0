/* The names in a folder that end in a suffix: parts of bundle.c, lock files. */
#ifndef FUSION_BUNDLE_SCAN_H
#define FUSION_BUNDLE_SCAN_H

#include <stddef.h>

#include "base/err.h"

#define BUNDLE_SCAN_MAX 4096 /* names; a folder with more is no VM's */

/** Sorted, malloc'd; without regard to case. Free with vm_names_free(). PL_ERR_LAB if it is no folder. */
struct pl_error *bundle_scan(const char *dir, const char *suffix, char ***ret, size_t *count) PL_MUST_USE;

#endif
