/*
 * Looking for the kit of a kernel: in folders, and in the public list when there is its file.
 *
 *   kdk_search_init -> kdk_search_folder / kdk_search_manifest ... -> kdk_search_match
 *
 * What cannot be opened (a kit, a folder in a folder) is not an error: it is noted.
 */
#ifndef CORE_KDK_SEARCH_H
#define CORE_KDK_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/kdk.h"
#include "orchestrator/core/kdk_manifest.h"
#include "orchestrator/core/kdk_match.h"

/* Where Apple's installer puts kits, and where an older kit's image is attached. */
#define KDK_DEFAULT_PLACES "/Library/Developer/KDKs:/Volumes/KernelDebugKit"

#define KDK_SEARCH_KITS_MAX 256
#define KDK_SEARCH_MANIFESTS_MAX 16

/* What a candidate is: a kit on disk, or an entry of a list. */
struct kdk_found {
	const struct kdk *kit;                   /* or NULL */
	const struct kdk_manifest_entry *listed; /* or NULL */
};

struct kdk_search {
	struct kdk_wanted wanted; /* texts stay the caller's */
	struct kdk kits[KDK_SEARCH_KITS_MAX];
	size_t kit_count;
	struct kdk_manifest manifests[KDK_SEARCH_MANIFESTS_MAX];
	size_t manifest_count;
	struct pl_buf notes; /* lines for people: what was not looked at, and why */

	/* After kdk_search_match(): all of one index belong together. */
	struct kdk_candidate *candidates;
	struct kdk_verdict *verdicts;
	struct kdk_found *found;
	size_t count;
};

/** Large: on the heap. NULL without memory; freed by kdk_search_free(). */
struct kdk_search *kdk_search_new(const struct kdk_wanted *wanted);
void kdk_search_free(struct kdk_search *s);

/**
 * The kit that dir is, or every kit in it. A dir that cannot be listed is PL_ERR_LAB. Kernels'
 * version texts are read only where they can decide.
 */
struct pl_error *kdk_search_folder(
	struct kdk_search *s, const char *dir, const struct pl_wait *w) PL_MUST_USE;

/** The same, but a dir that cannot be listed is noted. */
struct pl_error *kdk_search_try(struct kdk_search *s, const char *dir, const struct pl_wait *w) PL_MUST_USE;

/** Every folder of a list "DIR:DIR"; those that are not there are passed over. */
struct pl_error *kdk_search_places(
	struct kdk_search *s, const char *places, const struct pl_wait *w) PL_MUST_USE;

/** $PANICLAB_KDKS, else KDK_DEFAULT_PLACES. */
const char *kdk_places(void);

struct pl_error *kdk_search_manifest(struct kdk_search *s, const char *path) PL_MUST_USE;

/** Judges all, once. *best is an index, s->count when nothing fits. */
struct pl_error *kdk_search_match(struct kdk_search *s, bool accept_mismatch, size_t *best) PL_MUST_USE;

#endif
