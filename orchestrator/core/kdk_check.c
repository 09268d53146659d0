#include "orchestrator/core/kdk_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/kdk_match.h"

struct check {
	json_t *doc;
	json_t *problems;
	uint64_t left_out;
	uint64_t code;  /* kexts that have an executable */
	uint64_t dsyms; /* of those, with a dSYM */
};

static struct pl_error *problem(struct check *c, const char *path, const char *fmt, ...) PL_PRINTF(3, 4);
static struct pl_error *problem(struct check *c, const char *path, const char *fmt, ...)
{
	char what[300];
	va_list ap;

	if (json_array_size(c->problems) >= KDK_PROBLEMS_MAX) {
		c->left_out++;
		return NULL;
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	json_t *o = json_object();
	int bad = core_json_set_text(o, "path", path) | core_json_set_text(o, "what", what);
	return inspect_check(json_array_append_new(c->problems, o) | bad);
}

/* Each architecture of the binary must be in its dSYM. */
static struct pl_error *check_dsym(struct check *c, const struct kdk_binary *b)
{
	struct macho_file *dsym = malloc(sizeof *dsym);
	struct pl_error *e;
	char brief[200];

	if (!dsym)
		return pl_error_nomem();
	struct pl_error *bad = macho_file_read(b->dsym, dsym);
	if (bad) {
		e = problem(
			c, b->dsym, "its dSYM cannot be used: %s", pl_error_brief(bad, brief, sizeof brief));
		pl_error_free(bad);
		free(dsym);
		return e;
	}
	e = NULL;
	for (size_t i = 0; !e && i < b->file.count; i++) {
		const struct macho_part *p = &b->file.parts[i];
		if (!p->uuid[0])
			e = problem(c, b->path, "it has no UUID (%s)", macho_arch(p->header.cpu_type));
		else if (!macho_file_uuid(dsym, p->uuid))
			e = problem(c, b->dsym, "a dSYM of another %s: %s is not in it",
				macho_arch(p->header.cpu_type), p->uuid);
	}
	free(dsym);
	return e;
}

static struct pl_error *check_kernel(struct check *c, const struct kdk_kernel *k)
{
	const struct kdk_binary *b = &k->binary;

	if (b->damage[0])
		return problem(c, b->path, "%s", b->damage);
	for (size_t i = 0; i < b->file.count; i++)
		if (b->file.parts[i].broken)
			return problem(c, b->path, "%s", b->file.parts[i].broken);
	if (!b->dsym)
		return problem(c, b->path, "no dSYM beside it");
	return check_dsym(c, b);
}

static json_t *arches(const struct macho_file *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->count; i++) {
		json_t *o = json_object();
		int bad = core_json_set_text(o, "arch", macho_arch(f->parts[i].header.cpu_type)) |
			  core_json_set_text(o, "uuid", f->parts[i].uuid);
		if (json_array_append_new(list, o) | bad) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static struct pl_error *describe_kernel(json_t *list, const struct kdk_kernel *k)
{
	json_t *o = json_object();
	int bad = core_json_set_text(o, "name", k->name) | core_json_set_text(o, "variant", k->variant) |
		  core_json_set_text(o, "path", k->binary.path) |
		  core_json_set_text(o, "dsym", k->binary.dsym) |
		  core_json_set_text(o, "version", k->version.text) |
		  json_object_set_new(o, "arches", arches(&k->binary.file));
	return inspect_check(json_array_append_new(list, o) | bad);
}

static struct pl_error *check_kernels(struct check *c, const struct kdk *k)
{
	json_t *list = json_array();
	struct pl_error *e = inspect_check(json_object_set_new(c->doc, "kernels", list));

	if (!e && k->kernel_count == 0)
		e = problem(c, k->path, "it has no kernel");
	for (size_t i = 0; !e && i < k->kernel_count; i++) {
		e = describe_kernel(list, &k->kernels[i]);
		if (!e)
			e = check_kernel(c, &k->kernels[i]);
	}
	return e;
}

static struct pl_error *check_kext(struct check *c, const struct kdk *k, const struct kdk_kext *x)
{
	struct kdk_binary b;
	char *path = NULL;

	if (x->damage[0])
		return problem(c, x->bundle, "%s", x->damage);
	if (!x->executable)
		return NULL;
	c->code++;
	struct pl_error *e = pl_strdup(x->executable, &path);
	if (!e)
		e = kdk_binary_open(k, path, x->bundle, &b);
	if (e)
		return e;
	c->dsyms += b.dsym != NULL;
	if (b.damage[0])
		e = problem(c, b.path, "%s", b.damage);
	else if (b.dsym)
		e = check_dsym(c, &b);
	kdk_binary_deinit(&b);
	return e;
}

static struct pl_error *check_kexts(struct check *c, struct kdk *k, const struct pl_wait *w)
{
	struct pl_error *e = kdk_read_kexts(k, w);

	for (size_t i = 0; !e && i < k->kext_count; i++) {
		e = check_kext(c, k, &k->kexts[i]);
		if (!e)
			e = pl_wait_check(w);
	}
	if (e)
		return e;
	json_t *o = json_object();
	int bad = core_json_set_count(o, "count", k->kext_count) | core_json_set_count(o, "code", c->code) |
		  core_json_set_count(o, "dsyms", c->dsyms);
	return inspect_check(json_object_set_new(c->doc, "kexts", o) | bad);
}

static int set_file(json_t *doc, const struct kdk_facts *f)
{
	json_t *o = json_object();
	int bad = core_json_set_text(o, "kind", f->kind) | core_json_set_text(o, "build", f->build) |
		  core_json_set_text(o, "kernel_uuid", f->uuid) |
		  core_json_set_text(o, "kernel_version", f->version.text);
	return json_object_set_new(doc, "file", o) | bad;
}

/* A build says less than a UUID: a kit of the same build without the kernel does not match. */
static struct pl_error *check_match(struct check *c, const struct kdk *k, const struct kdk_facts *facts)
{
	struct kdk_candidate candidate;
	struct kdk_verdict v;
	struct kdk_wanted wanted = kdk_facts_wanted(facts);

	struct pl_error *e = kdk_candidate_of(k, &candidate);
	if (e)
		return e;
	kdk_match(&wanted, &candidate, 1, false, &v);
	free(candidate.kernels);
	bool matches = v.fit >= KDK_FIT_KERNEL && !v.other_kernels;
	int bad = json_object_set_new(c->doc, "matches", json_boolean(matches));
	bad |= core_json_set_text(c->doc, "why", v.why) | set_file(c->doc, facts);
	if (v.kernel != KDK_NO_KERNEL)
		bad |= core_json_set_text(c->doc, "kernel", k->kernels[v.kernel].name);
	return inspect_check(bad);
}

static int begin(struct check *c, const struct kdk *k)
{
	c->doc = json_object();
	c->problems = json_array();
	return core_json_set_text(c->doc, "path", k->path) |
	       core_json_set_text(c->doc, "layout", k->layout == KDK_KIT ? "kit" : "volume") |
	       core_json_set_text(c->doc, "version", k->version) |
	       core_json_set_text(c->doc, "build", k->build) |
	       json_object_set_new(c->doc, "problems", c->problems);
}

struct pl_error *kdk_check(
	struct kdk *k, const struct kdk_facts *facts, const struct pl_wait *w, json_t **ret)
{
	struct check c = {0};
	struct pl_error *e = inspect_check(begin(&c, k));

	if (!e && k->layout == KDK_KIT && k->damage[0])
		e = problem(&c, k->path, "%s", k->damage);
	if (!e && k->cut)
		e = problem(&c, k->path, "it has more files than are looked at");
	if (!e)
		e = kdk_read_versions(k, w);
	if (!e)
		e = check_kernels(&c, k);
	if (!e)
		e = check_kexts(&c, k, w);
	if (!e && facts)
		e = check_match(&c, k, facts);
	bool whole = json_array_size(c.problems) == 0;
	if (!e)
		e = inspect_check(json_object_set_new(c.doc, "whole", json_boolean(whole)) |
				  core_json_set_count(c.doc, "problems_left_out", c.left_out));
	if (e)
		json_decref(c.doc);
	else
		*ret = c.doc;
	return e;
}

bool kdk_check_ok(const json_t *doc)
{
	return pl_json_bool_or(doc, "whole", false) && pl_json_bool_or(doc, "matches", true);
}
