#include "tests/simlab/simlab/booter.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/boot_args.h"
#include "tests/simlab/simlab/kernel_files.h"
#include "tests/simlab/simlab/sip_words.h"
#include "tests/simlab/simlab/volumes.h"

#define NO_DRIVER "Unable to find driver for this platform: \\\"ACPI\\\"."

static void fails(struct booter_choice *c, enum booter_outcome outcome, const char *why)
{
	c->outcome = outcome;
	snprintf(c->why, sizeof c->why, "%s", why);
}

static void take(struct booter_choice *c, const struct sim *s, const char *path)
{
	struct pl_error *e = kernel_image_read(path, &c->kernel);
	if (e != NULL)
		fails(c, BOOTER_FAILS, "Error loading kernel cache (0xe)");
	else if (!kernel_files_fits(&c->kernel, s->release))
		/* Its kexts are for another kernel: none of them links. */
		fails(c, BOOTER_PANICS, NO_DRIVER);
	pl_error_free(e);
}

/* PATH, or PATH.SUFFIX for kcsuffix= when that is there. */
static void take_suffixed(
	struct booter_choice *c, const struct sim *s, const char *path, const char *boot_args)
{
	char suffix[32];
	char suffixed[PATH_MAX];
	if (boot_args_string(boot_args, "kcsuffix", suffix, sizeof suffix) && strchr(suffix, '/') == NULL) {
		snprintf(suffixed, sizeof suffixed, "%s.%s", path, suffix);
		if (access(suffixed, F_OK) == 0 || s->faults.on[FAULT_KCSUFFIX_STRICT]) {
			take(c, s, suffixed);
			return;
		}
	}
	take(c, s, path);
}

/* ---- up to 10.9 ---- */

static bool cache_is_valid(void)
{
	time_t cache = kernel_files_time(SIM_DISK "/" KERNEL_CACHE);
	return cache >= 0 && cache == kernel_files_time(SIM_DISK "/" EXTENSIONS) + 1 &&
	       cache >= kernel_files_time(SIM_DISK "/" MACH_KERNEL);
}

/* Loaded kexts must not be writable for the group, and System.kext is the kernel's own list of symbols. */
static bool system_kext_fits(const struct booter_choice *c)
{
	char wanted[64];
	struct stat st;
	struct pl_buf b;
	pl_buf_init(&b, 1U << 16);
	snprintf(wanted, sizeof wanted, "<string>%s</string>",
		RELEASE_VARIANT_NAMES[kernel_files_variant(c->kernel.version)]);
	struct pl_error *e = pl_fs_read(SIM_DISK "/" SYSTEM_KEXT "/Contents/Info.plist", &b);
	bool fits = e == NULL && strstr(pl_buf_text(&b), wanted) != NULL;
	fits = fits && stat(SIM_DISK "/" SYSTEM_KEXT, &st) == 0 && (st.st_mode & 022) == 0;
	pl_error_free(e);
	pl_buf_deinit(&b);
	return fits;
}

static void choose_mach_kernel(struct booter_choice *c, const struct sim *s)
{
	if (cache_is_valid()) {
		take(c, s, SIM_DISK "/" KERNEL_CACHE);
		return;
	}
	take(c, s, SIM_DISK "/" MACH_KERNEL);
	if (c->outcome == BOOTER_BOOTS && !system_kext_fits(c))
		fails(c, BOOTER_PANICS, NO_DRIVER);
	/* kextd does that once the system is up. */
	if (c->outcome == BOOTER_BOOTS)
		sim_complain(kernel_files_cache(SIM_DISK));
}

/* ---- 11 and later ---- */

static void choose_snapshot(struct booter_choice *c, const struct sim *s, const char *boot_args, uint32_t csr)
{
	char name[VOLUMES_NAME_SIZE];
	char path[PATH_MAX];
	volumes_blessed(name);
	if (!volumes_is_sealed(name) && (csr & CSR_UNAUTHENTICATED_ROOT) == 0) {
		fails(c, BOOTER_FAILS, "root hash authentication failed: the system volume is not sealed");
		return;
	}
	snprintf(path, sizeof path, VOLUMES_SNAPSHOTS "/%s/" BOOT_COLLECTION, name);
	take_suffixed(c, s, path, boot_args);
	if (c->outcome != BOOTER_FAILS)
		sim_complain(volumes_boot(name));
}

void booter_choose(struct sim *s, const char *boot_args, uint32_t csr, struct booter_choice *ret)
{
	*ret = (struct booter_choice){.outcome = BOOTER_BOOTS};
	switch (s->release->install) {
	case INSTALL_MACH_KERNEL:
		choose_mach_kernel(ret, s);
		break;
	case INSTALL_PRELINKED:
		take_suffixed(ret, s, SIM_DISK "/" PRELINKED "/prelinkedkernel", boot_args);
		break;
	case INSTALL_PREBOOT:
		take_suffixed(ret, s, SIM_DISK "/" PREBOOT "/" PRELINKED "/prelinkedkernel", boot_args);
		break;
	case INSTALL_SEALED:
	case INSTALL_SEALED_KDK:
		choose_snapshot(ret, s, boot_args, csr);
		break;
	}
	bool debug_kernel = kernel_files_variant(ret->kernel.version) != 0;
	if (ret->outcome == BOOTER_BOOTS && debug_kernel && s->faults.on[FAULT_BOOT_PANIC])
		fails(ret, BOOTER_PANICS, "fault boot-panic: the new kernel does not come up");
	if (ret->outcome == BOOTER_BOOTS && debug_kernel && s->faults.on[FAULT_KERNEL_HANG])
		fails(ret, BOOTER_FAILS, "fault kernel-hang");
}
