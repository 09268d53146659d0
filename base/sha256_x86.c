/* SHA-256 by x86's SHA extensions (Intel SDM volume 2: SHA256RNDS2, SHA256MSG1, SHA256MSG2). */
#include "base/sha256_ways.h"

#ifdef SHA256_HAVE_X86

#include <cpuid.h>
#include <immintrin.h>

#define SSSE3 (1U << 9)   /* leaf 1, ecx */
#define SSE41 (1U << 19)  /* leaf 1, ecx */
#define SHA_NI (1U << 29) /* leaf 7, ebx */

static bool works(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & SSSE3) || !(c & SSE41))
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & SHA_NI;
}

/* The words of the message are big-endian: this shuffle swaps each. */
#define SWAP _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203)

/* The instructions want the state as (f e b a) and (h g d c), lowest word first. */
__attribute__((target("sha,sse4.1,ssse3"))) static void add(
	uint32_t state[8], const uint8_t *blocks, size_t count)
{
	__m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	__m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
	__m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
	__m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);

	for (; count > 0; count--, blocks += 64) {
		__m128i before_abef = abef, before_cdgh = cdgh, w[4];
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++) { /* four rounds each */
			__m128i *now = &w[i % 4];
			if (i < 4) {
				*now = _mm_shuffle_epi8(
					_mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * i)),
					SWAP);
			} else {
				__m128i seven = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
				*now = _mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) % 4]), seven);
				*now = _mm_sha256msg2_epu32(*now, w[(i + 3) % 4]);
			}
			__m128i k = _mm_loadu_si128((const __m128i *)(const void *)(sha256_k + 4 * i));
			__m128i wk = _mm_add_epi32(*now, k);
			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
		}
		abef = _mm_add_epi32(abef, before_abef);
		cdgh = _mm_add_epi32(cdgh, before_cdgh);
	}
	__m128i feba = _mm_shuffle_epi32(abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

const struct sha256_way sha256_x86 = {.name = "x86 SHA extensions", .works = works, .add = add};

#endif
