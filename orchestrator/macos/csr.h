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

#endif
