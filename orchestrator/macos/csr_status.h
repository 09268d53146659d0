/*
 * `csrutil status`, understood line by line: the headline has said "unknown"
 * with all of SIP off, and "enabled (Custom Configuration)" with it off.
 *
 * Wordings: 10.11 to 10.15 print six lines below "Configuration:", 10.12 on
 * BaseSystem Verification, 11 on Boot-arg Restrictions, Kernel Integrity
 * Protections and Authenticated Root Requirement. Without a custom configuration
 * there is the headline alone.
 */
#ifndef MACOS_CSR_STATUS_H
#define MACOS_CSR_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "orchestrator/macos/macos_version.h"

/* What SIP restricts: 1 yes, 0 no, -1 not known. */
struct csr_status {
	char headline[256]; /* "enabled", "unknown (Custom Configuration)"; printable, "" if there was none */
	bool custom;        /* only the lines count */
	int kexts;
	int filesystem;
	int task_for_pid;    /* csrutil calls it Debugging Restrictions */
	int kernel_debugger; /* no line of its own: see csr_allows_kernel_debugger() */
	int dtrace;
	int nvram;
	int basesystem;
	int boot_args;          /* 11 and later: goes with nvram's bit */
	int kernel_integrity;   /* 11 and later */
	int authenticated_root; /* 11 and later */
	int internal;           /* Apple Internal: 1 is on, and then less is restricted */
};

void csr_status_init(struct csr_status *s);

/** One line of csrutil's output, without its newline. Others than those above are passed over. */
void csr_status_line(struct csr_status *s, const char *line);

/** After the last line: what the headline alone decides, and that there is no SIP before 10.11. */
void csr_status_end(struct csr_status *s, const struct macos_version *macos);

/**
 * Of the bits `wanted` (csr.h), those that csrutil says are not allowed. Those
 * that it says nothing of go into *unknown: what needs them has to be tried.
 */
uint32_t csr_status_denies(const struct csr_status *s, uint32_t wanted, uint32_t *unknown);

#endif
