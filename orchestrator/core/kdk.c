#include "orchestrator/core/kdk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/core/dsym.h"
#include "orchestrator/core/folder.h"
#include "orchestrator/core/plist.h"

#define KERNELS "System/Library/Kernels"
#define SYSTEM_VERSION "System/Library/CoreServices/SystemVersion.plist"

/* True if dir has the file or folder; without memory: false. */
static bool has(const char *dir, const char *name, bool (*is)(const char *))
{
	char *path = NULL;
	struct pl_error *e = pl_asprintf(&path, "%s/%s", dir, name);
	bool yes = !e && is(path);

	pl_error_free(e);
	free(path);
	return yes;
}

bool kdk_is(const char *dir)
{
	return has(dir, KERNELS, folder_is) || has(dir, "mach_kernel", folder_has_file);
}

bool kdk_holds(const struct kdk *k, const char *path)
{
	char *real = realpath(path, NULL);
	size_t len = strlen(k->real);
	bool inside = real && strncmp(real, k->real, len) == 0 && (real[len] == '/' || len == 1);

	free(real);
	return inside;
}

static struct pl_error *find_dsym(const struct kdk *k, const char *path, const char *bundle, char **ret)
{
	const char *beside[] = {bundle, path};
	const char *slash = strrchr(path, '/');
	struct pl_error *e = NULL;

	*ret = NULL;
	for (size_t i = 0; !e && !*ret && i < 2; i++) {
		char *dsym = NULL;
		if (!beside[i])
			continue;
		e = pl_asprintf(&dsym, "%s.dSYM", beside[i]);
		if (!e)
			e = dsym_dwarf(dsym, slash ? slash + 1 : path, ret);
		if (!e && *ret && !(folder_has_file(*ret) && kdk_holds(k, *ret))) {
			free(*ret);
			*ret = NULL;
		}
		free(dsym);
	}
	return e;
}

struct pl_error *kdk_binary_open(const struct kdk *k, char *path, const char *bundle, struct kdk_binary *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->path = path;
	if (!kdk_holds(k, path)) {
		snprintf(ret->damage, sizeof ret->damage, "%s",
			access(path, F_OK) == 0 ? "a link that leaves the kit" : "not there");
		return NULL;
	}
	struct pl_error *bad = macho_file_read(path, &ret->file);
	if (bad && pl_error_kind(bad) == PL_ERR_NOMEM) {
		kdk_binary_deinit(ret);
		return bad;
	}
	if (bad) {
		pl_error_brief(bad, ret->damage, sizeof ret->damage);
		pl_error_free(bad);
		ret->file.count = 0;
	}
	struct pl_error *e = find_dsym(k, path, bundle, &ret->dsym);
	if (e)
		kdk_binary_deinit(ret);
	return e;
}

void kdk_binary_deinit(struct kdk_binary *b)
{
	free(b->path);
	free(b->dsym);
	memset(b, 0, sizeof *b);
}

/* "kernel.development.t8103" and "DEBUG_Kernel/mach_kernel" name their variant. */
static const char *variant_of(const char *name)
{
	static const char *const variants[] = {"release", "development", "debug", "kasan"};
	const char *slash = strrchr(name, '/');
	const char *dot = strchr(slash ? slash : name, '.');

	if (!dot)
		return slash ? "debug" : "release";
	size_t len = strcspn(dot + 1, ".");
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
		if (strlen(variants[i]) == len && memcmp(variants[i], dot + 1, len) == 0)
			return variants[i];
	return "other";
}

static struct pl_error *add_kernel(struct kdk *k, const char *dir, const char *name, const char *shown)
{
	char *path = NULL;

	if (k->kernel_count == KDK_KERNELS_MAX) {
		k->cut = true;
		return NULL;
	}
	struct kdk_kernel *kernel = &k->kernels[k->kernel_count];
	struct pl_error *e = pl_asprintf(&path, "%s/%s", dir, name);
	if (e)
		return e;
	if (folder_is(path)) {
		free(path);
		return NULL;
	}
	e = kdk_binary_open(k, path, NULL, &kernel->binary);
	if (e)
		return e;
	k->kernel_count++;
	kernel->variant = variant_of(shown);
	return pl_strdup(shown, &kernel->name);
}

/* Kernels are what is called like one; their dSYMs are folders and left out. */
static struct pl_error *add_kernels(
	struct kdk *k, const char *below, const char *prefix, bool named_by_folder)
{
	struct folder f;
	char *dir = NULL;
	struct pl_error *e = pl_asprintf(&dir, "%s%s%s", k->path, below[0] ? "/" : "", below);

	if (e || !folder_is(dir) || !(below[0] == '\0' || kdk_holds(k, dir))) {
		free(dir);
		return e;
	}
	e = folder_list(dir, KDK_NAMES_MAX, &f);
	if (!e) {
		k->cut = k->cut || f.cut;
		for (size_t i = 0; !e && i < f.count; i++) {
			char *shown = NULL;
			if (!pl_starts_with(f.names[i], prefix) || pl_ends_with(f.names[i], ".dSYM"))
				continue;
			e = pl_asprintf(&shown, "%s%s%s", named_by_folder ? below : "",
				named_by_folder ? "/" : "", f.names[i]);
			if (!e)
				e = add_kernel(k, dir, f.names[i], shown);
			free(shown);
		}
		folder_deinit(&f);
	}
	free(dir);
	return e;
}

static struct pl_error *read_system_version(struct kdk *k)
{
	const struct plist_wanted wanted[] = {
		{"ProductVersion", k->version, sizeof k->version},
		{"ProductBuildVersion", k->build, sizeof k->build},
	};
	char *path = NULL;
	struct pl_error *e = pl_asprintf(&path, "%s/" SYSTEM_VERSION, k->path);

	if (e)
		return e;
	if (!kdk_holds(k, path)) {
		snprintf(k->damage, sizeof k->damage, "%s", SYSTEM_VERSION " is not there");
		free(path);
		return NULL;
	}
	e = plist_read_file(path, wanted, 2);
	free(path);
	if (e && pl_error_kind(e) != PL_ERR_NOMEM) {
		char brief[150];
		snprintf(k->damage, sizeof k->damage, "SystemVersion.plist: %s",
			pl_error_brief(e, brief, sizeof brief));
		pl_error_free(e);
		return NULL;
	}
	if (!e && !k->build[0])
		snprintf(k->damage, sizeof k->damage, "SystemVersion.plist names no ProductBuildVersion");
	return e;
}

static struct pl_error *find_macros(struct kdk *k)
{
	char *path = NULL;
	struct pl_error *e = pl_asprintf(&path, "%s/kgmacros", k->path);

	if (!e && folder_has_file(path) && kdk_holds(k, path))
		k->macros = path;
	else
		free(path);
	return e;
}

static struct pl_error *read_kit(struct kdk *k)
{
	k->kernels = calloc(KDK_KERNELS_MAX, sizeof *k->kernels);
	if (!k->kernels)
		return pl_error_nomem();
	struct pl_error *e = read_system_version(k);
	if (!e && k->layout == KDK_KIT)
		return add_kernels(k, KERNELS, "kernel", false);
	if (!e)
		e = find_macros(k);
	if (!e)
		e = add_kernels(k, "", "mach_kernel", false);
	return e ? e : add_kernels(k, "DEBUG_Kernel", "mach_kernel", true);
}

struct pl_error *kdk_open(const char *dir, struct kdk *ret)
{
	memset(ret, 0, sizeof *ret);
	if (!kdk_is(dir))
		return pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_USAGE, "not a Kernel Debug Kit's folder"), "%s", dir),
			"it has " KERNELS ", up to 10.9 mach_kernel; attach a .dmg and install its "
			".pkg first; of a folder of kits name the one that kdk find --in finds");
	ret->layout = has(dir, KERNELS, folder_is) ? KDK_KIT : KDK_VOLUME;
	struct pl_error *e = pl_strdup(dir, &ret->path);
	if (e)
		return e;
	for (size_t n = strlen(ret->path); n > 1 && ret->path[n - 1] == '/'; n--)
		ret->path[n - 1] = '\0';
	ret->real = realpath(dir, NULL);
	e = ret->real ? read_kit(ret)
		      : pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", dir);
	if (e)
		kdk_close(ret);
	return e;
}

void kdk_close(struct kdk *k)
{
	for (size_t i = 0; i < k->kernel_count; i++) {
		free(k->kernels[i].name);
		kdk_binary_deinit(&k->kernels[i].binary);
	}
	for (size_t i = 0; i < k->kext_count; i++) {
		free(k->kexts[i].bundle);
		free(k->kexts[i].executable);
	}
	free(k->kernels);
	free(k->kexts);
	free(k->macros);
	free(k->path);
	free(k->real);
	memset(k, 0, sizeof *k);
}

const struct kdk_kernel *kdk_kernel_by_uuid(const struct kdk *k, const char *uuid)
{
	for (size_t i = 0; i < k->kernel_count; i++)
		if (macho_file_uuid(&k->kernels[i].binary.file, uuid))
			return &k->kernels[i];
	return NULL;
}

/* Of an x86_64 part, where a fat kernel has one: the others' text differs in its last word only. */
static struct pl_error *read_version(struct kdk_kernel *kernel, const struct pl_wait *w)
{
	const struct macho_file *f = &kernel->binary.file;
	const struct macho_part *part = &f->parts[0];

	for (size_t i = 0; i < f->count; i++)
		if (f->parts[i].header.cpu_type == MACHO_CPU_X86_64)
			part = &f->parts[i];
	if (f->count == 0 || kernel->version.text[0])
		return NULL;
	int fd = open(kernel->binary.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	struct pl_error *e =
		macho_find_version(fd, part->offset, part->offset + part->length, w, &kernel->version);
	close(fd);
	return e;
}

struct pl_error *kdk_read_versions(struct kdk *k, const struct pl_wait *w)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; !e && i < k->kernel_count; i++)
		e = read_version(&k->kernels[i], w);
	return e;
}
