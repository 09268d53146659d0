#include "orchestrator/macos/csr.h"

/* csrutil's values: `csrutil disable` and `enable` of that release and later. */
struct csr_change {
	unsigned major, minor;
	uint32_t on_clears, on_sets;
	uint32_t off_clears, off_sets;
};

/* Newest first. */
static const struct csr_change changes[] = {
	{11, 0, 0x86f, 0x10, 0, 0x7f},
	{10, 14, ~(uint32_t)0x600, 0x10, ~(uint32_t)0x600, 0x77},
	{10, 13, ~(uint32_t)0x200, 0x10, ~(uint32_t)0x200, 0x77},
	{10, 11, ~(uint32_t)0, 0x10, ~(uint32_t)0, 0x77},
};

static struct pl_error *find(const struct macos_version *macos, const struct csr_change **ret)
{
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		*ret = &changes[i];
		if (macos_version_at_least(macos, changes[i].major, changes[i].minor, 0))
			return NULL;
	}
	char text[MACOS_VERSION_TEXT];
	return pl_error_new(PL_ERR_USAGE, "macOS %s has no System Integrity Protection: it came with 10.11",
		macos_version_text(macos, text));
}

bool csr_exists(const struct macos_version *macos)
{
	return macos_version_at_least(macos, 10, 11, 0);
}

struct pl_error *csr_enable(const struct macos_version *macos, uint32_t present, uint32_t *ret)
{
	const struct csr_change *c;
	struct pl_error *e = find(macos, &c);
	if (e == NULL)
		*ret = (present & ~c->on_clears) | c->on_sets;
	return e;
}

struct pl_error *csr_disable(const struct macos_version *macos, uint32_t present, uint32_t *ret)
{
	const struct csr_change *c;
	struct pl_error *e = find(macos, &c);
	if (e == NULL)
		*ret = (present & ~c->off_clears) | c->off_sets;
	return e;
}

struct bit {
	uint32_t bit;
	unsigned major, minor; /* the first release that has it */
	const char *name;
};

static const struct bit bits[] = {
	{CSR_UNTRUSTED_KEXTS, 10, 11, "kexts"},
	{CSR_UNRESTRICTED_FS, 10, 11, "filesystem"},
	{CSR_TASK_FOR_PID, 10, 11, "task_for_pid"},
	{CSR_KERNEL_DEBUGGER, 10, 11, "kernel debugger"},
	{CSR_APPLE_INTERNAL, 10, 11, "Apple internal"},
	{CSR_UNRESTRICTED_DTRACE, 10, 11, "dtrace"},
	{CSR_UNRESTRICTED_NVRAM, 10, 11, "nvram"},
	{CSR_DEVICE_CONFIGURATION, 10, 11, "device configuration"},
	{CSR_ANY_RECOVERY_OS, 10, 12, "any recovery OS"},
	{CSR_UNAPPROVED_KEXTS, 10, 13, "unapproved kexts"},
	{CSR_EXECUTABLE_POLICY_OVERRIDE, 10, 14, "executable policy override"},
	{CSR_UNAUTHENTICATED_ROOT, 11, 0, "unauthenticated root"},
	{CSR_RESEARCH_GUESTS, 12, 0, "research guests"},
};

static const struct bit *find_bit(uint32_t bit)
{
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		if (bits[i].bit == bit)
			return &bits[i];
	return NULL;
}

const char *csr_bit_name(uint32_t bit)
{
	const struct bit *b = find_bit(bit);
	return b == NULL ? NULL : b->name;
}

bool csr_bit_exists(const struct macos_version *macos, uint32_t bit)
{
	const struct bit *b = find_bit(bit);
	return b != NULL && macos_version_at_least(macos, b->major, b->minor, 0);
}

bool csr_allows_kernel_debugger(uint32_t value)
{
	return (value & (CSR_UNTRUSTED_KEXTS | CSR_KERNEL_DEBUGGER | CSR_APPLE_INTERNAL)) != 0;
}

/* In the order of the bits. */
static const struct {
	unsigned use; /* any of these */
	struct csr_need need;
} wants[] = {
	{CSR_USE_KEXT,
		{CSR_UNTRUSTED_KEXTS, "a kext without Apple's leave does not load while kexts are checked"}},
	{CSR_USE_INSTALL_KERNEL,
		{CSR_UNRESTRICTED_FS, "the system's folders take no other kernel while they are protected"}},
	{CSR_USE_DUMP, {CSR_KERNEL_DEBUGGER, "the kernel does not dump while its debugger is kept off"}},
	{CSR_USE_DTRACE,
		{CSR_UNRESTRICTED_DTRACE,
			"dtrace's panic() does nothing, without a word, while dtrace is restricted"}},
	{CSR_USE_BOOT_ARGS,
		{CSR_UNRESTRICTED_NVRAM,
			"nvram takes no boot-args while it is protected, and newer booters drop some"}},
	{CSR_USE_KEXT, {CSR_UNAPPROVED_KEXTS, "a kext waits for somebody to click while it needs approval"}},
	{CSR_USE_INSTALL_KERNEL,
		{CSR_UNAUTHENTICATED_ROOT,
			"a system volume without Apple's seal does not boot while the seal is asked for"}},
};

size_t csr_needs(const struct macos_version *macos, unsigned uses, struct csr_need ret[static CSR_NEEDS_MAX])
{
	const struct macos_version newest = {UINT16_MAX, 0, 0};
	const struct macos_version *v = macos_version_known(macos) ? macos : &newest;
	uint32_t sum = 0;
	size_t count = 0;
	for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
		const struct csr_need *n = &wants[i].need;
		if ((uses & wants[i].use) == 0 || !csr_bit_exists(v, n->bit))
			continue;
		/* Unsigned kexts let the debugger in as well. */
		if (n->bit == CSR_KERNEL_DEBUGGER && csr_allows_kernel_debugger(sum))
			continue;
		sum |= n->bit;
		ret[count++] = *n;
	}
	return count;
}

uint32_t csr_lacks(const struct csr_need *needs, size_t count, uint32_t present)
{
	uint32_t lacks = 0;
	for (size_t i = 0; i < count; i++)
		if (needs[i].bit != CSR_KERNEL_DEBUGGER || !csr_allows_kernel_debugger(present))
			lacks |= needs[i].bit & ~present;
	return lacks;
}
