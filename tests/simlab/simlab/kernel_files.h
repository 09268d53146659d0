/* Kernels and what holds one, as files on the guest's disk. */
#ifndef SIMLAB_KERNEL_FILES_H
#define SIMLAB_KERNEL_FILES_H

#include <stdbool.h>
#include <time.h>

#include "base/err.h"
#include "tests/simlab/kernel_image.h"
#include "tests/simlab/release.h"

/* Below the disk, a volume or a snapshot of one. */
#define MACH_KERNEL "mach_kernel" /* up to 10.9 */
#define KERNEL_CACHE "System/Library/Caches/com.apple.kext.caches/Startup/kernelcache"
#define EXTENSIONS "System/Library/Extensions"
#define SYSTEM_KEXT EXTENSIONS "/System.kext"
#define KERNELS "System/Library/Kernels" /* 10.10 on */
#define PRELINKED "System/Library/PrelinkedKernels"
#define PREBOOT "System/Volumes/Preboot/5A1B51A7-0000-4000-8000-51A71AB00000"
#define COLLECTIONS "System/Library/KernelCollections" /* 11 on */
#define BOOT_COLLECTION COLLECTIONS "/BootKernelExtensions.kc"
#define SYSTEM_COLLECTION COLLECTIONS "/SystemKernelExtensions.kc"

/** Writes the kernel of that release and variant; its symbols are those of a core of that size. */
struct pl_error *kernel_files_write(
	const char *path, const struct release *r, size_t variant, uint64_t core_size) PL_MUST_USE;

/** Makes `to` hold the kernel in the file `from`. */
struct pl_error *kernel_files_link(const char *from, const char *to) PL_MUST_USE;

/** Writes root/System/Library/Extensions/System.kext that fits that variant. */
struct pl_error *kernel_files_system_kext(
	const char *kext, const struct release *r, size_t variant) PL_MUST_USE;

/** The variant whose name is at the end of that version text; RELEASE for any other. */
size_t kernel_files_variant(const char *version);

/** True if such a kernel is of that release: its kexts fit. */
bool kernel_files_fits(const struct kernel_identification *k, const struct release *r);

/** When it was changed, in seconds; -1 if it is not there. */
time_t kernel_files_time(const char *path);

/** Up to 10.9: the cache of what is there now. Its time is what the booter compares. */
struct pl_error *kernel_files_cache(const char *root) PL_MUST_USE;

#endif
