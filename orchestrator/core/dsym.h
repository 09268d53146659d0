/* A dSYM is a bundle, NAME.dSYM/Contents/Resources/DWARF/NAME, around a Mach-O file. */
#ifndef CORE_DSYM_H
#define CORE_DSYM_H

#include "base/err.h"

/**
 * The file in it that is called name (NULL: any), else the only one there; malloc'd, NULL for
 * none. That it is a file, and of which kernel or kext, is not looked at.
 */
struct pl_error *dsym_dwarf(const char *dsym, const char *name, char **ret) PL_MUST_USE;

#endif
