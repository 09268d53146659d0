#include "tests/simlab/simlab/kdk.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/kernel_files.h"
#include "tests/simlab/simlab/make.h"

#define TRAILER_SIZE 512

struct kit {
	const struct release *r;
	uint64_t core_size;
	char path[PATH_MAX]; /* of the folder */
};

static struct pl_error *put(const struct kit *k, const char *name, const char *text)
{
	char path[2 * PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", k->path, name);
	*strrchr(path, '/') = '\0';
	struct pl_error *e = pl_fs_mkdirs(path);
	path[strlen(path)] = '/';
	return e != NULL ? e : pl_fs_write(path, text, strlen(text), 0644);
}

/* NAME, and NAME.dSYM beside it. */
static struct pl_error *put_kernel(const struct kit *k, const char *name, size_t variant)
{
	char path[2 * PATH_MAX];
	char dsym[256];
	const char *base = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	struct kernel_desc d;
	struct pl_buf b;
	snprintf(dsym, sizeof dsym, "%s.dSYM/Contents/Info.plist", name);
	struct pl_error *e = put(k, dsym,
		"<plist version=\"1.0\"><dict>\n\t<key>CFBundlePackageType</key>\n\t<string>dSYM</string>\n"
		"</dict></plist>\n");
	snprintf(dsym, sizeof dsym, "%s.dSYM/Contents/Resources/DWARF/%s", name, base);
	if (e == NULL)
		e = put(k, dsym, "");
	kernel_desc_release(&d, k->r, variant);
	d.core_size = k->core_size;
	pl_buf_init(&b, KERNEL_IMAGE_MAX);
	if (e == NULL)
		e = kernel_image_write_dsym(&d, &b);
	snprintf(path, sizeof path, "%s/%s", k->path, dsym);
	if (e == NULL)
		e = pl_fs_write(path, b.data, b.size, 0644);
	pl_buf_deinit(&b);
	snprintf(path, sizeof path, "%s/%s", k->path, name);
	return e != NULL ? e : kernel_files_write(path, k->r, variant, k->core_size);
}

static struct pl_error *put_system_kext(const struct kit *k, const char *name, size_t variant)
{
	char path[2 * PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", k->path, name);
	return kernel_files_system_kext(path, k->r, variant);
}

static struct pl_error *put_kdk(const struct kit *k)
{
	char name[128];
	char text[512];
	snprintf(text, sizeof text,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n"
		"\t<key>ProductBuildVersion</key>\n\t<string>%s</string>\n"
		"\t<key>ProductName</key>\n\t<string>%s</string>\n"
		"\t<key>ProductVersion</key>\n\t<string>%s</string>\n</dict>\n</plist>\n",
		k->r->build, k->r->product, k->r->version);
	struct pl_error *e = put(k, "System/Library/CoreServices/SystemVersion.plist", text);
	for (size_t i = 0; i < RELEASE_VARIANTS && e == NULL; i++) {
		snprintf(name, sizeof name, KERNELS "/kernel%s", RELEASE_VARIANT_SUFFIXES[i]);
		if (release_has_variant(k->r, i))
			e = put_kernel(k, name, i);
	}
	return e != NULL ? e : put_system_kext(k, SYSTEM_KEXT, 1);
}

static struct pl_error *put_old_kit(const struct kit *k)
{
	struct pl_error *e = put_kernel(k, MACH_KERNEL, 0);
	if (e == NULL)
		e = put_kernel(k, "DEBUG_Kernel/" MACH_KERNEL, 2);
	if (e == NULL)
		e = put(k, "kgmacros", "# simulated macros\n");
	return e != NULL ? e : put_system_kext(k, "DEBUG_Kernel/System.kext", 2);
}

/* `name` below `parent` into an archive; in it, below `prefix`. */
static struct pl_error *pack(const char *archive, const char *parent, const char *name, const char *prefix)
{
	char transform[256];
	snprintf(transform, sizeof transform, "--transform=s,^,%s,", prefix);
	const char *const argv[] = {"tar", "--format=ustar", "--owner=0", "--group=0", transform, "-C",
		parent, "-cf", archive, name, NULL};
	return make_run(argv, NULL);
}

/* Big-endian, as in UDIF: magic, version 4, size of the trailer. */
static struct pl_error *add_trailer(const char *image)
{
	uint8_t trailer[TRAILER_SIZE] = "koly\0\0\0\4\0\0\2";
	FILE *f = fopen(image, "ae");
	bool ok = f != NULL && fwrite(trailer, sizeof trailer, 1, f) == 1;
	if (f != NULL && fclose(f) != 0)
		ok = false;
	return ok ? NULL : pl_error_errno(PL_ERR_LAB, errno, "cannot write %s", image);
}

static struct pl_error *make_image(const struct kit *k, const char *out, const char *name)
{
	char image[2 * PATH_MAX];
	char package[2 * PATH_MAX];
	bool old = k->r->install == INSTALL_MACH_KERNEL;
	snprintf(image, sizeof image, "%s/Kernel_Debug_Kit_%s_build_%s.dmg", out, k->r->version, k->r->build);
	struct pl_error *e = NULL;
	if (old)
		e = pack(image, k->path, ".", "");
	else {
		snprintf(package, sizeof package, "%s/KernelDebugKit.pkg", out);
		e = pack(package, out, name, "Library/Developer/KDKs/");
		if (e == NULL)
			e = pack(image, out, "KernelDebugKit.pkg", "");
		unlink(package);
	}
	return e != NULL ? e : add_trailer(image);
}

struct pl_error *kdk_make(const struct release *r, const char *out, uint64_t core_size)
{
	struct kit k = {.r = r, .core_size = core_size};
	char name[128];
	bool old = r->install == INSTALL_MACH_KERNEL;
	if (old)
		snprintf(name, sizeof name, "KernelDebugKit");
	else
		snprintf(name, sizeof name, "KDK_%s_%s.kdk", r->version, r->build);
	snprintf(k.path, sizeof k.path, "%s/%s", out, name);
	if (access(k.path, F_OK) == 0)
		return pl_error_new(PL_ERR_USAGE, "%s is there already", k.path);
	struct pl_error *e = pl_fs_mkdirs(k.path);
	if (e == NULL)
		e = old ? put_old_kit(&k) : put_kdk(&k);
	const char *const open_it[] = {"chmod", "-R", "go+rX", k.path, NULL};
	if (e == NULL)
		e = make_run(open_it, NULL);
	return e != NULL ? e : make_image(&k, out, name);
}

struct pl_error *kdk_unpack(const char *archive, const char *folder)
{
	const char *const argv[] = {"tar", "-xf", archive, "-C", folder, NULL};
	struct pl_error *e = pl_fs_mkdirs(folder);
	return e != NULL ? e : make_run(argv, NULL);
}
