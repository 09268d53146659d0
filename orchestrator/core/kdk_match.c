#include "orchestrator/core/kdk_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/kernel_version.h"

#define BETA_NUMBERS 5000

static bool known(const char *text)
{
	return text && text[0];
}

static bool same(const char *a, const char *b)
{
	return known(a) && known(b) && strcmp(a, b) == 0;
}

/* Digits, at most 6 of them. */
static bool number(const char **p, unsigned *ret)
{
	size_t digits = 0;

	*ret = 0;
	for (; **p >= '0' && **p <= '9' && digits < 6; (*p)++, digits++)
		*ret = *ret * 10 + (unsigned)(**p - '0');
	return digits > 0;
}

bool kdk_build_parse(const char *text, struct kdk_build *ret)
{
	memset(ret, 0, sizeof *ret);
	if (!text || !number(&text, &ret->major) || *text < 'A' || *text > 'Z')
		return false;
	ret->letter = *text++;
	if (!number(&text, &ret->number))
		return false;
	if (*text >= 'a' && *text <= 'z')
		ret->suffix = *text++;
	return *text == '\0';
}

static bool is_beta(const struct kdk_build *b)
{
	return b->suffix != 0 && b->number >= BETA_NUMBERS;
}

static int order(unsigned a, unsigned b)
{
	return a < b ? -1 : a > b;
}

int kdk_build_compare(const struct kdk_build *a, const struct kdk_build *b)
{
	int by = order(a->major, b->major);

	if (by == 0)
		by = order((unsigned char)a->letter, (unsigned char)b->letter);
	if (by == 0)
		by = order(!is_beta(a), !is_beta(b));
	if (by == 0)
		by = order(a->number, b->number);
	return by ? by : order((unsigned char)a->suffix, (unsigned char)b->suffix);
}

static bool has_uuid(const struct kdk_candidate_kernel *k, const char *uuid)
{
	for (size_t i = 0; i < k->uuid_count; i++)
		if (same(k->uuids[i], uuid))
			return true;
	return false;
}

static bool version_fits(const struct kdk_wanted *w, const struct kdk_candidate_kernel *k)
{
	struct kernel_version v;

	if (known(w->version))
		return same(w->version, k->version);
	return known(w->xnu) && known(k->version) &&
	       kernel_version_parse(k->version, strlen(k->version), &v) && same(w->xnu, v.xnu);
}

/* The wanted kernel in the kit. A text that fits does not help against a UUID that does not. */
static size_t find_kernel(const struct kdk_wanted *w, const struct kdk_candidate *c, bool *by_uuid)
{
	*by_uuid = false;
	for (size_t i = 0; i < c->kernel_count; i++) {
		*by_uuid = has_uuid(&c->kernels[i], w->kernel_uuid);
		if (*by_uuid)
			return i;
	}
	for (size_t i = 0; i < c->kernel_count; i++)
		if (version_fits(w, &c->kernels[i]) &&
			(!known(w->kernel_uuid) || c->kernels[i].uuid_count == 0))
			return i;
	return KDK_NO_KERNEL;
}

static bool knows_uuids(const struct kdk_candidate *c)
{
	for (size_t i = 0; i < c->kernel_count; i++)
		if (c->kernels[i].uuid_count > 0)
			return true;
	return false;
}

/* Another build: is it a lower one of the same version? */
static void judge_build(
	const struct kdk_wanted *w, const struct kdk_candidate *c, bool accept, struct kdk_verdict *v)
{
	struct kdk_build want, have;

	if (!known(c->build)) {
		snprintf(v->why, sizeof v->why, "it names no build, and none of its kernels is the same");
		return;
	}
	if (!kdk_build_parse(w->build, &want) || !kdk_build_parse(c->build, &have)) {
		snprintf(v->why, sizeof v->why, "build %s; none of its kernels is the same", c->build);
		return;
	}
	bool version = want.major == have.major && want.letter == have.letter;
	bool lower = kdk_build_compare(&have, &want) < 0;
	if (version && lower && accept)
		v->fit = KDK_FIT_NEAREST;
	snprintf(v->why, sizeof v->why, "%s%s build, %s, for %s%s", !version ? "another version's" : "",
		!version ? ""
		: lower  ? "a lower"
			 : "a later",
		c->build, w->build, version && lower && !accept ? ": taken only with --accept-mismatch" : "");
}

static void judge(
	const struct kdk_wanted *w, const struct kdk_candidate *c, bool accept, struct kdk_verdict *v)
{
	bool by_uuid;

	memset(v, 0, sizeof *v);
	v->kernel = find_kernel(w, c, &by_uuid);
	v->other_kernels = known(w->kernel_uuid) && !by_uuid && knows_uuids(c);
	const char *name = v->kernel == KDK_NO_KERNEL ? "" : c->kernels[v->kernel].name;
	if (same(w->build, c->build)) {
		v->fit = KDK_FIT_BUILD;
		snprintf(v->why, sizeof v->why, "the same build, %s%s%s%s", c->build,
			v->kernel == KDK_NO_KERNEL ? "" : ", and the same kernel: ", name,
			v->other_kernels ? ", but none of its kernels has the UUID" : "");
		return;
	}
	if (v->kernel == KDK_NO_KERNEL) {
		judge_build(w, c, accept, v);
		return;
	}
	v->fit = KDK_FIT_KERNEL;
	snprintf(v->why, sizeof v->why, "the same kernel by its %s: %s%s%s",
		by_uuid             ? "UUID"
		: known(w->version) ? "version text"
				    : "xnu version",
		name, known(c->build) ? ", of build " : "", known(c->build) ? c->build : "");
}

static bool better(const struct kdk_candidate *a, const struct kdk_verdict *va, const struct kdk_candidate *b,
	const struct kdk_verdict *vb)
{
	struct kdk_build x, y;

	if (va->fit != vb->fit)
		return va->fit > vb->fit;
	if (va->other_kernels != vb->other_kernels)
		return !va->other_kernels;
	if (va->fit == KDK_FIT_NEAREST && kdk_build_parse(a->build, &x) && kdk_build_parse(b->build, &y) &&
		kdk_build_compare(&x, &y) != 0)
		return kdk_build_compare(&x, &y) > 0;
	return a->installed && !b->installed;
}

size_t kdk_match(const struct kdk_wanted *wanted, const struct kdk_candidate *candidates, size_t count,
	bool accept_mismatch, struct kdk_verdict *verdicts)
{
	size_t best = count;

	for (size_t i = 0; i < count; i++) {
		judge(wanted, &candidates[i], accept_mismatch, &verdicts[i]);
		if (verdicts[i].fit == KDK_FIT_NONE)
			continue;
		if (best == count || better(&candidates[i], &verdicts[i], &candidates[best], &verdicts[best]))
			best = i;
	}
	return best;
}

const char *kdk_fit_name(enum kdk_fit fit)
{
	static const char *const names[] = {"none", "nearest", "kernel", "build"};
	return names[fit];
}
