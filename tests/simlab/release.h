/*
 * The releases of macOS that the simulated lab can play, and their kernels.
 *
 * How a guest of the lab is what it is (tests/simlab/simlab):
 *
 *   release.c      which releases, builds, kernels; how another kernel gets in
 *   sip_words.c    what csrutil and nvram say of which bits, by release
 *   tool_words.c   what kextcache, kmutil, bless, mount, hdiutil say, by release
 *   kernel_image.c a kernel as a file: a small Mach-O with its UUID and version
 *
 * A kernel is a file on the guest's disk, from the start or out of a KDK, and
 * what boots is what the booter finds there just then (simlab/booter.c): by the
 * boot-args in the .nvram, and only once it has been prelinked (10.10-10.14),
 * copied to Preboot (10.15), or put in a boot collection that is in the blessed
 * snapshot (11 on). The UUID and version text of the running kernel are read
 * from that file. Of another build it panics at boot; not prelinked, the old
 * one runs. What may be written: by SIP and the system volume's state of the
 * moment (simlab/protect.c). The system volume of 11 on is in disk/.volumes
 * (simlab/volumes.c): the live tree, its snapshots, which one is blessed.
 *
 * Versions, builds and kernel versions are Apple's; UUIDs are made up.
 */
#ifndef SIMLAB_RELEASE_H
#define SIMLAB_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* How another kernel gets into the guest; each needs more steps than the one before. */
enum kernel_install {
	INSTALL_MACH_KERNEL, /* 10.7 - 10.9: /mach_kernel, touch /System/Library/Extensions */
	INSTALL_PRELINKED,   /* 10.10 - 10.14: kextcache */
	INSTALL_PREBOOT,     /* 10.15: mount -uw /, kextcache, kcditto */
	INSTALL_SEALED,      /* 11, 12: the live volume, kmutil install, bless */
	INSTALL_SEALED_KDK,  /* 13 on: kmutil create, which wants a KDK */
};

struct release {
	const char *version;  /* "10.12.6" */
	const char *build;    /* "16G29" */
	unsigned number;      /* 1012, 1100, 1306: of the version's first two parts */
	const char *product;  /* sw_vers's ProductName */
	const char *darwin;   /* "16.7.0" */
	const char *xnu;      /* "3789.70.16~2" */
	const char *built;    /* the date in the kernel's version */
	const char *guest_os; /* of the .vmx */
	enum kernel_install install;
};

/** "13.6", or the beginning of one ("10.12"); PL_ERR_USAGE names them all. */
struct pl_error *release_find(const char *version, const struct release **ret) PL_MUST_USE;

/** The one with that build, or NULL. */
const struct release *release_of_build(const char *build);

/** The lab's default, 10.12.6. */
const struct release *release_default(void);

/* "RELEASE", "DEVELOPMENT", "DEBUG", "KASAN": as in the kernel's version. */
#define RELEASE_VARIANTS 4
extern const char *const RELEASE_VARIANT_NAMES[RELEASE_VARIANTS];
/* "", ".development" ...: of the file's name. */
extern const char *const RELEASE_VARIANT_SUFFIXES[RELEASE_VARIANTS];

/** True if there is such a kernel for it; 11 on has no DEBUG, KASAN began with 10.12. */
bool release_has_variant(const struct release *r, size_t variant);

/** uname -v of its kernel of that variant. */
void release_kernel_version(const struct release *r, size_t variant, char *out, size_t size);

/** The made-up UUID of that kernel. */
void release_kernel_uuid(const struct release *r, size_t variant, uint8_t uuid[static 16]);

#endif
