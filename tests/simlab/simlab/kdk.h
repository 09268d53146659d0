/*
 * A simulated Kernel Debug Kit for one of the lab's releases: as a folder, and
 * as the .dmg that Apple gives. Its kernels have the UUIDs and versions of the
 * ones that the guest boots.
 *
 * From 10.10 on: OUT/KDK_13.6_22G120.kdk/System/Library/{Kernels,Extensions,
 * CoreServices/SystemVersion.plist}, and in the image KernelDebugKit.pkg that
 * puts it to /Library/Developer/KDKs. Up to 10.9: OUT/KernelDebugKit with
 * mach_kernel, its dSYM, kgmacros, and in DEBUG_Kernel the debug mach_kernel and System.kext; the
 * same in the image.
 *
 * The image is a tar archive with a UDIF trailer ("koly", 512 bytes), the
 * package a tar archive: they are opened by the simulated hdiutil and
 * installer only.
 */
#ifndef SIMLAB_KDK_H
#define SIMLAB_KDK_H

#include "base/err.h"
#include "tests/simlab/release.h"

/** Makes both below `out`, absent parents too; what is there already is an error. */
struct pl_error *kdk_make(const struct release *r, const char *out, uint64_t core_size) PL_MUST_USE;

/** Unpacks an image or package into the folder, made if absent. */
struct pl_error *kdk_unpack(const char *archive, const char *folder) PL_MUST_USE;

#endif
