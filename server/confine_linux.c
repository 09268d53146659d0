/*
 * Privileges and Landlock. Linux, Documentation/userspace-api/landlock.rst and
 * include/uapi/linux/landlock.h. The constants are here because the headers of an older
 * system lack the newer ones, and the kernel that runs decides what holds.
 */
#include "server/confine_parts.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1

#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_ABI_1 ((UINT64_C(1) << 13) - 1) /* all that version 1 knows, execution too */
#define FS_REFER (UINT64_C(1) << 13)       /* version 2: into another folder */
#define FS_TRUNCATE (UINT64_C(1) << 14)    /* 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)   /* 5 */
#define NET_TCP UINT64_C(3)                /* 4: bind, connect */
#define SCOPES UINT64_C(3)                 /* 6: abstract UNIX sockets, signals */

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scopes;
};

struct path_beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

int confine_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errno;
	/* Root without them could not write to somebody else's folder, which it was told to. */
	if (geteuid() == 0)
		return 0;
	return syscall(SYS_capset, &header, none) < 0 ? errno : 0;
}

static struct ruleset what_to_handle(int abi)
{
	struct ruleset r = {.fs = FS_ABI_1};

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scopes = SCOPES;
	return r;
}

static int allow_below(int ruleset, const char *dir, uint64_t handled)
{
	struct path_beneath rule = {
		.allowed = handled & (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_FILE |
					     FS_MAKE_REG | FS_TRUNCATE),
		.fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};

	if (rule.fd < 0)
		return errno;
	int failed = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0 ? errno : 0;
	close(rule.fd);
	return failed;
}

int confine_landlock(const char *dir, int *abi)
{
	*abi = (int)syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_RULESET_VERSION);
	if (*abi <= 0) {
		*abi = 0;
		return errno;
	}
	/* Older kernels take the longer structure as long as what they don't know is 0. */
	struct ruleset handled = what_to_handle(*abi);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
	if (ruleset < 0)
		return errno;
	int failed = allow_below(ruleset, dir, handled.fs);
	if (!failed && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		failed = errno;
	close(ruleset);
	return failed;
}

#else

/* An empty file is none of C11's. */
typedef int confine_linux_is_for_linux;

#endif
