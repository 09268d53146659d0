/* SHA-256 by ARMv8's instructions (Arm ARM: SHA256H, SHA256H2, SHA256SU0, SHA256SU1). */
#include "base/sha256_ways.h"

#ifdef SHA256_HAVE_ARM

#ifndef __clang__
#pragma GCC target("+crypto")
#endif
#include <arm_neon.h>
#ifdef __linux__
#include <sys/auxv.h>
#endif

#define SHA2 (1UL << 6) /* HWCAP_SHA2 of <asm/hwcap.h> */

static bool works(void)
{
#ifdef __linux__
	return getauxval(AT_HWCAP) & SHA2;
#else
	return true; /* every Apple processor has them */
#endif
}

static void add(uint32_t state[8], const uint8_t *blocks, size_t count)
{
	uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);

	for (; count > 0; count--, blocks += 64) {
		uint32x4_t before_abcd = abcd, before_efgh = efgh, w[4];
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++) { /* four rounds each */
			uint32x4_t *now = &w[i % 4];
			if (i < 4)
				*now = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(blocks + 16 * i)));
			else
				*now = vsha256su1q_u32(vsha256su0q_u32(*now, w[(i + 1) % 4]), w[(i + 2) % 4],
					w[(i + 3) % 4]);
			uint32x4_t wk = vaddq_u32(*now, vld1q_u32(sha256_k + 4 * i));
			uint32x4_t old = abcd;
			abcd = vsha256hq_u32(abcd, efgh, wk);
			efgh = vsha256h2q_u32(efgh, old, wk);
		}
		abcd = vaddq_u32(abcd, before_abcd);
		efgh = vaddq_u32(efgh, before_efgh);
	}
	vst1q_u32(state, abcd);
	vst1q_u32(state + 4, efgh);
}

const struct sha256_way sha256_arm = {.name = "ARMv8 SHA-2 instructions", .works = works, .add = add};

#endif
