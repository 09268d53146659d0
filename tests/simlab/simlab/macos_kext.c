#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/boot.h"
#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/panic.h"

/* A path in the guest as one below the lab's folder; false if it leads out. */
static bool on_disk(const struct call *c, const char *path, char *out, size_t size)
{
	if (strstr(path, "..") != NULL)
		return false;
	int n = path[0] == '/' ? snprintf(out, size, SIM_DISK "%s", path)
			       : snprintf(out, size, SIM_DISK "%s/%s", c->cwd, path);
	return n > 0 && (size_t)n < size;
}

/* The text between <string> and </string> after <key>NAME</key>. */
static bool plist_string(const char *text, const char *name, char *out, size_t size)
{
	char key[64];
	snprintf(key, sizeof key, "<key>%s</key>", name);
	const char *at = strstr(text, key);
	at = at != NULL ? strstr(at, "<string>") : NULL;
	const char *end = at != NULL ? strstr(at, "</string>") : NULL;
	if (end == NULL)
		return false;
	at += strlen("<string>");
	snprintf(out, size, "%.*s", (int)(end - at), at);
	return true;
}

struct bundle {
	char id[128];
	bool signed_;      /* has a _CodeSignature */
	char panics[32];   /* SimulatedPanic in its Info.plist: what its start routine does */
	char message[256]; /* SimulatedPanicMessage */
};

static bool read_bundle(const struct call *c, const char *kext, struct bundle *ret)
{
	char disk[2048];
	char path[2200];
	struct pl_buf b;
	*ret = (struct bundle){0};
	if (!on_disk(c, kext, disk, sizeof disk))
		return false;
	pl_buf_init(&b, 1U << 20);
	snprintf(path, sizeof path, "%s/Contents/Info.plist", disk);
	struct pl_error *e = pl_fs_read(path, &b);
	const char *text = pl_buf_text(&b);
	bool ok = e == NULL && plist_string(text, "CFBundleIdentifier", ret->id, sizeof ret->id);
	plist_string(text, "SimulatedPanic", ret->panics, sizeof ret->panics);
	plist_string(text, "SimulatedPanicMessage", ret->message, sizeof ret->message);
	snprintf(path, sizeof path, "%s/Contents/_CodeSignature", disk);
	ret->signed_ = access(path, F_OK) == 0;
	pl_error_free(e);
	pl_buf_deinit(&b);
	return ok;
}

/* Behind the ones that the booted kernel has: they slide, so no fixed place is free. */
static uint64_t free_address(const struct kernel_desc *d)
{
	uint64_t end = UINT64_C(0xffffff7f80000000);
	for (size_t i = 0; i < d->kext_count; i++)
		if (d->kexts[i].address + d->kexts[i].size > end)
			end = d->kexts[i].address + d->kexts[i].size;
	return (end + 0xfff) & ~UINT64_C(0xfff);
}

static void start_kext(struct sim *s, struct call *c, const struct bundle *k)
{
	enum panic_trigger trigger = PANIC_KEXT;
	size_t used = strlen(s->boot.kexts);
	snprintf(s->boot.kexts + used, sizeof s->boot.kexts - used, "%s ", k->id);
	if (k->panics[0] == '\0' || s->faults.on[FAULT_TRIGGER_SILENT])
		return;
	pl_error_free(panic_trigger_parse(k->panics, &trigger));
	c->ready = call_hangs;
	char entry[256];
	/* The kernel has to know the kext that it blames. */
	snprintf(entry, sizeof entry, "%s 1.0 6B1F2C50-51A7-4C1B-9A5E-51A71AB00001 0x%" PRIx64 " 0x5000",
		k->id, free_address(&s->boot.kernel));
	sim_complain(kernel_desc_set(&s->boot.kernel, "kext", entry));
	panic_begin(s, trigger, k->message[0] != '\0' ? k->message : NULL, k->id);
}

void macos_kextload(struct sim *s, struct call *c)
{
	struct bundle k;
	const char *path = c->argc > 0 ? c->argv[c->argc - 1] : "";
	const char *tool = c->name;
	c->status = 77;
	if (!c->root) {
		call_err(c, "%s must be running as root to load kexts into the kernel.\n", tool);
		return;
	}
	c->status = 71;
	if (!read_bundle(c, path, &k)) {
		call_err(c, "%s: can't find bundle or its identifier - no such file or directory.\n", path);
		return;
	}
	if (!k.signed_ && (s->boot.csr & CSR_KEXTS) == 0) {
		call_err(c,
			"%s failed to load - (libkern/kext) not loadable (reason unspecified); check the "
			"system/kernel "
			"logs for errors or try kextutil(8).\n",
			path);
		return;
	}
	c->status = 0;
	start_kext(s, c, &k);
}

void macos_kextunload(struct sim *s, struct call *c)
{
	char id[130];
	const char *name = c->argc > 0 ? c->argv[c->argc - 1] : "";
	c->status = 1;
	if (macos_needs_root(c, "kextunload must be running as root to unload kexts."))
		return;
	struct bundle k;
	snprintf(id, sizeof id, "%.127s ", read_bundle(c, name, &k) ? k.id : name);
	char *at = strstr(s->boot.kexts, id);
	if (at == NULL) {
		call_err(c, "(kernel) Kext %s not found for unload request.\n", name);
		return;
	}
	memmove(at, at + strlen(id), strlen(at + strlen(id)) + 1);
	c->status = 0;
}

void macos_kextstat(struct sim *s, struct call *c)
{
	const struct kernel_desc *d = &s->boot.kernel;
	char *copy = strdup(s->boot.kexts);
	char *save = NULL;
	unsigned n = 1;
	call_out(c,
		"Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n");
	for (size_t i = 0; i < d->kext_count; i++)
		call_out(c, "%5u    1 0x%016llx 0x%-8llx 0x%-8llx %s (%s)\n", n++,
			(unsigned long long)d->kexts[i].address, (unsigned long long)d->kexts[i].size,
			(unsigned long long)d->kexts[i].size, d->kexts[i].name, d->kexts[i].version);
	for (char *id = copy != NULL ? strtok_r(copy, " ", &save) : NULL; id != NULL;
		id = strtok_r(NULL, " ", &save))
		call_out(c, "%5u    0 0x%" PRIx64 " 0x5000     0x5000     %s (1.0)\n", n++, free_address(d),
			id);
	free(copy);
}

/* ---- the debug kernel ---- */

/* Makes or drops prelinkedkernel.SUFFIX as Kernels/kernel.SUFFIX is there or not. */
static void prelink(const char *suffix)
{
	char kernel[256];
	char prelinked[256];
	snprintf(kernel, sizeof kernel, SIM_DISK "/System/Library/Kernels/kernel.%s", suffix);
	snprintf(prelinked, sizeof prelinked, SIM_DISK "/System/Library/PrelinkedKernels/prelinkedkernel.%s",
		suffix);
	if (access(kernel, F_OK) == 0)
		sim_complain(pl_fs_write(prelinked, "simulated prelinked kernel\n", 27, 0644));
}

/* Always 0: success shows in what it says. It never removes anything. */
void macos_kextcache(struct sim *s, struct call *c)
{
	(void)s;
	if (!c->root) {
		call_err(c, "You must be running as root to rebuild caches.\n");
		return;
	}
	boot_protect_disk(false);
	prelink("development");
	prelink("debug");
	boot_protect_disk(true);
	call_out(c, "KernelCache ID: 51A71AB051A71AB051A71AB051A71AB0\n");
}

#define KDK_DIR "Library/Developer/KDKs/KDK_10.12.6_16G29.kdk"

/* hdiutil attach X.dmg -mountpoint D -nobrowse; detach D */
void macos_hdiutil(struct sim *s, struct call *c)
{
	char path[2048];
	const char *verb = c->argc > 0 ? c->argv[0] : "";
	const char *at = NULL;
	(void)s;
	for (int i = 1; i + 1 < c->argc; i++)
		if (strcmp(c->argv[i], "-mountpoint") == 0)
			at = c->argv[i + 1];
	c->status = 1;
	if (strcmp(verb, "attach") == 0 && at != NULL) {
		char pkg[2200];
		if (!on_disk(c, c->argv[1], path, sizeof path) || access(path, F_OK) != 0 ||
			!on_disk(c, at, path, sizeof path)) {
			call_err(c, "hdiutil: attach failed - No such file or directory\n");
			return;
		}
		snprintf(pkg, sizeof pkg, "%s/KernelDebugKit.pkg", path);
		mkdir(path, 0755);
		sim_complain(pl_fs_write(pkg, "simulated package\n", 18, 0644));
		call_out(c,
			"/dev/disk2          \tGUID_partition_scheme\n/dev/disk2s1        \tApple_HFS\t%s\n",
			at);
		c->status = 0;
	} else if (strcmp(verb, "detach") == 0 && c->argc > 1 && on_disk(c, c->argv[1], path, sizeof path) &&
		   access(path, F_OK) == 0) {
		sim_complain(pl_fs_remove_tree(path));
		call_out(c, "\"disk2\" unmounted.\n\"disk2\" ejected.\n");
		c->status = 0;
	} else
		call_err(c, "hdiutil: %s failed - No such file or directory\n", verb);
}

static struct pl_error *install_kdk(void)
{
	static const char KERNELS[] = SIM_DISK "/" KDK_DIR "/System/Library/Kernels";
	char path[512];
	struct pl_error *e = pl_fs_mkdirs(KERNELS);
	snprintf(path, sizeof path, "%s/kernel.development", KERNELS);
	if (e == NULL)
		e = pl_fs_write(path, "simulated kernel 16.7.0 DEVELOPMENT_X86_64\n", 43, 0755);
	snprintf(path, sizeof path, "%s/kernel.debug", KERNELS);
	if (e == NULL)
		e = pl_fs_write(path, "simulated kernel 16.7.0 DEBUG_X86_64\n", 37, 0755);
	static const char VERSION[] = SIM_DISK "/" KDK_DIR "/System/Library/CoreServices";
	if (e == NULL)
		e = pl_fs_mkdirs(VERSION);
	snprintf(path, sizeof path, "%s/SystemVersion.plist", VERSION);
	if (e == NULL)
		e = pl_fs_copy(SIM_DISK "/System/Library/CoreServices/SystemVersion.plist", path, 0644);
	return e;
}

/* installer -pkg D/KernelDebugKit.pkg -target / */
void macos_installer(struct sim *s, struct call *c)
{
	char path[2048];
	(void)s;
	if (macos_needs_root(c, "installer: Must be run as root to install this package."))
		return;
	bool there = c->argc >= 2 && strcmp(c->argv[0], "-pkg") == 0 &&
		     on_disk(c, c->argv[1], path, sizeof path) && access(path, F_OK) == 0;
	if (!there) {
		call_err(c, "installer: Error the package path specified was invalid.\n");
		c->status = 1;
		return;
	}
	boot_protect_disk(false);
	sim_complain(install_kdk());
	boot_protect_disk(true);
	call_out(c, "installer: Package name is Kernel Debug Kit\ninstaller: Installing at base path /\n"
		    "installer: The install was successful.\n");
}
