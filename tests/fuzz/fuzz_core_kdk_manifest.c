/* Any bytes as the public list of kits; and the rules of matching over what is in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/kdk_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void check_entry(const struct kdk_manifest_entry *n)
{
	need(n->build[0] && n->version && n->name && n->date && n->sha256 && n->md5);
	need(n->url[0] == '\0' || strncmp(n->url, "http", 4) == 0);
	need(n->kernel_count <= KDK_MANIFEST_KERNELS_MAX);
	for (size_t i = 0; i < n->kernel_count; i++)
		need(n->kernels[i].name && n->kernels[i].version && n->kernels[i].uuid_count == 0);
}

/* Whatever is wanted: a kit of that build is the best, and without a mismatch accepted none is only near. */
static void check_match(const struct kdk_manifest *m)
{
	struct kdk_candidate *c = calloc(m->count + 1, sizeof *c);
	struct kdk_verdict *v = calloc(m->count + 1, sizeof *v);
	need(c && v);
	for (size_t i = 0; i < m->count; i++)
		c[i] = (struct kdk_candidate){.build = m->entries[i].build,
			.kernels = m->entries[i].kernels,
			.kernel_count = m->entries[i].kernel_count};
	for (size_t i = 0; i < m->count && i < 8; i++) {
		struct kdk_wanted w = {.build = c[i].build, .xnu = "11215.41.3~2"};
		size_t best = kdk_match(&w, c, m->count, i % 2, v);
		need(best < m->count && v[best].fit == KDK_FIT_BUILD && strcmp(c[best].build, w.build) == 0);
	}
	struct kdk_wanted other = {.build = "24B83", .kernel_uuid = "x"};
	size_t best = kdk_match(&other, c, m->count, false, v);
	need(best == m->count || v[best].fit > KDK_FIT_NEAREST);
	best = kdk_match(&other, c, m->count, true, v);
	for (size_t i = 0; i < m->count; i++)
		need(v[i].fit == KDK_FIT_NONE || (best < m->count && v[best].fit >= v[i].fit));
	free(c);
	free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kdk_manifest m;
	struct pl_error *e = kdk_manifest_parse((const char *)data, size, "list", &m);

	if (e) {
		need(pl_error_kind(e) == PL_ERR_DATA);
		pl_error_free(e);
		return 0;
	}
	for (size_t i = 0; i < m.count; i++)
		check_entry(&m.entries[i]);
	check_match(&m);
	kdk_manifest_deinit(&m);
	return 0;
}
