/* kmutil, 11 and later: collections of kexts, with a kernel in the boot one. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/kernel_files.h"
#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/tool_words.h"
#include "tests/simlab/simlab/volumes.h"

#define CODE_NOT_FOUND 71
#define CODE_LINK 31
#define CODE_WRITE 13
#define ROOT_MAX 1024

static void fail(struct call *c, int code, const char *fmt, const char *what)
{
	char text[2 * PATH_MAX];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof text, fmt, what);
#pragma GCC diagnostic pop
	call_err(c, WORDS_KMUTIL, code, text, text);
	c->status = code;
}

/* The volume that it works on as a folder of the lab; said if it is none that can be written to. */
static bool volume_root(struct call *c, char root[static ROOT_MAX])
{
	const char *path = macos_option(c, "--volume-root", "-R");
	path = path != NULL ? path : "/";
	if (!macos_on_disk(c, path, root, ROOT_MAX) || access(root, F_OK) != 0) {
		fail(c, CODE_NOT_FOUND, WORDS_KMUTIL_NO_KERNEL, path);
		return false;
	}
	if (volumes_mounted(root + strlen(SIM_DISK "/"), NULL, NULL))
		return true;
	fail(c, CODE_WRITE, WORDS_KMUTIL_READ_ONLY, "/" BOOT_COLLECTION);
	return false;
}

/* True if a kit of this very build is installed, or the one that --kdk names is of it. */
static bool has_kdk(const struct sim *s, const struct call *c)
{
	char path[PATH_MAX];
	char plist[PATH_MAX + 64];
	struct pl_buf b;
	const char *kit = macos_option(c, "--kdk", "--kdk");
	if (kit == NULL)
		snprintf(path, sizeof path, SIM_DISK "/Library/Developer/KDKs/KDK_%s_%s.kdk",
			s->release->version, s->release->build);
	else if (!macos_on_disk(c, kit, path, sizeof path))
		return false;
	pl_buf_init(&b, 1U << 16);
	snprintf(plist, sizeof plist, "%s/System/Library/CoreServices/SystemVersion.plist", path);
	struct pl_error *e = pl_fs_read(plist, &b);
	bool found = e == NULL && strstr(pl_buf_text(&b), s->release->build) != NULL;
	pl_error_free(e);
	pl_buf_deinit(&b);
	return found;
}

/* One boot collection (and its system collection) out of one kernel; false, and said, if it cannot. */
static bool build(struct sim *s, struct call *c, const char *kernel, const char *boot, const char *system)
{
	struct kernel_identification id;
	struct pl_error *e = kernel_image_read(kernel, &id);
	if (e != NULL)
		fail(c, CODE_NOT_FOUND, WORDS_KMUTIL_NO_KERNEL, kernel + strlen(SIM_DISK));
	else if (!kernel_files_fits(&id, s->release))
		fail(c, CODE_LINK, WORDS_KMUTIL_NO_LINK "%s", "");
	bool ok = e == NULL && c->status == 0;
	pl_error_free(e);
	if (!ok)
		return false;
	sim_complain(kernel_files_link(kernel, boot));
	if (system != NULL)
		sim_complain(kernel_files_link(kernel, system));
	return true;
}

/* install --volume-root M --update-all: a collection for each kernel that is there. */
static void install(struct sim *s, struct call *c, const char *root)
{
	char folder[ROOT_MAX + 64];
	snprintf(folder, sizeof folder, "%.1023s/" KERNELS, root);
	DIR *d = opendir(folder);
	for (struct dirent *f; d != NULL && c->status == 0 && (f = readdir(d)) != NULL;) {
		char kernel[PATH_MAX];
		char boot[PATH_MAX];
		char system[PATH_MAX];
		if (strncmp(f->d_name, "kernel", 6) != 0 || strstr(f->d_name, ".dSYM") != NULL)
			continue;
		const char *suffix = f->d_name + 6;
		snprintf(kernel, sizeof kernel, "%s/%s", folder, f->d_name);
		snprintf(boot, sizeof boot, "%.1023s/" BOOT_COLLECTION "%.32s", root, suffix);
		snprintf(system, sizeof system, "%.1023s/" SYSTEM_COLLECTION "%.32s", root, suffix);
		build(s, c, kernel, boot, system);
	}
	if (d != NULL)
		closedir(d);
	if (c->status == 0)
		call_out(c, "simulated kmutil: the collections of %s are up to date\n",
			root + strlen(SIM_DISK));
}

/* create -n boot [-V SUFFIX] [-k KERNEL] [-B PATH] [-S PATH] ... */
static void create(struct sim *s, struct call *c, const char *root)
{
	char kernel[PATH_MAX];
	char boot[PATH_MAX];
	char system[PATH_MAX];
	char default_boot[PATH_MAX];
	const char *suffix = macos_option(c, "--variant-suffix", "-V");
	const char *given = macos_option(c, "--kernel", "-k");
	const char *boot_path = macos_option(c, "--boot-path", "-B");
	const char *system_path = macos_option(c, "--system-path", "-S");
	bool release = suffix == NULL || strcmp(suffix, "release") == 0;
	if (suffix == NULL)
		call_out(c, "No variant specified, falling back to release\n");
	snprintf(kernel, sizeof kernel, "%.1023s/" KERNELS "/kernel%s%.32s", root, release ? "" : ".",
		release ? "" : suffix);
	snprintf(default_boot, sizeof default_boot, "%.1023s/" BOOT_COLLECTION "%s%.32s", root,
		release ? "" : ".", release ? "" : suffix);
	if (given != NULL && !macos_on_disk(c, given, kernel, sizeof kernel))
		return;
	snprintf(boot, sizeof boot, "%s", default_boot);
	if (boot_path != NULL && !macos_on_disk(c, boot_path, boot, sizeof boot))
		return;
	bool with_system = system_path != NULL && macos_on_disk(c, system_path, system, sizeof system);
	build(s, c, kernel, boot, with_system ? system : NULL);
}

static void change(struct sim *s, struct call *c, bool creates)
{
	char root[ROOT_MAX];
	if (macos_needs_root(c, "kmutil: must be run as root"))
		return;
	if (s->faults.on[FAULT_KMUTIL_FAIL]) {
		fail(c, CODE_LINK, WORDS_KMUTIL_NO_LINK "%s", "");
		return;
	}
	if (!volume_root(c, root))
		return;
	bool wants_kdk = s->release->install == INSTALL_SEALED_KDK && !macos_has(c, "--allow-missing-kdk");
	if (wants_kdk && !has_kdk(s, c)) {
		fail(c, CODE_NOT_FOUND, WORDS_KMUTIL_NO_KDK, s->release->build);
		return;
	}
	if (creates)
		create(s, c, root);
	else
		install(s, c, root);
}

void macos_kmutil(struct sim *s, struct call *c)
{
	const char *verb = c->argc > 0 ? c->argv[0] : "";
	if (strcmp(verb, "install") == 0)
		change(s, c, false);
	else if (strcmp(verb, "create") == 0)
		change(s, c, true);
	else if (strcmp(verb, "load") == 0) {
		const char *path = macos_option(c, "--bundle-path", "-p");
		macos_load_kext(s, c, path != NULL ? path : "");
	} else if (strcmp(verb, "unload") == 0)
		macos_kextunload(s, c);
	else if (strcmp(verb, "showloaded") == 0)
		macos_kextstat(s, c);
	else {
		call_err(c, "Error: Unexpected argument '%s'\nUsage: kmutil <subcommand>\n", verb);
		c->status = 64;
	}
}
