/*
 * A Kernel Debug Kit that is a folder: which kernels and kexts it has.
 *
 * Two layouts. From 10.10 on a kit is a folder KDK_VERSION_BUILD.kdk with
 * System/Library/{Kernels,Extensions,CoreServices/SystemVersion.plist}; up to 10.9 it is the
 * volume of a disk image with mach_kernel, mach_kernel.dSYM, kgmacros, DEBUG_Kernel and kexts
 * at its top, and nothing that names its build. A .dmg or .pkg is not looked into.
 *
 * A kit is outside data. Walks are bounded by the numbers below; what is beyond
 * them is left out and `cut` says so. The folder itself may be a link. Inside, a link to a
 * folder is not followed while walking, and a file counts only when it is below
 * the kit's folder with all links resolved.
 */
#ifndef CORE_KDK_H
#define CORE_KDK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/kdk_match.h"
#include "orchestrator/core/kernel_version.h"
#include "orchestrator/core/macho_file.h"

#define KDK_NAMES_MAX 4096 /* entries of one folder */
#define KDK_KERNELS_MAX 128
#define KDK_KEXTS_MAX 8192
#define KDK_DEPTH_MAX 4 /* kexts within kexts */

enum kdk_layout {
	KDK_KIT,    /* 10.10 and later */
	KDK_VOLUME, /* up to 10.9 */
};

/* A kernel or a kext's executable. */
struct kdk_binary {
	char *path;
	char *dsym;       /* the DWARF file inside its dSYM bundle, or NULL */
	char damage[200]; /* why it is no use, or ""; then file is empty */
	struct macho_file file;
};

struct kdk_kernel {
	char *name;          /* "kernel.development", "DEBUG_Kernel/mach_kernel" */
	const char *variant; /* "release", "development", "debug", "kasan", or "other" */
	struct kdk_binary binary;
	struct kernel_version version; /* "" until kdk_read_versions() */
};

struct kdk_kext {
	char *bundle;     /* path of the .kext */
	char *executable; /* path; NULL: it has no code of its own, as many of Apple's */
	char id[128];     /* "" when Info.plist does not say; damage says why */
	char version[64];
	char damage[200];
};

struct kdk {
	char *path; /* as given, without slashes at its end */
	char *real; /* with links resolved */
	enum kdk_layout layout;
	char version[32]; /* "10.15.7", or "" */
	char build[32];   /* "19H2", or "" */
	char damage[200]; /* why SystemVersion.plist does not say so, or "" */
	char *macros;     /* path of kgmacros (up to 10.8), or NULL */
	struct kdk_kernel *kernels;
	size_t kernel_count;
	struct kdk_kext *kexts; /* empty until kdk_read_kexts() */
	size_t kext_count;
	bool kexts_read;
	bool cut;
};

/** True if the folder has the shape of a kit, whatever is wrong with it. */
bool kdk_is(const char *dir);

/**
 * PL_ERR_USAGE when dir is not a kit's folder; damaged kernels, or a missing
 * SystemVersion.plist, are no errors. *ret needs kdk_close() after success only.
 */
struct pl_error *kdk_open(const char *dir, struct kdk *ret) PL_MUST_USE;
void kdk_close(struct kdk *k);

/** The kernel one of whose architectures has this UUID, or NULL. */
const struct kdk_kernel *kdk_kernel_by_uuid(const struct kdk *k, const char *uuid);

/** Fills the kernels' version texts; reads the kernel files, tens of MiB each. */
struct pl_error *kdk_read_versions(struct kdk *k, const struct pl_wait *w) PL_MUST_USE;

/** Lists the kit's kexts, once: later calls do nothing. */
struct pl_error *kdk_read_kexts(struct kdk *k, const struct pl_wait *w) PL_MUST_USE;

/**
 * The executable of the kext with this bundle id that has this UUID, among its
 * variants (NAME, NAME_development, NAME_debug, NAME_kasan); with "" for the UUID the
 * plain one. *found false: the kit has none such. Needs kdk_read_kexts() before;
 * *ret needs kdk_binary_deinit() when found.
 */
struct pl_error *kdk_find_kext(const struct kdk *k, const char *id, const char *uuid, bool *found,
	struct kdk_binary *ret) PL_MUST_USE;

/**
 * Opens the Mach-O at path and finds its dSYM beside it (or beside its .kext,
 * when bundle is not NULL). Takes path, on errors too. Damage is no error.
 */
struct pl_error *kdk_binary_open(
	const struct kdk *k, char *path, const char *bundle, struct kdk_binary *ret) PL_MUST_USE;
void kdk_binary_deinit(struct kdk_binary *b);

/**
 * The kit as kdk_match() takes it; texts stay the kit's, and the list of kernels is the caller's
 * to free(). Version texts as far as they were read.
 */
struct pl_error *kdk_candidate_of(const struct kdk *k, struct kdk_candidate *ret) PL_MUST_USE;

/** True if path is below the kit's folder when all links are resolved. */
bool kdk_holds(const struct kdk *k, const char *path);

#endif
