/*
 * System Integrity Protection as the firmware variable csr-active-config has
 * it: a u32 of what is ALLOWED, so that 0 is all of SIP and a set bit is less.
 *
 * Bits: xnu bsd/sys/csr.h. Which of them csrutil sets and clears: its output on
 * each version, as guest owners have posted it.
 */
#ifndef MACOS_CSR_H
#define MACOS_CSR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/macos/macos_version.h"

enum csr_bit {
	CSR_UNTRUSTED_KEXTS = 0x1,
	CSR_UNRESTRICTED_FS = 0x2,
	CSR_TASK_FOR_PID = 0x4,
	CSR_KERNEL_DEBUGGER = 0x8,
	CSR_APPLE_INTERNAL = 0x10,
	CSR_UNRESTRICTED_DTRACE = 0x20,
	CSR_UNRESTRICTED_NVRAM = 0x40,
	CSR_DEVICE_CONFIGURATION = 0x80,
	CSR_ANY_RECOVERY_OS = 0x100,
	CSR_UNAPPROVED_KEXTS = 0x200,           /* 10.13 */
	CSR_EXECUTABLE_POLICY_OVERRIDE = 0x400, /* 10.14 */
	CSR_UNAUTHENTICATED_ROOT = 0x800,       /* 11 */
	CSR_RESEARCH_GUESTS = 0x1000,
};

/** SIP came with 10.11. False also for a release that is not known. */
bool csr_exists(const struct macos_version *macos);

/**
 * What `csrutil enable` on that release makes of the value `present` (0 where
 * there is no variable). PL_ERR_USAGE before 10.11.
 */
struct pl_error *csr_enable(const struct macos_version *macos, uint32_t present, uint32_t *ret) PL_MUST_USE;

/** What `csrutil disable` makes of it. PL_ERR_USAGE before 10.11. */
struct pl_error *csr_disable(const struct macos_version *macos, uint32_t present, uint32_t *ret) PL_MUST_USE;

/** "kexts", "dtrace", ...; NULL if it is not one bit, or none that is known. */
const char *csr_bit_name(uint32_t bit);

/** True if that release knows the bit. */
bool csr_bit_exists(const struct macos_version *macos, uint32_t bit);

/**
 * True if that value lets the kernel's debugger in, and with it a dump. xnu
 * (bsd/kern/kern_csr.c, csr_check()) takes unsigned kexts or Apple Internal as leave, too.
 */
bool csr_allows_kernel_debugger(uint32_t value);

/* ---- what a run needs -------------------------------------------------------------------- */

/* What is to be done with a guest, as bits. */
enum csr_use {
	CSR_USE_DUMP = 1,           /* the kernel dumps, or is debugged */
	CSR_USE_DTRACE = 2,         /* dtrace's panic() */
	CSR_USE_KEXT = 4,           /* a kext loads that no Apple-approved developer has signed */
	CSR_USE_BOOT_ARGS = 8,      /* boot-args other than the user's */
	CSR_USE_INSTALL_KERNEL = 16 /* another kernel beside Apple's */
};

struct csr_need {
	uint32_t bit;
	const char *reason; /* "dtrace's panic() does nothing, without a word, while it is restricted" */
};

enum { CSR_NEEDS_MAX = 8 };

/**
 * The fewest bits for those uses (of enum csr_use) on that release, each with
 * its reason, in the order of the bits; returns how many. None before 10.11. A
 * release that is not known counts as the newest.
 */
size_t csr_needs(const struct macos_version *macos, unsigned uses, struct csr_need ret[static CSR_NEEDS_MAX]);

/** The bits of those that `present` lacks: 0 means that SIP can stay as it is. */
uint32_t csr_lacks(const struct csr_need *needs, size_t count, uint32_t present);

#endif
