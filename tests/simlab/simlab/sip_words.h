/*
 * What the releases say of System Integrity Protection: a table. The bits are
 * those of csr-active-config (xnu bsd/sys/csr.h).
 */
#ifndef SIMLAB_SIP_WORDS_H
#define SIMLAB_SIP_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/simlab/release.h"

enum {
	CSR_KEXTS = 0x1,
	CSR_FS = 0x2,
	CSR_TASK_FOR_PID = 0x4,
	CSR_KERNEL_DEBUGGER = 0x8,
	CSR_APPLE_INTERNAL = 0x10,
	CSR_DTRACE = 0x20,
	CSR_NVRAM = 0x40,
	CSR_ANY_RECOVERY = 0x100,
	CSR_UNAPPROVED_KEXTS = 0x200,
	CSR_UNAUTHENTICATED_ROOT = 0x800,
};

struct sip_words {
	unsigned until;     /* the last release, release.h's number */
	uint32_t off;       /* what `csrutil disable` sets: "disabled." ... */
	uint32_t judged;    /* ... as far as these bits go */
	const char *custom; /* the headline with some of them */
	size_t lines;       /* how many of SIP_LINES `csrutil status` has */
	const char *recovery;
	const char *nvram_refuses; /* NULL: nothing is said, and nothing done */
};

/** NULL for a release that has no SIP (before 10.11). */
const struct sip_words *sip_words_of(const struct release *r);

struct sip_line {
	const char *label;
	uint32_t bit;
	int enabled_when_set; /* Apple Internal is the other way round */
};
#define SIP_LINES_COUNT 10
extern const struct sip_line SIP_LINES[SIP_LINES_COUNT];

/** The bits that hold for that value of the variable: none before 10.11, which has all rights. */
uint32_t sip_bits(const struct release *r, uint32_t csr);

#endif
