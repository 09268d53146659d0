/*
 * The filter of system calls: Linux, Documentation/userspace-api/seccomp_filter.rst. What is
 * not listed is allowed, because libc's needs change from version to version; what is listed
 * is what an intruder would need to get out: programs, other processes, new sockets, the
 * kernel's own machinery.
 */
#include "server/confine_parts.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(__ILP32__)

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif
/* x86-64: the x32 calls, which have numbers of their own for the same things. */
#define X32_BIT 0x40000000U

static const uint32_t denied[] = {
	/* other programs and processes */
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kcmp,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_personality,
	/* sockets other than the one that is there, also by way of io_uring */
	SYS_socket,
	SYS_socketpair,
	SYS_connect,
	SYS_bind,
	SYS_listen,
	SYS_accept,
	SYS_accept4,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	/* mounts and namespaces */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_move_mount,
	SYS_open_tree,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
	SYS_unshare,
	SYS_setns,
	SYS_open_by_handle_at,
	SYS_swapon,
	SYS_swapoff,
	SYS_quotactl,
	SYS_acct,
	/* the kernel */
	SYS_bpf,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_reboot,
	SYS_syslog,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef SYS_pidfd_getfd
	SYS_pidfd_getfd,
#endif
#ifdef SYS_mount_setattr
	SYS_mount_setattr,
#endif
#ifdef SYS_iopl
	SYS_iopl,
	SYS_ioperm,
#endif
};

#define DENIED (sizeof denied / sizeof denied[0])
#define BEFORE 9 /* instructions in front of the list */
#define AFTER 2
#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, name))
/* Jumps skip instructions; one of them has 8 bits for that. */
#define TO_DENY(from) ((uint8_t)(BEFORE + DENIED + 1 - (from)-1))
_Static_assert(BEFORE + DENIED + AFTER < 255, "a jump does not reach the end");

/* Of the request of an ioctl(2) the kernel looks at the lower half only: these are little-endian machines. */
static const struct sock_filter before[BEFORE] = {
	FIELD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	FIELD(nr),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, TO_DENY(4), 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
	FIELD(args[1]),
	/* typing into the terminal that the server was started from */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TIOCSTI, TO_DENY(7), 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static const struct sock_filter after[AFTER] = {
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};

int confine_seccomp(void)
{
	struct sock_filter code[BEFORE + DENIED + AFTER];
	struct sock_fprog program = {.len = BEFORE + DENIED + AFTER, .filter = code};
	size_t n = 0;

	for (size_t i = 0; i < BEFORE; i++)
		code[n++] = before[i];
	for (size_t i = 0; i < DENIED; i++, n++)
		code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied[i], TO_DENY(n), 0);
	for (size_t i = 0; i < AFTER; i++)
		code[n++] = after[i];
	long failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	/* A number above 0 is that of a thread which has another filter. */
	return failed < 0 ? errno : failed > 0 ? EBUSY : 0;
}

#else

#include <errno.h>

int confine_seccomp(void)
{
	return ENOTSUP;
}

#endif
