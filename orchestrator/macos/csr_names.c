#include "orchestrator/macos/csr_names.h"

#include <inttypes.h>
#include <stdio.h>

#include "orchestrator/macos/csr.h"

const struct csr_name csr_names[] = {
	{CSR_UNTRUSTED_KEXTS, "untrusted-kexts"},
	{CSR_UNRESTRICTED_FS, "unrestricted-fs"},
	{CSR_TASK_FOR_PID, "task-for-pid"},
	{CSR_KERNEL_DEBUGGER, "kernel-debugger"},
	{CSR_APPLE_INTERNAL, "apple-internal"},
	{CSR_UNRESTRICTED_DTRACE, "unrestricted-dtrace"},
	{CSR_UNRESTRICTED_NVRAM, "unrestricted-nvram"},
	{CSR_DEVICE_CONFIGURATION, "device-configuration"},
	{CSR_ANY_RECOVERY_OS, "any-recovery-os"},
	{CSR_UNAPPROVED_KEXTS, "unapproved-kexts"},
	{CSR_EXECUTABLE_POLICY_OVERRIDE, "executable-policy-override"},
	{CSR_UNAUTHENTICATED_ROOT, "unauthenticated-root"},
	{CSR_RESEARCH_GUESTS, "research-guests"},
	{0, NULL},
};

const char *csr_text(uint32_t value, char out[static CSR_TEXT])
{
	uint32_t left = value;
	size_t at = 0;

	for (const struct csr_name *n = csr_names; n->bit; n++)
		if (value & n->bit) {
			at += (size_t)snprintf(out + at, CSR_TEXT - at, "%s%s", at ? ", " : "", n->name);
			left &= ~n->bit;
		}
	if (left)
		at += (size_t)snprintf(out + at, CSR_TEXT - at, "%s0x%" PRIx32, at ? ", " : "", left);
	if (!at)
		snprintf(out, CSR_TEXT, "nothing");
	return out;
}
