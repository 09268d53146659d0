/* mount, umount, diskutil and bless: the guest's volumes. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/simlab/simlab/kernel_files.h"
#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/protect.h"
#include "tests/simlab/simlab/tool_words.h"
#include "tests/simlab/simlab/volumes.h"

/* Numbers of macOS's errno, which mount gives. */
enum { DARWIN_EBUSY = 16, DARWIN_ENOTEMPTY = 66, DARWIN_EX_NOPERM = 77 };

/* ---- mount ---- */

/* What is always mounted, by release. */
static const struct {
	unsigned since;
	unsigned until;
	const char *line;
} MOUNTED[] = {
	{0, 1012, "/dev/disk0s2 on / (hfs, local, journaled)\n"},
	{1013, 1014, "/dev/disk1s1 on / (apfs, local, journaled)\n"},
	{0, 9999, "devfs on /dev (devfs, local, nobrowse)\n"},
	{1013, 1014, "/dev/disk1s4 on /private/var/vm (apfs, local, noexec, journaled, noatime, nobrowse)\n"},
	{1015, 1015, "/dev/disk1s1 on /System/Volumes/Data (apfs, local, journaled, nobrowse)\n"},
	{1015, 1015, "/dev/disk1s4 on /private/var/vm (apfs, local, journaled, nobrowse)\n"},
	{1100, 9999,
		"/dev/disk1s4 on /System/Volumes/VM (apfs, local, noexec, journaled, noatime, nobrowse)\n"},
	{1100, 9999, "/dev/disk1s2 on /System/Volumes/Preboot (apfs, local, journaled, nobrowse)\n"},
	{1100, 9999, "/dev/disk1s6 on /System/Volumes/Update (apfs, local, journaled, nobrowse)\n"},
	{1100, 9999, "/dev/disk1s1 on /System/Volumes/Data (apfs, local, journaled, nobrowse)\n"},
};

static void print_root(const struct sim *s, struct call *c)
{
	char name[VOLUMES_NAME_SIZE];
	if (s->release->number >= 1100) {
		volumes_booted(name);
		call_out(c, VOLUMES_ROOT_DEVICE " on / (apfs, %slocal, read-only, journaled)\n",
			volumes_is_sealed(name) ? "sealed, " : "");
	} else if (s->release->number >= 1015)
		call_out(c, "/dev/disk1s5 on / (apfs, local, %sjournaled)\n",
			s->boot.root_writable ? "" : "read-only, ");
}

static void print_mount(void *arg, const char *device, const char *at)
{
	bool image = strncmp(device, VOLUMES_SYSTEM_DEVICE, strlen(VOLUMES_SYSTEM_DEVICE)) != 0;
	call_out(arg, "%s on /%s (%s, local, %s, nobrowse)\n", device, at, image ? "hfs" : "apfs",
		image ? "nodev, nosuid, read-only, noowners" : "journaled");
}

static void list(const struct sim *s, struct call *c)
{
	print_root(s, c);
	for (size_t i = 0; i < sizeof MOUNTED / sizeof MOUNTED[0]; i++)
		if (s->release->number >= MOUNTED[i].since && s->release->number <= MOUNTED[i].until)
			call_out(c, "%s", MOUNTED[i].line);
	volumes_each(print_mount, c);
}

static void refuse(struct call *c, const char *why, const char *what, int status)
{
	call_err(c, WORDS_MOUNT, why, what, status);
	c->status = status;
}

static void make_root_writable(struct sim *s, struct call *c)
{
	if (protect_lift(s))
		return;
	if (s->release->number >= 1100)
		refuse(c, "Permission denied", "/", DARWIN_ENOTEMPTY);
	else if (s->release->number >= 1015)
		refuse(c, "Operation not permitted", "/", DARWIN_EX_NOPERM);
}

static void mount_device(struct sim *s, struct call *c, const char *device, const char *at)
{
	char path[PATH_MAX];
	if (s->release->number < 1100 || strcmp(device, VOLUMES_SYSTEM_DEVICE) != 0 ||
		!macos_on_disk(c, at, path, sizeof path)) {
		refuse(c, "No such file or directory", at, ENOENT);
		return;
	}
	if (!macos_csr(s, CSR_FS | CSR_UNAUTHENTICATED_ROOT)) {
		refuse(c, "Permission denied", at, DARWIN_ENOTEMPTY);
		return;
	}
	int problem = volumes_mount(device, VOLUMES_LIVE, path + strlen(SIM_DISK "/"));
	if (problem == EBUSY)
		refuse(c, "Resource busy", at, DARWIN_EBUSY);
	else if (problem != 0)
		refuse(c, strerror(problem), at, problem == ENOTEMPTY ? DARWIN_ENOTEMPTY : problem);
}

void macos_mount(struct sim *s, struct call *c)
{
	const char *words[2] = {NULL, NULL};
	int count = 0;
	bool update = false;
	for (int i = 0; i < c->argc; i++) {
		const char *word = c->argv[i];
		if (strcmp(word, "-o") == 0 || strcmp(word, "-t") == 0)
			i++;
		else if (word[0] == '-')
			update |= strchr(word, 'u') != NULL;
		else if (count < 2)
			words[count++] = word;
	}
	if (count == 0) {
		list(s, c);
		return;
	}
	if (macos_needs_root(c, "mount: Operation not permitted"))
		return;
	if (update && strcmp(words[0], "/") == 0)
		make_root_writable(s, c);
	else if (count == 2)
		mount_device(s, c, words[0], words[1]);
	else
		refuse(c, "No such file or directory", words[0], ENOENT);
}

/* A mount point or device as volumes.h calls it. */
static bool find_mount(
	const struct call *c, const char *word, char device[static 64], char at[static PATH_MAX])
{
	char path[PATH_MAX];
	if (strncmp(word, "/dev/", 5) == 0)
		return volumes_mounted(word, device, at);
	return macos_on_disk(c, word, path, sizeof path) &&
	       volumes_mounted(path + strlen(SIM_DISK "/"), device, at);
}

static bool unmount(struct call *c, const char *word, char device[static 64], char at[static PATH_MAX])
{
	if (!find_mount(c, word, device, at))
		return false;
	sim_complain(volumes_unmount(at));
	return true;
}

void macos_umount(struct sim *s, struct call *c)
{
	char device[64];
	char at[PATH_MAX];
	const char *word = c->argc > 0 ? c->argv[c->argc - 1] : "";
	(void)s;
	if (macos_needs_root(c, "umount: Operation not permitted"))
		return;
	if (unmount(c, word, device, at))
		return;
	call_err(c, "umount: %s: not currently mounted\n", word);
	c->status = 1;
}

/* ---- diskutil ---- */

static void info(const struct sim *s, struct call *c)
{
	char name[VOLUMES_NAME_SIZE] = "";
	const char *device = s->release->number < 1013   ? "disk0s2"
			     : s->release->number < 1015 ? "disk1s1"
			     : s->release->number < 1100 ? "disk1s5"
							 : "disk1s5s1";
	call_out(c, "   Device Identifier:         %s\n   Device Node:               /dev/%s\n", device,
		device);
	call_out(c, "   Mounted:                   Yes\n   Mount Point:               /\n");
	call_out(c, "   File System Personality:   %s\n",
		s->release->number < 1013 ? "Journaled HFS+" : "APFS");
	if (s->release->number < 1100)
		return;
	volumes_booted(name);
	call_out(c, "   APFS Snapshot:             Yes\n   APFS Snapshot Name:        %s\n", name);
	call_out(c, "   Sealed:                    %s\n", volumes_is_sealed(name) ? "Yes" : "Broken");
}

void macos_diskutil(struct sim *s, struct call *c)
{
	char device[64];
	char at[PATH_MAX];
	const char *verb = c->argc > 0 ? c->argv[0] : "";
	const char *what = c->argc > 1 ? c->argv[c->argc - 1] : "";
	if (strcmp(verb, "info") == 0 && strcmp(what, "/") == 0) {
		info(s, c);
		return;
	}
	if (strcmp(verb, "unmount") == 0 && unmount(c, what, device, at)) {
		call_out(c, "Volume on %s unmounted\n", device + strlen("/dev/"));
		return;
	}
	call_err(c, "Unable to find disk for %s\n", what);
	c->status = 1;
}

/* ---- bless ---- */

/* Without a mount of the system volume there is nothing to make a snapshot of. */
static void create_snapshot(struct sim *s, struct call *c, const char *mount)
{
	char device[64];
	char at[PATH_MAX];
	bool mounted = find_mount(c, mount, device, at) && strcmp(device, VOLUMES_SYSTEM_DEVICE) == 0;
	if (!mounted || !macos_csr(s, CSR_UNAUTHENTICATED_ROOT) || s->faults.on[FAULT_BLESS_FAIL]) {
		call_err(c, WORDS_BLESS_NO_SNAPSHOT, mount, mount);
		c->status = 1;
		return;
	}
	sim_complain(volumes_snapshot(s->boots));
}

void macos_bless(struct sim *s, struct call *c)
{
	const char *mount = macos_option(c, "--mount", "-mount");
	if (macos_has(c, "--info") || macos_has(c, "-info")) {
		call_out(c, "simulated bless: /System/Library/CoreServices\n");
		return;
	}
	if (macos_needs_root(c, "bless: must be run as root"))
		return;
	bool creates = macos_has(c, "--create-snapshot");
	bool last = macos_has(c, "--last-sealed-snapshot");
	if (s->release->number < 1100 || mount == NULL || !(creates || last)) {
		call_err(c, "Usage: bless [options]\n");
		c->status = 1;
	} else if (creates)
		create_snapshot(s, c, mount);
	else
		sim_complain(volumes_bless_sealed());
}
