#include "base/sha256.h"

#include <string.h>

#include "base/sha256_ways.h"

const uint32_t sha256_k[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
	0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb,
	0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
	0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb,
	0xbef9a3f7, 0xc67178f2};

static uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/*
 * One round (6.2.2) on the variables a to h. Instead of moving each to the next, the
 * caller names them one further in the next round, so only d and h change.
 */
static inline void turn(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f, uint32_t g,
	uint32_t *h, uint32_t kw)
{
	uint32_t t1 = *h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & f) ^ (~e & g)) + kw;
	uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
	*d += t1;
	*h = t1 + t2;
}

static void add_block(uint32_t state[8], const uint8_t *p)
{
	uint32_t w[64], v[8];

	for (unsigned t = 0; t < 16; t++)
		w[t] = be32(p + 4 * t);
	for (unsigned t = 16; t < 64; t++) {
		uint32_t x = w[t - 15], y = w[t - 2];
		w[t] = (ror(y, 17) ^ ror(y, 19) ^ y >> 10) + w[t - 7] + (ror(x, 7) ^ ror(x, 18) ^ x >> 3) +
		       w[t - 16];
	}
	memcpy(v, state, sizeof v);
	for (unsigned t = 0; t < 64; t += 8) {
		turn(v[0], v[1], v[2], &v[3], v[4], v[5], v[6], &v[7], sha256_k[t] + w[t]);
		turn(v[7], v[0], v[1], &v[2], v[3], v[4], v[5], &v[6], sha256_k[t + 1] + w[t + 1]);
		turn(v[6], v[7], v[0], &v[1], v[2], v[3], v[4], &v[5], sha256_k[t + 2] + w[t + 2]);
		turn(v[5], v[6], v[7], &v[0], v[1], v[2], v[3], &v[4], sha256_k[t + 3] + w[t + 3]);
		turn(v[4], v[5], v[6], &v[7], v[0], v[1], v[2], &v[3], sha256_k[t + 4] + w[t + 4]);
		turn(v[3], v[4], v[5], &v[6], v[7], v[0], v[1], &v[2], sha256_k[t + 5] + w[t + 5]);
		turn(v[2], v[3], v[4], &v[5], v[6], v[7], v[0], &v[1], sha256_k[t + 6] + w[t + 6]);
		turn(v[1], v[2], v[3], &v[4], v[5], v[6], v[7], &v[0], sha256_k[t + 7] + w[t + 7]);
	}
	for (unsigned i = 0; i < 8; i++)
		state[i] += v[i];
}

static void add_blocks(uint32_t state[8], const uint8_t *blocks, size_t count)
{
	for (; count > 0; count--, blocks += 64)
		add_block(state, blocks);
}

const struct sha256_way *const *sha256_ways(void)
{
	static const struct sha256_way plain = {.name = "plain C", .add = add_blocks};
	static const struct sha256_way *const all[] = {
#ifdef SHA256_HAVE_X86
		&sha256_x86,
#endif
#ifdef SHA256_HAVE_ARM
		&sha256_arm,
#endif
		&plain,
		NULL,
	};
	return all;
}

const struct sha256_way *sha256_best(void)
{
	const struct sha256_way *const *way = sha256_ways();

	while ((*way)->works && !(*way)->works())
		way++;
	return *way;
}

void sha256_init(struct sha256 *s)
{
	/* 5.3.3: from the square roots of the first 8 primes. */
	*s = (struct sha256){.way = sha256_best(),
		.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
			0x5be0cd19}};
}

void sha256_add(struct sha256 *s, const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t have = (size_t)(s->size % 64);

	s->size += size;
	if (have > 0) {
		size_t n = size < 64 - have ? size : 64 - have;
		memcpy(s->block + have, p, n);
		if (have + n < 64)
			return;
		s->way->add(s->state, s->block, 1);
		p += n;
		size -= n;
	}
	s->way->add(s->state, p, size / 64);
	p += size / 64 * 64;
	size %= 64;
	if (size > 0)
		memcpy(s->block, p, size);
}

void sha256_digest(struct sha256 *s, uint8_t out[static 32])
{
	uint8_t tail[72] = {0x80};
	uint64_t bits = s->size * 8;
	size_t zeroes = (119 - (size_t)(s->size % 64)) % 64; /* so that the length ends a block */

	for (unsigned i = 0; i < 8; i++)
		tail[1 + zeroes + i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_add(s, tail, 1 + zeroes + 8);
	for (unsigned i = 0; i < 32; i++)
		out[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_end(struct sha256 *s, char hex[static SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[32];

	sha256_digest(s, digest);
	for (unsigned i = 0; i < 64; i++)
		hex[i] = digits[i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15];
	hex[64] = '\0';
}
