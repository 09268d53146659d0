/* hdiutil and installer: disk images and packages, which kdk.c makes. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/simlab/boot.h"
#include "tests/simlab/simlab/kdk.h"
#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/make.h"
#include "tests/simlab/simlab/tool_words.h"
#include "tests/simlab/simlab/volumes.h"

#define STAGING VOLUMES "/image"
#define DEVICE "/dev/disk2s1"

static void failed(struct call *c, const char *verb, const char *why)
{
	call_err(c, "hdiutil: %s failed - %s\n", verb, why);
	c->status = 1;
}

/* The image's path: the first word that is no option and no value of one. */
static const char *image_of(const struct call *c)
{
	for (int i = 1; i < c->argc; i++) {
		if (c->argv[i][0] != '-')
			return c->argv[i];
		i += strcmp(c->argv[i], "-nobrowse") != 0 && strcmp(c->argv[i], "-readonly") != 0 &&
		     strcmp(c->argv[i], "-quiet") != 0 && strcmp(c->argv[i], "-noverify") != 0 &&
		     strcmp(c->argv[i], "-force") != 0 && strcmp(c->argv[i], "-plist") != 0;
	}
	return "";
}

static void attach(struct sim *s, struct call *c)
{
	char image[PATH_MAX];
	char path[PATH_MAX];
	const char *at = macos_option(c, "-mountpoint", "-mountpoint");
	if (!macos_on_disk(c, image_of(c), image, sizeof image) || access(image, F_OK) != 0) {
		failed(c, "attach", "No such file or directory");
		return;
	}
	if (s->faults.on[FAULT_HDIUTIL_LICENCE] && !pl_ends_with(image, ".cdr")) {
		call_out(c, WORDS_LICENCE);
		failed(c, "attach", "canceled");
		return;
	}
	sim_complain(pl_fs_remove_tree(STAGING));
	struct pl_error *e = kdk_unpack(image, STAGING);
	if (e != NULL) {
		failed(c, "attach", "image not recognized");
		pl_error_free(e);
		return;
	}
	at = at != NULL ? at : "/Volumes/KernelDebugKit";
	bool known = macos_on_disk(c, at, path, sizeof path);
	if (known && strncmp(at, "/Volumes/", 9) == 0)
		mkdir(path, 0755);
	int problem = known ? volumes_mount(DEVICE, STAGING, path + strlen(SIM_DISK "/")) : ENOENT;
	if (problem != 0) {
		failed(c, "attach", problem == EBUSY ? "Resource busy" : strerror(problem));
		return;
	}
	call_out(c,
		"/dev/disk2          \tGUID_partition_scheme          \t\n" DEVICE
		"        \tApple_HFS                      \t%s\n",
		at);
}

static void detach(struct call *c)
{
	char path[PATH_MAX];
	char at[PATH_MAX];
	const char *what = image_of(c);
	if (strncmp(what, "/dev/disk2", 10) == 0)
		what = DEVICE;
	bool known = what[0] == '/' && strncmp(what, "/dev/", 5) == 0
			     ? volumes_mounted(what, NULL, at)
			     : macos_on_disk(c, what, path, sizeof path) &&
				       volumes_mounted(path + strlen(SIM_DISK "/"), NULL, at);
	if (!known) {
		failed(c, "detach", "No such file or directory");
		return;
	}
	sim_complain(volumes_unmount(at));
	call_out(c, "\"disk2\" unmounted.\n\"disk2\" ejected.\n");
}

/* convert X.dmg -format UDTO -o Y: Y.cdr, which asks for no licence. */
static void convert(struct call *c)
{
	char image[PATH_MAX];
	char to[PATH_MAX];
	char cdr[PATH_MAX + 8];
	const char *format = macos_option(c, "-format", "-format");
	const char *out = macos_option(c, "-o", "-o");
	if (format == NULL || strcmp(format, "UDTO") != 0 || out == NULL) {
		failed(c, "convert", "Function not implemented");
		return;
	}
	if (!macos_on_disk(c, image_of(c), image, sizeof image) || !macos_on_disk(c, out, to, sizeof to) ||
		access(image, F_OK) != 0) {
		failed(c, "convert", "No such file or directory");
		return;
	}
	snprintf(cdr, sizeof cdr, "%s%s", to, pl_ends_with(to, ".cdr") ? "" : ".cdr");
	sim_complain(pl_fs_copy(image, cdr, 0644));
	call_out(c, "created: %s\n", cdr + strlen(SIM_DISK));
}

void macos_hdiutil(struct sim *s, struct call *c)
{
	const char *verb = c->argc > 0 ? c->argv[0] : "";
	if (strcmp(verb, "attach") == 0)
		attach(s, c);
	else if (strcmp(verb, "detach") == 0 || strcmp(verb, "eject") == 0)
		detach(c);
	else if (strcmp(verb, "convert") == 0)
		convert(c);
	else
		failed(c, verb, "Function not implemented");
}

/* installer -pkg D/KernelDebugKit.pkg -target / */
void macos_installer(struct sim *s, struct call *c)
{
	char path[PATH_MAX];
	const char *package = macos_option(c, "-pkg", "-package");
	if (macos_needs_root(c, "installer: Must be run as root to install this package."))
		return;
	c->status = 1;
	if (package == NULL || !macos_on_disk(c, package, path, sizeof path) || access(path, F_OK) != 0) {
		call_err(c, "installer: Error the package path specified was invalid: '%s'.\n",
			package != NULL ? package : "");
		return;
	}
	const char *target = macos_option(c, "-target", "-tgt");
	if (target == NULL || strcmp(target, "/") != 0) {
		call_err(c, "installer: Error the target volume specified was invalid: '%s'.\n",
			target != NULL ? target : "");
		return;
	}
	boot_protect_disk(false);
	struct pl_error *e = s->faults.on[FAULT_INSTALLER_FAIL]
				     ? pl_error_new(PL_ERR_LAB, "fault installer-fail")
				     : kdk_unpack(path, SIM_DISK);
	boot_protect_disk(true);
	call_out(c, "installer: Package name is Kernel Debug Kit\ninstaller: Installing at base path /\n");
	if (e != NULL) {
		call_err(c,
			"installer: The install failed. (The Installer encountered an error that caused the "
			"installation to fail. Contact the software manufacturer for assistance.)\n");
		pl_error_free(e);
		return;
	}
	call_out(c, "installer: The install was successful.\n");
	c->status = 0;
}
