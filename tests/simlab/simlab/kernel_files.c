#include "tests/simlab/simlab/kernel_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"

struct pl_error *kernel_files_write(
	const char *path, const struct release *r, size_t variant, uint64_t core_size)
{
	struct kernel_desc d;
	struct pl_buf b;
	kernel_desc_release(&d, r, variant);
	d.core_size = core_size;
	pl_buf_init(&b, KERNEL_IMAGE_MAX);
	struct pl_error *e = kernel_image_write(&d, &b);
	if (e == NULL)
		e = pl_fs_write(path, b.data, b.size, 0755);
	pl_buf_deinit(&b);
	return e;
}

struct pl_error *kernel_files_link(const char *from, const char *to)
{
	struct pl_buf kernel;
	struct pl_buf b;
	pl_buf_init(&kernel, KERNEL_IMAGE_MAX);
	pl_buf_init(&b, 2 * KERNEL_IMAGE_MAX);
	struct pl_error *e = pl_fs_read(from, &kernel);
	if (e == NULL)
		e = pl_buf_puts(&b, "simulated kexts linked to this kernel:\n");
	if (e == NULL)
		e = pl_buf_append(&b, kernel.data, kernel.size);
	if (e == NULL)
		e = pl_fs_write(to, b.data, b.size, 0644);
	pl_buf_deinit(&b);
	pl_buf_deinit(&kernel);
	return e;
}

struct pl_error *kernel_files_system_kext(const char *kext, const struct release *r, size_t variant)
{
	char text[1024];
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/Contents", kext);
	struct pl_error *e = pl_fs_mkdirs(path);
	chmod(kext, 0755);
	chmod(path, 0755);
	snprintf(path, sizeof path, "%s/Contents/Info.plist", kext);
	snprintf(text, sizeof text,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n"
		"\t<key>CFBundleIdentifier</key>\n\t<string>com.apple.kernel</string>\n"
		"\t<key>CFBundleVersion</key>\n\t<string>%s</string>\n"
		"\t<key>SimulatedVariant</key>\n\t<string>%s</string>\n</dict>\n</plist>\n",
		r->darwin, RELEASE_VARIANT_NAMES[variant]);
	return e != NULL ? e : pl_fs_write(path, text, strlen(text), 0644);
}

size_t kernel_files_variant(const char *version)
{
	const char *slash = strrchr(version, '/');
	for (size_t i = 0; slash != NULL && i < RELEASE_VARIANTS; i++) {
		size_t len = strlen(RELEASE_VARIANT_NAMES[i]);
		if (strncmp(slash + 1, RELEASE_VARIANT_NAMES[i], len) == 0 && slash[1 + len] == '_')
			return i;
	}
	return 0;
}

bool kernel_files_fits(const struct kernel_identification *k, const struct release *r)
{
	char wanted[sizeof k->version];
	release_kernel_version(r, kernel_files_variant(k->version), wanted, sizeof wanted);
	return strcmp(k->version, wanted) == 0;
}

time_t kernel_files_time(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_mtime : -1;
}

struct pl_error *kernel_files_cache(const char *root)
{
	char kernel[PATH_MAX];
	char cache[PATH_MAX];
	char extensions[PATH_MAX];
	snprintf(kernel, sizeof kernel, "%s/" MACH_KERNEL, root);
	snprintf(cache, sizeof cache, "%s/" KERNEL_CACHE, root);
	snprintf(extensions, sizeof extensions, "%s/" EXTENSIONS, root);
	struct pl_error *e = kernel_files_link(kernel, cache);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = kernel_files_time(extensions) + 1}};
	if (e == NULL && utimensat(AT_FDCWD, cache, times, 0) != 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "%s", cache);
	return e;
}
