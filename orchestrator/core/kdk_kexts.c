/* The kexts of a kit: a walk over its Extensions folder, bundles within bundles included. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/text.h"
#include "orchestrator/core/folder.h"
#include "orchestrator/core/kdk.h"
#include "orchestrator/core/plist.h"

static bool is_own_folder(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Name of the executable from Info.plist; a name with a slash is not one. */
static struct pl_error *read_info(struct kdk *k, struct kdk_kext *x, const char *contents)
{
	char name[256];
	const struct plist_wanted wanted[] = {
		{"CFBundleIdentifier", x->id, sizeof x->id},
		{"CFBundleVersion", x->version, sizeof x->version},
		{"CFBundleExecutable", name, sizeof name},
	};
	char *plist = NULL;
	struct pl_error *e = pl_asprintf(&plist, "%s/Info.plist", contents);

	name[0] = '\0';
	if (e)
		return e;
	struct pl_error *bad = kdk_holds(k, plist) ? plist_read_file(plist, wanted, 3)
						   : pl_error_new(PL_ERR_DATA, "no Info.plist");
	free(plist);
	if (bad && pl_error_kind(bad) == PL_ERR_NOMEM)
		return bad;
	if (bad)
		pl_error_brief(bad, x->damage, sizeof x->damage);
	pl_error_free(bad);
	if (!x->damage[0] && !x->id[0])
		snprintf(x->damage, sizeof x->damage, "Info.plist names no CFBundleIdentifier");
	if (!name[0] || strchr(name, '/'))
		return NULL;
	/* System.kext and its like have no Contents folder, and no MacOS in it. */
	return pl_asprintf(&x->executable, "%s%s/%s", contents,
		pl_ends_with(contents, "/Contents") ? "/MacOS" : "", name);
}

static struct pl_error *walk(struct kdk *k, const char *dir, int depth, const struct pl_wait *w);

static struct pl_error *add_kext(struct kdk *k, const char *bundle, int depth, const struct pl_wait *w)
{
	char *contents = NULL, *plugins = NULL;

	if (k->kext_count == KDK_KEXTS_MAX) {
		k->cut = true;
		return NULL;
	}
	void *grown = pl_grow(k->kexts, k->kext_count, sizeof *k->kexts);
	if (!grown)
		return pl_error_nomem();
	k->kexts = grown;
	struct kdk_kext *x = &k->kexts[k->kext_count];
	memset(x, 0, sizeof *x);
	struct pl_error *e = pl_strdup(bundle, &x->bundle);
	if (e)
		return e;
	k->kext_count++;
	e = pl_asprintf(&contents, "%s/Contents", bundle);
	if (!e && !is_own_folder(contents))
		contents[strlen(bundle)] = '\0';
	if (!e)
		e = read_info(k, x, contents);
	if (!e)
		e = pl_asprintf(&plugins, "%s/PlugIns", contents);
	if (!e && is_own_folder(plugins))
		e = walk(k, plugins, depth + 1, w);
	free(contents);
	free(plugins);
	return e;
}

static struct pl_error *walk(struct kdk *k, const char *dir, int depth, const struct pl_wait *w)
{
	struct folder f;

	if (depth > KDK_DEPTH_MAX) {
		k->cut = true;
		return NULL;
	}
	struct pl_error *e = folder_list(dir, KDK_NAMES_MAX, &f);
	if (e)
		return e;
	k->cut = k->cut || f.cut;
	for (size_t i = 0; !e && i < f.count; i++) {
		char *path = NULL;
		if (!pl_ends_with(f.names[i], ".kext"))
			continue;
		e = pl_asprintf(&path, "%s/%s", dir, f.names[i]);
		if (!e && is_own_folder(path))
			e = add_kext(k, path, depth, w);
		free(path);
		if (!e)
			e = pl_wait_check(w);
	}
	folder_deinit(&f);
	return e;
}

struct pl_error *kdk_read_kexts(struct kdk *k, const struct pl_wait *w)
{
	static const char *const kit[] = {"/System/Library/Extensions", "/Library/Extensions", NULL};
	static const char *const volume[] = {"", "/DEBUG_Kernel", NULL};
	struct pl_error *e = NULL;

	if (k->kexts_read)
		return NULL;
	for (const char *const *below = k->layout == KDK_KIT ? kit : volume; !e && *below; below++) {
		char *dir = NULL;
		e = pl_asprintf(&dir, "%s%s", k->path, *below);
		/* The kit's own folder may be a link; those in it must be in it. */
		if (!e && folder_is(dir) && (**below == '\0' || kdk_holds(k, dir)))
			e = walk(k, dir, 0, w);
		free(dir);
	}
	k->kexts_read = !e;
	return e;
}

/* The variant of the executable that has the UUID. */
static struct pl_error *find_variant(
	const struct kdk *k, const struct kdk_kext *x, const char *uuid, bool *found, struct kdk_binary *ret)
{
	static const char *const suffixes[] = {"", "_development", "_debug", "_kasan"};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char *path = NULL;
		struct pl_error *e = pl_asprintf(&path, "%s%s", x->executable, suffixes[i]);
		if (!e)
			e = kdk_binary_open(k, path, x->bundle, ret);
		if (e)
			return e;
		*found = ret->file.count > 0 && (!uuid[0] || macho_file_uuid(&ret->file, uuid));
		if (*found)
			return NULL;
		kdk_binary_deinit(ret);
	}
	return NULL;
}

struct pl_error *kdk_find_kext(
	const struct kdk *k, const char *id, const char *uuid, bool *found, struct kdk_binary *ret)
{
	struct pl_error *e = NULL;

	*found = false;
	for (size_t i = 0; !e && !*found && i < k->kext_count; i++)
		if (k->kexts[i].executable && strcmp(k->kexts[i].id, id) == 0)
			e = find_variant(k, &k->kexts[i], uuid, found, ret);
	return e;
}
