/* kextcache and kcditto: how a kernel becomes one that boots, up to 10.15. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/boot.h"
#include "tests/simlab/simlab/kernel_files.h"
#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/tool_words.h"

/* kernel -> prelinkedkernel, kernel.development -> prelinkedkernel.development */
static void prelink(const struct sim *s, struct call *c, const char *kernel, bool always)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	struct kernel_identification id;
	snprintf(from, sizeof from, SIM_DISK "/" KERNELS "/%s", kernel);
	snprintf(to, sizeof to, SIM_DISK "/" PRELINKED "/prelinked%s", kernel);
	if (!always && kernel_files_time(to) > kernel_files_time(from))
		return;
	struct pl_error *e = kernel_image_read(from, &id);
	if (e != NULL || !kernel_files_fits(&id, s->release)) {
		call_err(c, WORDS_CACHE_NO_LINK, to + strlen(SIM_DISK));
		pl_error_free(e);
		return;
	}
	sim_complain(kernel_files_link(from, to));
	call_out(c, WORDS_CACHE_ID);
}

static void prelink_all(const struct sim *s, struct call *c, bool always)
{
	DIR *d = opendir(SIM_DISK "/" KERNELS);
	for (struct dirent *f; d != NULL && (f = readdir(d)) != NULL;)
		if (strncmp(f->d_name, "kernel", 6) == 0 && strstr(f->d_name, ".dSYM") == NULL)
			prelink(s, c, f->d_name, always);
	if (d != NULL)
		closedir(d);
}

/* Always 0: success shows in what it says. It never removes anything. */
void macos_kextcache(struct sim *s, struct call *c)
{
	if (!c->root) {
		call_err(c, WORDS_CACHE_NO_ROOT);
		return;
	}
	if (s->release->number >= 1100) {
		call_err(c, "The kextcache utility has been deprecated. Please use kmutil(8).\n");
		return;
	}
	if (s->release->number >= 1015 && !s->boot.root_writable) {
		call_err(c, WORDS_CACHE_READ_ONLY, "/" PRELINKED "/prelinkedkernel");
		return;
	}
	sim_event("kextcache");
	if (s->faults.on[FAULT_KEXTCACHE_SILENT])
		return;
	boot_protect_disk(false);
	if (s->release->install == INSTALL_MACH_KERNEL)
		sim_complain(kernel_files_cache(SIM_DISK));
	else
		prelink_all(s, c, !macos_has(c, "-u") && !macos_has(c, "-update-volume"));
	boot_protect_disk(true);
}

/* 10.15: Preboot, from which it boots, gets what is prelinked, and loses what is not. */
void macos_kcditto(struct sim *s, struct call *c)
{
	static const char TO[] = SIM_DISK "/" PREBOOT "/" PRELINKED;
	if (macos_needs_root(c, "kcditto: must be run as root"))
		return;
	(void)s;
	struct pl_error *e = pl_fs_remove_tree(TO);
	if (e == NULL)
		e = pl_fs_mkdirs(TO);
	chmod(TO, 0755);
	DIR *d = opendir(SIM_DISK "/" PRELINKED);
	for (struct dirent *f; d != NULL && e == NULL && (f = readdir(d)) != NULL;) {
		char from[PATH_MAX];
		char to[PATH_MAX];
		snprintf(from, sizeof from, SIM_DISK "/" PRELINKED "/%s", f->d_name);
		snprintf(to, sizeof to, "%s/%s", TO, f->d_name);
		if (f->d_name[0] != '.')
			e = pl_fs_copy(from, to, 0644);
	}
	if (d != NULL)
		closedir(d);
	sim_complain(e);
}
