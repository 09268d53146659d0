/*
 * The ways to work whole blocks of 64 bytes into a SHA-256 state: in plain C, and by
 * the processor's own instructions, which are five times as fast. Only for sha256*.c
 * and their test.
 */
#ifndef PL_BASE_SHA256_WAYS_H
#define PL_BASE_SHA256_WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sha256_way {
	const char *name;
	bool (*works)(void); /* on this processor; NULL: on every one */
	void (*add)(uint32_t state[8], const uint8_t *blocks, size_t count);
};

/** Every way that this build has, the fastest first, then NULL. */
const struct sha256_way *const *sha256_ways(void);

/** The first of them that works here. */
const struct sha256_way *sha256_best(void);

/* FIPS 180-4, 4.2.2: from the cube roots of the first 64 primes. */
extern const uint32_t sha256_k[64];

#if defined(__x86_64__)
#define SHA256_HAVE_X86
extern const struct sha256_way sha256_x86;
#endif

/* clang's header has the instructions only when the whole build is for such a processor: all Macs are. */
#if defined(__aarch64__) && defined(__ARM_NEON) && (defined(__ARM_FEATURE_SHA2) || !defined(__clang__))
#define SHA256_HAVE_ARM
extern const struct sha256_way sha256_arm;
#endif

#endif
