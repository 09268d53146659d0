#include "tests/simlab/simlab/sip_words.h"

static const struct sip_words WORDS[] = {
	{1011, 0x77, 0x9ff, "enabled (Custom Configuration)", 6,
		"csrutil: failed to modify system integrity configuration. This tool needs to be executed "
		"from the Recovery OS.",
		"general error"},
	{1013, 0x77, 0x9ff, "enabled (Custom Configuration)", 7,
		"csrutil: failed to modify system integrity configuration. This tool needs to be executed "
		"from the Recovery OS.",
		"general error"},
	/* Of the builds that refuse without a word this is the lab's. */
	{1014, 0x77, 0x9ff, "enabled (Custom Configuration)", 7,
		"csrutil: failed to modify system integrity configuration. This tool needs to be executed "
		"from the Recovery OS.",
		NULL},
	{1015, 0x77, 0x9ff, "unknown (Custom Configuration)", 7,
		"csrutil: failed to modify system integrity configuration. This tool needs to be executed "
		"from the Recovery OS.",
		"not permitted"},
	{9999, 0x7f, 0x17f, "unknown (Custom Configuration)", 10,
		"csrutil: This tool needs to be executed from Recovery OS.", "not permitted"},
};

const struct sip_line SIP_LINES[SIP_LINES_COUNT] = {
	{"Apple Internal", CSR_APPLE_INTERNAL, 1},
	{"Kext Signing", CSR_KEXTS, 0},
	{"Filesystem Protections", CSR_FS, 0},
	{"Debugging Restrictions", CSR_TASK_FOR_PID, 0},
	{"DTrace Restrictions", CSR_DTRACE, 0},
	{"NVRAM Protections", CSR_NVRAM, 0},
	{"BaseSystem Verification", CSR_ANY_RECOVERY, 0},
	{"Boot-arg Restrictions", CSR_NVRAM, 0},
	{"Kernel Integrity Protections", CSR_KERNEL_DEBUGGER, 0},
	{"Authenticated Root Requirement", CSR_UNAUTHENTICATED_ROOT, 0},
};

const struct sip_words *sip_words_of(const struct release *r)
{
	size_t i = 0;
	if (r->number < 1011)
		return NULL;
	while (WORDS[i].until < r->number)
		i++;
	return &WORDS[i];
}

uint32_t sip_bits(const struct release *r, uint32_t csr)
{
	return r->number < 1011 ? UINT32_MAX : csr;
}
