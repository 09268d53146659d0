/*
 * What the simulated kernel is: one description that the panic text, the core
 * in memory and the dump all follow, so that they agree with each other as a
 * real kernel's do.
 *
 * As text it is "key = value" lines ('#' starts a comment); kernel_desc_set()
 * lists the keys. The default is OS X 10.12.6 (16G29) in VMware.
 */
#ifndef SIMLAB_KERNEL_DESC_H
#define SIMLAB_KERNEL_DESC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/simlab/release.h"

/* Where an unslid x86_64 kernel's __TEXT is (xnu: makedefs, KERNEL_BASE). */
#define KERNEL_TEXT_UNSLID UINT64_C(0xffffff8000200000)
#define KERNEL_SLIDE_STEP UINT64_C(0x200000)
#define KERNEL_CORE_SIZE_MIN UINT64_C(0x400000) /* 4 MiB */
#define KERNEL_CPUS_MAX 16
#define KERNEL_KEXTS_MAX 32

/* How a core says whose it is; by default as xnu of that version does. */
enum kernel_identity {
	KERNEL_IDENTITY_BY_VERSION,
	KERNEL_IDENTITY_LC_IDENT,     /* xnu 3789 - 7195 */
	KERNEL_IDENTITY_KERN_VER_STR, /* LC_NOTE "kern ver str" */
	KERNEL_IDENTITY_MAIN_BIN,     /* LC_NOTE "main bin spec", xnu 8019 on */
	KERNEL_IDENTITY_NONE,         /* a debugger has to search */
};

struct kernel_kext {
	char name[64]; /* bundle identifier */
	char version[24];
	uint8_t uuid[16];
	uint64_t address; /* as loaded, slid */
	uint64_t size;
};

struct kernel_desc {
	char release[16];  /* "10.12.6" */
	char build[16];    /* "16G29" */
	char version[192]; /* uname -v: "Darwin Kernel Version 16.7.0: ...;
			      root:xnu-3789.70.16~2/RELEASE_X86_64" */
	uint8_t uuid[16];
	uint64_t slide;         /* of the kernel, before 11, or of the collection it is in; a multiple of
				   KERNEL_SLIDE_STEP */
	uint64_t in_collection; /* where in that collection it begins; 0 before 11 */
	char model[64];         /* "VMware7,1 (Mac-AA95B1DDAB278B95)" */
	char boot_args[1024];
	char process[32]; /* the BSD process that is running when it panics */
	unsigned cpus;
	unsigned panic_cpu;
	uint64_t core_size; /* bytes of the Mach-O, about; at least KERNEL_CORE_SIZE_MIN */
	uint64_t seed;      /* the same seed gives the same bytes everywhere */
	uint64_t uptime_ns;
	enum kernel_identity identity;
	bool kext_summaries; /* gLoadedKextSummaries (version 2) in memory */
	struct kernel_kext kexts[KERNEL_KEXTS_MAX];
	size_t kext_count;
};

/** 10.12.6 with slide 0x17200000, two CPUs, 64 MiB, seed 1, a few kexts. */
void kernel_desc_default(struct kernel_desc *d);

/** The same for that release and variant (release.h); 10.12.6's release kernel is the default. */
void kernel_desc_release(struct kernel_desc *d, const struct release *r, size_t variant);

/** A UUID as ld64 makes them, from the text (a kernel's version). */
void kernel_uuid_of(const char *text, uint8_t uuid[static 16]);

/** As a boot would: slide, uptime and memory content from `entropy`. */
void kernel_desc_boot(struct kernel_desc *d, uint64_t entropy);

/**
 * One key: macos ("13.6" or "13.6 DEVELOPMENT": all of kernel_desc_release(); give it first),
 * release build version uuid slide model boot-args process cpus
 * panic-cpu size seed uptime identity (auto, lc-ident, kern-ver-str,
 * main-bin-spec, none), kext-summaries (yes, no), kext ("ID VERSION UUID ADDRESS SIZE",
 * adds one; "none" removes all). PL_ERR_USAGE for anything else.
 */
struct pl_error *kernel_desc_set(struct kernel_desc *d, const char *key, const char *value) PL_MUST_USE;

/** Text of lines "key = value"; the error names `where` and the line. */
struct pl_error *kernel_desc_parse(struct kernel_desc *d, const char *text, const char *where) PL_MUST_USE;

/** The xnu version out of the version string, "3789.70.16"; "custom" as xnu says if it has none. */
void kernel_xnu_version(const struct kernel_desc *d, char *out, size_t size);

/** Its major number, 3789; 0 if it has none. */
unsigned kernel_xnu_major(const struct kernel_desc *d);

/** What an address of the kernel's file is moved by: the slide, and its place in the collection. */
uint64_t kernel_slide(const struct kernel_desc *d);

/** Load address of the kernel's Mach-O header: __TEXT plus that. */
uint64_t kernel_text_base(const struct kernel_desc *d);

/** Where __HIB is. */
uint64_t kernel_hib_base(const struct kernel_desc *d);

/** Bytes of __TEXT; smaller in small cores. */
uint64_t kernel_text_size(const struct kernel_desc *d);

/** How much of __TEXT, from its beginning, has all functions in it. */
uint64_t kernel_code_end(const struct kernel_desc *d);

/** Somewhere in __TEXT for a function of that name, plus offset; the same each time. */
uint64_t kernel_function(const struct kernel_desc *d, const char *name, unsigned offset);

/** Where the kernel stack of the thread on that CPU begins. */
uint64_t kernel_stack_base(const struct kernel_desc *d, unsigned cpu);
#define KERNEL_STACK_SIZE UINT64_C(0x4000)

/** A UUID as kernels print it, upper case. Returns out. */
const char *kernel_uuid_text(const uint8_t uuid[static 16], char out[static 37]);

/** A small hash (splitmix64), the source of everything pseudo-random here. */
uint64_t kernel_mix(uint64_t x);

#endif
