/* SHA-256 (FIPS 180-4) of bytes that come piece by piece. */
#ifndef PL_BASE_SHA256_H
#define PL_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX 65 /* with its NUL */

struct sha256_way;

struct sha256 {
	const struct sha256_way *way;
	uint32_t state[8];
	uint64_t size;
	uint8_t block[64];
};

/** Takes the fastest way that this processor has; sha256_ways.h. */
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t size);

/** The digest as bytes; s is used up. */
void sha256_digest(struct sha256 *s, uint8_t out[static 32]);

/** The digest in lower-case hexadecimal; s is used up. */
void sha256_end(struct sha256 *s, char hex[static SHA256_HEX]);

#endif
