#include "orchestrator/run/kernel_kit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"
#include "orchestrator/core/folder.h"
#include "orchestrator/core/kdk_facts.h"
#include "orchestrator/core/kdk_search.h"
#include "orchestrator/run/context.h"
#include "orchestrator/run/kernel.h"
#include "orchestrator/run/plan.h"

enum { IMAGES_MAX = 256, GUEST_KITS_MAX = 64, BUILD_SIZE = 32, NOTE_MAX = 512 };
#define KERNEL_SIZE_MAX ((uint64_t)256 << 20)

void kernel_kit_deinit(struct kernel_kit *kit)
{
	free(kit->path);
	free(kit->opened);
	*kit = (struct kernel_kit){0};
}

/* ---- which one ---- */

struct option {
	enum kernel_kit_source source;
	char *path;
	char build[BUILD_SIZE];
};

/* What there is to choose from. */
struct choice {
	struct run *r;
	struct kdk_facts facts;
	struct kdk_wanted wanted;
	struct kdk_search *search; /* the folders */
	struct option *options;    /* the others */
	size_t count;
};

void kernel_kit_build_of_name(const char *name, char ret[static BUILD_SIZE])
{
	struct kdk_build b;
	ret[0] = '\0';
	while (*name != '\0') {
		size_t size = 0;
		while (isalnum((unsigned char)name[size]))
			size++;
		char word[BUILD_SIZE] = "";
		if (size > 0 && size < sizeof word) {
			memcpy(word, name, size);
			/* Some write 13f34. */
			size_t letter = strspn(word, "0123456789");
			word[letter] = (char)toupper((unsigned char)word[letter]);
			if (kdk_build_parse(word, &b)) {
				snprintf(ret, BUILD_SIZE, "%s", word);
				return;
			}
		}
		name += size + (name[size] != '\0');
	}
}

static struct pl_error *add(
	struct choice *c, enum kernel_kit_source source, const char *path, const char *build)
{
	struct kdk_build known;
	struct option *o = &c->options[c->count];
	if (c->count == IMAGES_MAX + GUEST_KITS_MAX)
		return NULL;
	*o = (struct option){.source = source};
	if (kdk_build_parse(build, &known))
		snprintf(o->build, sizeof o->build, "%s", build);
	struct pl_error *e = pl_strdup(path, &o->path);
	if (e == NULL)
		c->count++;
	return e;
}

static bool is_image(const char *path)
{
	return pl_ends_with(path, ".dmg") || pl_ends_with(path, ".pkg");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

static struct pl_error *add_image(struct choice *c, const char *path)
{
	char build[BUILD_SIZE];
	kernel_kit_build_of_name(base_name(path), build);
	if (build[0] == '\0')
		pl_log(c->r->log, PL_LOG_INFO,
			"%s: its name tells no build, so it is taken only by `kdk: PATH`", path);
	return add(c, KIT_IMAGE, path, build);
}

/* Images are not looked into: a name is all there is to go by. */
static struct pl_error *add_images(struct choice *c, const char *path)
{
	struct folder f;
	if (!folder_is(path))
		return folder_has_file(path)
			       ? add_image(c, path)
			       : pl_error_at(pl_error_new(PL_ERR_USAGE, "kdk.images names what is not there"),
					 "%s", path);
	struct pl_error *e = folder_list(path, IMAGES_MAX, &f);
	if (e != NULL)
		return e;
	for (size_t i = 0; e == NULL && i < f.count; i++) {
		char *image = NULL;
		if (!is_image(f.names[i]))
			continue;
		e = pl_asprintf(&image, "%s/%s", path, f.names[i]);
		if (e == NULL)
			e = add_image(c, image);
		free(image);
	}
	folder_deinit(&f);
	return e;
}

static struct pl_error *add_of_guest(struct choice *c, const struct pl_wait *w)
{
	struct guest_output o = {0};
	const char *argv[] = {"list", NULL};
	struct pl_error *e = guest_script_ok(c->r->guest, "kernel-kit.sh", argv, true, w, &o);
	for (size_t i = 0; e == NULL && i < GUEST_KITS_MAX; i++) {
		char key[32];
		snprintf(key, sizeof key, "kit.%zu", i);
		const char *path = guest_value(&o, key);
		snprintf(key, sizeof key, "build.%zu", i);
		const char *build = guest_value(&o, key);
		if (path == NULL)
			break;
		e = add(c, KIT_IN_GUEST, path, build == NULL ? "" : build);
	}
	guest_output_deinit(&o);
	return e;
}

/* All there is, or the one that the scenario names. */
static struct pl_error *gather(struct choice *c, const struct pl_wait *w)
{
	const struct run *r = c->r;
	const char *given = r->scenario->kdk;
	if (strcmp(given, "auto") != 0) {
		if (folder_is(given))
			return kdk_search_folder(c->search, given, w);
		char build[BUILD_SIZE];
		kernel_kit_build_of_name(base_name(given), build);
		/* Without a build in its name it is believed until it is open. */
		return add(c, KIT_IMAGE, given, build[0] == '\0' ? c->facts.build : build);
	}
	struct pl_error *e = add_of_guest(c, w);
	for (size_t i = 0; e == NULL && i < r->lab->kdk_folders_count; i++)
		e = kdk_search_try(c->search, r->lab->kdk_folders[i], w);
	if (e == NULL)
		e = kdk_search_places(c->search, kdk_places(), w);
	for (size_t i = 0; e == NULL && i < r->lab->kdk_images_count; i++)
		e = add_images(c, r->lab->kdk_images[i]);
	return e;
}

/* The near one, for the hint; "" for none. */
static void tell_nearest(const struct choice *c, const struct kdk_candidate *all, size_t count,
	struct kdk_verdict *verdicts, char out[static NOTE_MAX])
{
	size_t best = kdk_match(&c->wanted, all, count, true, verdicts);
	out[0] = '\0';
	if (best < count)
		snprintf(out, NOTE_MAX,
			"; or `kdk_mismatch: accept` in the scenario takes the kit of build %s",
			all[best].build);
}

static struct pl_error *none_fits(const struct choice *c, const char *nearest, size_t count)
{
	const struct guest_facts *f = &c->r->facts;
	const char *line = pl_buf_text(&c->search->notes);
	for (; *line != '\0'; line += strcspn(line, "\n") + 1)
		pl_log(c->r->log, PL_LOG_INFO, "%.*s", (int)strcspn(line, "\n"), line);
	struct pl_error *e = pl_error_new(
		PL_ERR_USAGE, "no Kernel Debug Kit fits macOS %s, build %s", f->product_version, f->build);
	e = pl_error_why(pl_error_at(e, "%s", c->r->cfg->name), "%zu looked at", count);
	return pl_error_hint(e,
		"download \"Kernel Debug Kit %s build %s\" from developer.apple.com/download/all and name "
		"the "
		".dmg in kdk.images of the lab file%s",
		f->product_version, f->build, nearest);
}

static struct pl_error *take(const struct choice *c, size_t best, const struct kdk_verdict *v, size_t guests,
	struct kernel_kit *ret)
{
	/* In the order of judge(): guest, folders, images. */
	size_t kits = c->search->kit_count;
	const char *path;
	ret->source = KIT_FOLDER;
	if (best >= guests && best < guests + kits) {
		path = c->search->kits[best - guests].path;
	} else {
		const struct option *o = &c->options[best < guests ? best : best - kits];
		ret->source = o->source;
		path = o->path;
	}
	ret->fit = v->fit;
	snprintf(ret->why, sizeof ret->why, "%s", v->why);
	return pl_strdup(path, &ret->path);
}

/* The guest's first: of two that fit alike the first is taken, and these need no transfer. */
static struct pl_error *judge(struct choice *c, struct kernel_kit *ret)
{
	size_t kits = c->search->kit_count, count = c->count + kits, guests = 0, unused;
	char nearest[NOTE_MAX];
	while (guests < c->count && c->options[guests].source == KIT_IN_GUEST)
		guests++;
	struct kdk_candidate *all = calloc(count + 1, sizeof *all);
	struct kdk_verdict *verdicts = calloc(count + 1, sizeof *verdicts);
	struct pl_error *e = all == NULL || verdicts == NULL ? pl_error_nomem() : NULL;
	if (e == NULL)
		e = kdk_search_match(c->search, false, &unused);
	if (e == NULL) {
		for (size_t i = 0; i < c->count; i++)
			all[i < guests ? i : i + kits] =
				(struct kdk_candidate){.build = c->options[i].build, .installed = true};
		for (size_t i = 0; i < kits; i++)
			all[guests + i] = c->search->candidates[i];
		bool accept = c->r->scenario->kdk_mismatch == MISMATCH_ACCEPT;
		size_t best = kdk_match(&c->wanted, all, count, accept, verdicts);
		if (best < count) {
			e = take(c, best, &verdicts[best], guests, ret);
		} else {
			tell_nearest(c, all, count, verdicts, nearest);
			e = none_fits(c, nearest, count);
		}
	}
	free(verdicts);
	free(all);
	return e;
}

struct pl_error *kernel_kit_choose(struct run *r, const struct pl_wait *w, struct kernel_kit *ret)
{
	struct choice c = {.r = r};
	*ret = (struct kernel_kit){0};
	(void)kdk_facts_set_build(&c.facts, r->facts.build);
	(void)kdk_facts_set_uuid(&c.facts, r->facts.kernel_uuid);
	(void)kdk_facts_set_version(&c.facts, r->facts.kernel_version);
	c.wanted = kdk_facts_wanted(&c.facts);
	c.search = kdk_search_new(&c.wanted);
	c.options = calloc(IMAGES_MAX + GUEST_KITS_MAX, sizeof *c.options);
	struct pl_error *e = c.search == NULL || c.options == NULL ? pl_error_nomem() : gather(&c, w);
	if (e == NULL)
		e = judge(&c, ret);
	for (size_t i = 0; c.options != NULL && i < c.count; i++)
		free(c.options[i].path);
	free(c.options);
	kdk_search_free(c.search);
	return e;
}

/* ---- into the guest ---- */

/* The kernel within a kit. */
static void kernel_in_kit(const struct run *r, enum kdk_generation g, char out[static 80])
{
	if (g == KDK_ROOT_KERNEL)
		snprintf(out, 80, "DEBUG_Kernel/mach_kernel");
	else
		snprintf(out, 80, "System/Library/Kernels/kernel.%s",
			scenario_kernel_name(r->scenario->kernel));
}

/* The parts that are installed, without their gigabytes of symbols. */
static struct pl_error *pack(
	const struct run *r, enum kdk_generation g, const char *kit, const char *tar, const struct pl_wait *w)
{
	char kernel[80];
	kernel_in_kit(r, g, kernel);
	const char *all = g == KDK_ROOT_KERNEL ? "DEBUG_Kernel" : "System";
	bool kernel_only = g == KDK_KEXTCACHE || g == KDK_KEXTCACHE_MOUNT;
	/* Without COPYFILE_DISABLE a Mac's tar adds files of its own. */
	const char *const env[] = {"COPYFILE_DISABLE=1", NULL};
	const char *const argv[] = {
		"tar", "-cf", tar, "--exclude", "*.dSYM", "-C", kit, kernel_only ? kernel : all, NULL};
	const struct pl_proc_spec spec = {.argv = argv, .env = env};
	struct pl_proc_result p;
	struct pl_error *e = pl_proc_run(&spec, w, &p);
	if (e == NULL && p.status != 0) {
		char words[NOTE_MAX];
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "the kit cannot be packed"), "%s", kit);
		e = pl_error_why(e, "%s", pl_escape(p.err.data, p.err.size, words, sizeof words));
	}
	pl_proc_result_deinit(&p);
	return e;
}

static struct pl_error *open_in_guest(struct run *r, const char *kind, const char *staged,
	const struct pl_wait *w, struct kernel_kit *kit, char build[static BUILD_SIZE])
{
	struct guest_output o = {0};
	const char *argv[] = {"open", KERNEL_PLACE, kind, staged, NULL};
	struct pl_error *e = guest_script_ok(r->guest, "kernel-kit.sh", argv, true, w, &o);
	const char *opened = guest_value(&o, "kit"), *says = guest_value(&o, "build");
	if (e == NULL && opened == NULL)
		e = pl_error_new(PL_ERR_GUEST, "kernel-kit.sh does not say where the kit is");
	snprintf(build, BUILD_SIZE, "%s", says == NULL ? "" : says);
	if (e == NULL)
		e = pl_strdup(opened, &kit->opened);
	guest_output_deinit(&o);
	return e;
}

static struct pl_error *send_file(struct run *r, const char *file, const char *kind, const struct pl_wait *w,
	struct kernel_kit *kit, char build[static BUILD_SIZE])
{
	char *staged = NULL;
	pl_log(r->log, PL_LOG_INFO, "%s: sending %s", r->cfg->name, base_name(kit->path));
	struct pl_error *e = pl_asprintf(&staged, "%s/kit", guest_folder(r->guest));
	if (e == NULL)
		e = ssh_upload_file(guest_ssh(r->guest), file, staged, 0600, w);
	if (e == NULL)
		e = open_in_guest(r, kind, staged, w, kit, build);
	free(staged);
	return e;
}

static struct pl_error *send_folder(
	struct run *r, enum kdk_generation g, const struct pl_wait *w, struct kernel_kit *kit)
{
	char *tar = NULL, build[BUILD_SIZE];
	struct pl_error *e = store_path(r->dir, "kit.tar", &tar);
	if (e == NULL)
		e = pack(r, g, kit->path, tar, w);
	if (e == NULL)
		e = send_file(r, tar, "tar", w, kit, build);
	if (tar != NULL)
		unlink(tar);
	free(tar);
	return e;
}

/* Its name, or the scenario, said which build it is of; now it says so itself, from 10.10 on. */
static struct pl_error *send_image(struct run *r, const struct pl_wait *w, struct kernel_kit *kit)
{
	char build[BUILD_SIZE] = "";
	struct pl_error *e =
		send_file(r, kit->path, pl_ends_with(kit->path, ".pkg") ? "pkg" : "dmg", w, kit, build);
	bool other = build[0] != '\0' && strcmp(build, r->facts.build) != 0;
	if (e != NULL || !other || kit->fit != KDK_FIT_BUILD || r->scenario->kdk_mismatch == MISMATCH_ACCEPT)
		return e;
	e = pl_error_at(
		pl_error_new(PL_ERR_USAGE, "the kit is of build %s, the guest of %s", build, r->facts.build),
		"%s", kit->path);
	return pl_error_hint(e, "name the kit of the guest's build, or say `kdk_mismatch: accept`");
}

struct pl_error *kernel_kit_open(
	struct run *r, enum kdk_generation g, const struct pl_wait *w, struct kernel_kit *kit)
{
	if (kit->source == KIT_IN_GUEST)
		return pl_strdup(kit->path, &kit->opened);
	return kit->source == KIT_FOLDER ? send_folder(r, g, w, kit) : send_image(r, w, kit);
}

/* ---- the kernel in it ---- */

static struct pl_error *fetch_kernel(struct run *r, const struct kernel_kit *kit, const char *kernel,
	const char *local, const struct pl_wait *w)
{
	char *remote = NULL;
	struct pl_error *e = pl_asprintf(&remote, "%s/%s", kit->opened, kernel);
	if (e == NULL)
		e = ssh_download(guest_ssh(r->guest), remote, local, KERNEL_SIZE_MAX, w, NULL);
	free(remote);
	return e;
}

/* A kernel of another xnu would not link with the guest's kexts. */
static struct pl_error *check_xnu(const struct run *r, const struct kdk_facts *f, const char *path)
{
	struct kernel_version running;
	const char *text = r->facts.kernel_version;
	(void)kernel_version_parse(text, strlen(text), &running);
	if (running.xnu[0] == '\0' || f->version.xnu[0] == '\0' || strcmp(running.xnu, f->version.xnu) == 0 ||
		r->scenario->kdk_mismatch == MISMATCH_ACCEPT)
		return NULL;
	struct pl_error *e = pl_error_new(PL_ERR_DATA, "the kit's kernel is xnu-%s, the guest runs xnu-%s",
		f->version.xnu, running.xnu);
	return pl_error_hint(
		pl_error_at(e, "%s", path), "take the Kernel Debug Kit of build %s", r->facts.build);
}

struct pl_error *kernel_kit_identify(struct run *r, enum kdk_generation g, const struct pl_wait *w,
	const struct kernel_kit *kit, char uuid[static 37])
{
	char kernel[80], *path = NULL;
	struct kdk_facts f = {0};
	bool here = kit->source == KIT_FOLDER;
	kernel_in_kit(r, g, kernel);
	struct pl_error *e = here ? pl_asprintf(&path, "%s/%s", kit->path, kernel)
				  : store_path(r->dir, "kernel.tmp", &path);
	if (e == NULL && !here)
		e = fetch_kernel(r, kit, kernel, path, w);
	if (e == NULL && here && !folder_has_file(path))
		e = pl_error_at(pl_error_new(PL_ERR_USAGE, "the kit has no %s", kernel), "%s", kit->path);
	if (e == NULL)
		e = kdk_facts_read(path, w, &f);
	if (e == NULL && f.uuid[0] == '\0')
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "it is no kernel with a UUID"), "%s", path);
	if (e == NULL)
		e = check_xnu(r, &f, kit->path);
	memcpy(uuid, f.uuid, sizeof f.uuid);
	if (!here && path != NULL)
		unlink(path);
	free(path);
	return e;
}
