#include "orchestrator/core/kdk_search.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/core/folder.h"

#define NOTES_MAX 65536

struct kdk_search *kdk_search_new(const struct kdk_wanted *wanted)
{
	struct kdk_search *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->wanted = *wanted;
	pl_buf_init(&s->notes, NOTES_MAX);
	return s;
}

static void free_candidates(struct kdk_search *s)
{
	for (size_t i = 0; s->candidates && i < s->count; i++)
		if (s->found[i].kit)
			free(s->candidates[i].kernels);
	free(s->candidates);
	free(s->verdicts);
	free(s->found);
	s->candidates = NULL;
	s->verdicts = NULL;
	s->found = NULL;
	s->count = 0;
}

void kdk_search_free(struct kdk_search *s)
{
	if (!s)
		return;
	free_candidates(s);
	for (size_t i = 0; i < s->kit_count; i++)
		kdk_close(&s->kits[i]);
	for (size_t i = 0; i < s->manifest_count; i++)
		kdk_manifest_deinit(&s->manifests[i]);
	pl_buf_deinit(&s->notes);
	free(s);
}

/* Takes the error; only running out of memory is passed on. More notes than fit are dropped. */
static struct pl_error *note(struct kdk_search *s, struct pl_error *e)
{
	char line[512];

	if (!e || pl_error_kind(e) == PL_ERR_NOMEM || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	pl_error_line(e, line, sizeof line);
	if (pl_buf_append_capped(&s->notes, line, strlen(line)))
		pl_buf_append_capped(&s->notes, "\n", 1);
	pl_error_free(e);
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a && a[0] && strcmp(a, b) == 0;
}

/* Reading the texts means reading whole kernels: not where build or UUID decide. */
static bool needs_versions(const struct kdk_wanted *w, const struct kdk *k)
{
	bool asked = (w->version && w->version[0]) || (w->xnu && w->xnu[0]);
	return asked && !same(w->build, k->build) &&
	       !kdk_kernel_by_uuid(k, w->kernel_uuid ? w->kernel_uuid : "");
}

static struct pl_error *add_kit(struct kdk_search *s, const char *dir, const struct pl_wait *w)
{
	if (s->kit_count == KDK_SEARCH_KITS_MAX)
		return note(
			s, pl_error_at(pl_error_new(PL_ERR_LAB, "too many kits: not looked at"), "%s", dir));
	struct kdk *k = &s->kits[s->kit_count];
	struct pl_error *e = kdk_open(dir, k);
	if (e)
		return note(s, e);
	for (size_t i = 0; i < s->kit_count; i++)
		if (strcmp(s->kits[i].real, k->real) == 0) {
			kdk_close(k);
			return NULL;
		}
	s->kit_count++;
	if (k->damage[0])
		e = note(s, pl_error_at(pl_error_new(PL_ERR_DATA, "%s", k->damage), "%s", dir));
	if (!e && needs_versions(&s->wanted, k))
		e = kdk_read_versions(k, w);
	return e;
}

struct pl_error *kdk_search_folder(struct kdk_search *s, const char *dir, const struct pl_wait *w)
{
	struct folder f;

	if (kdk_is(dir))
		return add_kit(s, dir, w);
	struct pl_error *e = folder_list(dir, KDK_NAMES_MAX, &f);
	if (e)
		return e;
	for (size_t i = 0; !e && i < f.count; i++) {
		char *path = NULL;
		e = pl_asprintf(&path, "%s/%s", dir, f.names[i]);
		if (!e && kdk_is(path))
			e = add_kit(s, path, w);
		else if (!e && pl_ends_with(path, ".kdk"))
			e = note(s, pl_error_at(pl_error_new(PL_ERR_DATA, "it has no kernels"), "%s", path));
		free(path);
		if (!e)
			e = pl_wait_check(w);
	}
	folder_deinit(&f);
	return e;
}

struct pl_error *kdk_search_try(struct kdk_search *s, const char *dir, const struct pl_wait *w)
{
	return note(s, kdk_search_folder(s, dir, w));
}

struct pl_error *kdk_search_places(struct kdk_search *s, const char *places, const struct pl_wait *w)
{
	struct pl_error *e = NULL;

	while (!e && *places) {
		size_t len = strcspn(places, ":");
		char *dir = NULL;
		e = pl_asprintf(&dir, "%.*s", (int)len, places);
		if (!e && folder_is(dir))
			e = kdk_search_try(s, dir, w);
		free(dir);
		places += len + (places[len] == ':');
	}
	return e;
}

const char *kdk_places(void)
{
	const char *places = getenv("PANICLAB_KDKS");
	return places && places[0] ? places : KDK_DEFAULT_PLACES;
}

struct pl_error *kdk_search_manifest(struct kdk_search *s, const char *path)
{
	if (s->manifest_count == KDK_SEARCH_MANIFESTS_MAX)
		return pl_error_new(PL_ERR_USAGE, "more than %d lists of kits", KDK_SEARCH_MANIFESTS_MAX);
	struct pl_error *e = kdk_manifest_read(path, &s->manifests[s->manifest_count]);
	if (!e)
		s->manifest_count++;
	return e;
}

static struct pl_error *collect(struct kdk_search *s)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; !e && i < s->kit_count; i++) {
		e = kdk_candidate_of(&s->kits[i], &s->candidates[s->count]);
		if (!e)
			s->found[s->count++].kit = &s->kits[i];
	}
	for (size_t m = 0; !e && m < s->manifest_count; m++)
		for (size_t i = 0; i < s->manifests[m].count; i++) {
			const struct kdk_manifest_entry *n = &s->manifests[m].entries[i];
			s->candidates[s->count] = (struct kdk_candidate){
				.build = n->build, .kernels = n->kernels, .kernel_count = n->kernel_count};
			s->found[s->count++].listed = n;
		}
	return e;
}

struct pl_error *kdk_search_match(struct kdk_search *s, bool accept_mismatch, size_t *best)
{
	size_t room = s->kit_count + 1;

	for (size_t m = 0; m < s->manifest_count; m++)
		room += s->manifests[m].count;
	free_candidates(s);
	s->candidates = calloc(room, sizeof *s->candidates);
	s->verdicts = calloc(room, sizeof *s->verdicts);
	s->found = calloc(room, sizeof *s->found);
	struct pl_error *e = s->candidates && s->verdicts && s->found ? collect(s) : pl_error_nomem();
	*best = e ? 0 : kdk_match(&s->wanted, s->candidates, s->count, accept_mismatch, s->verdicts);
	return e;
}
