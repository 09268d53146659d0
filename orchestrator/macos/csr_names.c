#include "orchestrator/macos/csr_names.h"

#include <inttypes.h>
#include <stdio.h>

#include "orchestrator/macos/csr.h"

const char *csr_text(uint32_t value, char out[static CSR_TEXT])
{
	uint32_t left = value;
	size_t at = 0;

	for (uint32_t bit = 1; bit; bit <<= 1) {
		const char *name = value & bit ? csr_bit_name(bit) : NULL;
		if (!name)
			continue;
		at += (size_t)snprintf(out + at, CSR_TEXT - at, "%s%s", at ? ", " : "", name);
		left &= ~bit;
	}
	if (left)
		at += (size_t)snprintf(out + at, CSR_TEXT - at, "%s0x%" PRIx32, at ? ", " : "", left);
	if (!at)
		snprintf(out, CSR_TEXT, "nothing");
	return out;
}
