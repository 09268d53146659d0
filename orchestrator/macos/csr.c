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
