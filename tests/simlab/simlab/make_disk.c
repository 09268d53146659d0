/* The guest's file system: folders, links, small files and kernels of its release. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/kernel_files.h"
#include "tests/simlab/simlab/make.h"
#include "tests/simlab/simlab/volumes.h"

/* Parents first, each with its own mode. */
static const char *const DIRS[] = {"Applications", "Library", "Library/Developer", "Library/Developer/KDKs",
	"Library/Extensions", "Library/Logs", "Library/Logs/DiagnosticReports", "Library/Preferences",
	"Library/Preferences/SystemConfiguration", "System", "System/Library", "System/Library/CoreServices",
	"System/Library/Extensions", "Users", "Users/" SIM_USER, "Users/" SIM_USER "/.ssh", "Users/Shared",
	"Volumes", "bin", "dev", "proc", ".host", ".lab", ".tools", "private", "private/etc",
	"private/etc/ssh", "private/tmp", "private/var", "private/var/log", "private/var/tmp",
	"private/var/root", "private/var/vm", "private/var/folders", "sbin", "usr", "usr/bin", "usr/lib",
	"usr/libexec", "usr/sbin", "usr/share"};

static const struct {
	const char *path;
	const char *to;
} LINKS[] = {
	{"etc", "private/etc"},
	{"tmp", "private/tmp"},
	{"var", "private/var"},
	/* For the loader of the host's programs, not for anybody's eyes. */
	{"lib", ".host/lib"},
	{"lib64", ".host/lib64"},
	{"private/etc/ld.so.cache", "/.host/etc/ld.so.cache"},
};

static const struct {
	const char *path;
	const char *text;
	mode_t mode;
} FILES[] = {
	{"private/etc/passwd",
		"nobody:*:65534:65534:Unprivileged User:/var/empty:/usr/bin/false\n"
		"root:*:0:0:System Administrator:/var/root:/bin/sh\n"
		"lab:*:501:20:Lab:/Users/lab:/bin/bash\n",
		0644},
	{"private/etc/group", "wheel:*:0:root\nstaff:*:20:root\nadmin:*:80:root,lab\nnobody:*:65534:\n",
		0644},
	{"private/etc/hosts", "127.0.0.1\tlocalhost\n", 0644},
	{"private/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n", 0644},
	{"Users/lab/notes.txt", "what the user had before\n", 0644},
};

/* Commands that are links to the program `macos`. */
static const char *const COMMANDS[] = {"/bin/[", "/bin/cat", "/bin/chmod", "/bin/cp", "/bin/date", "/bin/dd",
	"/bin/df", "/bin/echo", "/bin/expr", "/bin/hostname", "/bin/kill", "/bin/ln", "/bin/ls", "/bin/mkdir",
	"/bin/mv", "/bin/ps", "/bin/pwd", "/bin/rm", "/bin/rmdir", "/bin/sleep", "/bin/sync", "/bin/test",
	"/sbin/ifconfig", "/sbin/kextunload", "/sbin/md5", "/sbin/mount", "/sbin/umount", "/sbin/ping",
	"/sbin/reboot", "/sbin/route", "/sbin/shutdown", "/sbin/halt", "/usr/bin/awk", "/usr/bin/basename",
	"/usr/bin/cmp", "/usr/bin/cut", "/usr/bin/diff", "/usr/bin/dirname", "/usr/bin/ditto", "/usr/bin/du",
	"/usr/bin/env", "/usr/bin/false", "/usr/bin/find", "/usr/bin/grep", "/usr/bin/gunzip",
	"/usr/bin/gzip", "/usr/bin/head", "/usr/bin/hdiutil", "/usr/bin/id", "/usr/bin/kextutil",
	"/usr/bin/logname", "/usr/bin/mktemp", "/usr/bin/nohup", "/usr/bin/od", "/usr/bin/printf",
	"/usr/bin/readlink", "/usr/bin/sed", "/usr/bin/shasum", "/usr/bin/sort", "/usr/bin/stat",
	"/usr/bin/sudo", "/usr/bin/sw_vers", "/usr/bin/tail", "/usr/bin/tar", "/usr/bin/tee",
	"/usr/bin/touch", "/usr/bin/tr", "/usr/bin/true", "/usr/bin/tty", "/usr/bin/uname", "/usr/bin/uniq",
	"/usr/bin/uptime", "/usr/bin/wc", "/usr/bin/which", "/usr/bin/whoami", "/usr/bin/xargs",
	"/usr/sbin/chown", "/usr/sbin/bless", "/usr/sbin/dtrace", "/usr/sbin/diskutil", "/usr/sbin/spctl",
	"/usr/sbin/installer", "/usr/sbin/ioreg", "/usr/sbin/ipconfig", "/usr/sbin/kextstat",
	"/usr/sbin/networksetup", "/usr/sbin/nvram", "/usr/sbin/scutil", "/usr/sbin/sysctl",
	"/usr/sbin/system_profiler"};

/* Those that not every release has. */
static const struct {
	const char *path;
	unsigned since;
	unsigned until;
} COMMANDS_OF[] = {{"/sbin/kextload", 0, 9999}, {"/usr/bin/csrutil", 1011, 9999},
	{"/usr/bin/kmutil", 1100, 9999}, {"/usr/sbin/kextcache", 0, 9999}, {"/usr/sbin/kcditto", 1015, 9999}};

/* The host's own programs under macOS's paths. */
static const char *const PROGRAMS[][2] = {{"/bin/sh", "dash"}, {"/bin/sh", "sh"}, {"/bin/bash", "bash"},
	{"/bin/bash", "sh"}, {"/usr/sbin/sshd", "sshd"}, {"/usr/bin/scp", "scp"}};

/* What `macos` runs after its filter, beside the commands of the same names. */
static const char *const HELPERS[] = {"md5sum", "sha1sum", "sha256sum", "sha512sum"};

/* Where the host has that tool, without links: those would lead astray in the guest. */
static bool find_tool(const char *name, char out[static PATH_MAX])
{
	static const char *const PATHS[] = {"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"};
	char path[PATH_MAX];
	for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", PATHS[i], name);
		if (access(path, X_OK) == 0 && realpath(path, out) != NULL)
			return true;
	}
	return false;
}

static struct pl_error *link_to(const char *at, const char *target)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, SIM_DISK "/%s", at[0] == '/' ? at + 1 : at);
	unlink(path);
	if (symlink(target, path) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot make the link %s", path);
	return NULL;
}

static struct pl_error *link_host(const char *at, const char *host_path)
{
	char target[PATH_MAX + 8];
	snprintf(target, sizeof target, "/.host%s", host_path);
	return link_to(at, target);
}

static struct pl_error *link_tool(const char *name)
{
	char host[PATH_MAX];
	char at[128];
	snprintf(at, sizeof at, ".tools/%s", name);
	return find_tool(name, host) ? link_host(at, host) : NULL;
}

static struct pl_error *link_command(const char *at, const char *program)
{
	struct pl_error *e = link_host(at, program);
	return e != NULL ? e : link_tool(strrchr(at, '/') + 1);
}

static struct pl_error *link_commands(const char *program, const struct release *r)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0] && e == NULL; i++)
		e = link_command(COMMANDS[i], program);
	for (size_t i = 0; i < sizeof COMMANDS_OF / sizeof COMMANDS_OF[0] && e == NULL; i++)
		if (r->number >= COMMANDS_OF[i].since && r->number <= COMMANDS_OF[i].until)
			e = link_command(COMMANDS_OF[i].path, program);
	return e;
}

struct pl_error *make_links(const char *tools, const struct release *r)
{
	char path[PATH_MAX];
	char host[PATH_MAX];
	struct pl_error *e = NULL;
	snprintf(path, sizeof path, "%s/macos", tools);
	if (access(path, X_OK) != 0)
		return pl_error_hint(
			pl_error_errno(PL_ERR_LAB, errno, "%s", path), "build all of `make simlab`");
	e = link_commands(path, r);
	for (size_t i = 0; i < sizeof PROGRAMS / sizeof PROGRAMS[0] && e == NULL; i++) {
		char at[PATH_MAX];
		snprintf(at, sizeof at, SIM_DISK "%s", PROGRAMS[i][0]);
		bool again = i > 0 && strcmp(PROGRAMS[i][0], PROGRAMS[i - 1][0]) == 0;
		struct stat st;
		if (find_tool(PROGRAMS[i][1], host) && !(again && lstat(at, &st) == 0))
			e = link_host(PROGRAMS[i][0], host);
	}
	for (size_t i = 0; i < sizeof HELPERS / sizeof HELPERS[0] && e == NULL; i++)
		e = link_tool(HELPERS[i]);
	return e;
}

static struct pl_error *make_folder(const char *folder)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, SIM_DISK "/%s", folder);
	struct pl_error *e = pl_fs_mkdirs(path);
	/* Parents that it made are for their owner only. */
	for (char *end = path + strlen(path); e == NULL && end != NULL; end = strrchr(path, '/')) {
		*end = '\0';
		if (strcmp(path, SIM_DISK) == 0)
			break;
		chmod(path, 0755);
	}
	return e;
}

static struct pl_error *write_system_version(const struct release *r)
{
	char text[512];
	snprintf(text, sizeof text,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<dict>\n"
		"\t<key>ProductBuildVersion</key>\n\t<string>%s</string>\n"
		"\t<key>ProductName</key>\n\t<string>%s</string>\n"
		"\t<key>ProductUserVisibleVersion</key>\n\t<string>%s</string>\n"
		"\t<key>ProductVersion</key>\n\t<string>%s</string>\n</dict>\n</plist>\n",
		r->build, r->product, r->version, r->version);
	return pl_fs_write(
		SIM_DISK "/System/Library/CoreServices/SystemVersion.plist", text, strlen(text), 0644);
}

/* The release kernel, in the form in which that release boots it. */
static struct pl_error *make_kernel(const struct release *r, uint64_t core_size)
{
	static const struct {
		const char *folder;
		const char *linked; /* NULL: not there */
	} PLACES[] = {
		[INSTALL_MACH_KERNEL] = {"System/Library/Caches/com.apple.kext.caches/Startup", NULL},
		[INSTALL_PRELINKED] = {PRELINKED, PRELINKED "/prelinkedkernel"},
		[INSTALL_PREBOOT] = {PRELINKED, PRELINKED "/prelinkedkernel"},
		[INSTALL_SEALED] = {COLLECTIONS, BOOT_COLLECTION},
		[INSTALL_SEALED_KDK] = {COLLECTIONS, BOOT_COLLECTION},
	};
	bool old = r->install == INSTALL_MACH_KERNEL;
	char linked[PATH_MAX];
	const char *kernel = old ? SIM_DISK "/" MACH_KERNEL : SIM_DISK "/" KERNELS "/kernel";
	struct pl_error *e = make_folder(PLACES[r->install].folder);
	if (e == NULL && !old)
		e = make_folder(KERNELS);
	if (e == NULL)
		e = kernel_files_write(kernel, r, 0, core_size);
	if (e == NULL && old)
		e = kernel_files_system_kext(SIM_DISK "/" SYSTEM_KEXT, r, 0);
	if (e == NULL && old)
		return kernel_files_cache(SIM_DISK);
	snprintf(linked, sizeof linked, SIM_DISK "/%s", old ? "" : PLACES[r->install].linked);
	return e != NULL ? e : kernel_files_link(kernel, linked);
}

/* What only some releases have beside it. */
static struct pl_error *make_volumes(const struct release *r)
{
	struct pl_error *e = NULL;
	if (r->number >= 1015)
		e = make_folder("System/Volumes/Data");
	if (e == NULL && r->number >= 1015)
		e = make_folder("System/Volumes/VM");
	if (e == NULL && r->install == INSTALL_PREBOOT)
		e = make_folder(PREBOOT "/" PRELINKED);
	if (e == NULL && r->install == INSTALL_PREBOOT)
		e = pl_fs_copy(SIM_DISK "/" PRELINKED "/prelinkedkernel",
			SIM_DISK "/" PREBOOT "/" PRELINKED "/prelinkedkernel", 0644);
	if (e == NULL && r->number >= 1100)
		e = kernel_files_link(SIM_DISK "/" KERNELS "/kernel", SIM_DISK "/" SYSTEM_COLLECTION);
	if (e == NULL && r->number >= 1100)
		e = volumes_make();
	return e;
}

struct pl_error *make_disk(const struct release *r, uint64_t core_size)
{
	char path[PATH_MAX];
	struct pl_error *e = NULL;
	for (size_t i = 0; i < sizeof DIRS / sizeof DIRS[0] && e == NULL; i++) {
		snprintf(path, sizeof path, SIM_DISK "/%s", DIRS[i]);
		e = pl_fs_mkdirs(path);
		chmod(path, 0755);
	}
	chmod(SIM_DISK, 0755);
	chmod(SIM_DISK "/Users/" SIM_USER "/.ssh", 0700);
	chmod(SIM_DISK "/private/tmp", 01777);
	for (size_t i = 0; i < sizeof LINKS / sizeof LINKS[0] && e == NULL; i++)
		e = link_to(LINKS[i].path, LINKS[i].to);
	for (size_t i = 0; i < sizeof FILES / sizeof FILES[0] && e == NULL; i++) {
		snprintf(path, sizeof path, SIM_DISK "/%s", FILES[i].path);
		e = pl_fs_write(path, FILES[i].text, strlen(FILES[i].text), FILES[i].mode);
	}
	if (e == NULL)
		e = write_system_version(r);
	if (e == NULL)
		e = make_kernel(r, core_size);
	return e != NULL ? e : make_volumes(r);
}
