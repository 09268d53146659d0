#include "tests/simlab/simlab/guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAB_UID 501
#define LAB_GID 20

static const char *const GUEST_ENV[] = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "SHELL=/bin/bash", NULL};

/* Below here up to guest_spawn(): the child, which dies with a line on stderr. */

static _Noreturn void die(const char *what)
{
	dprintf(STDERR_FILENO, "simlab (simulated): guest: %s: %s\n", what, strerror(errno));
	_exit(126);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void map_ids(unsigned inside_uid, unsigned outside_uid, unsigned inside_gid, unsigned outside_gid)
{
	char line[64];
	write_file("/proc/self/setgroups", "deny");
	snprintf(line, sizeof line, "%u %u 1", inside_uid, outside_uid);
	write_file("/proc/self/uid_map", line);
	snprintf(line, sizeof line, "%u %u 1", inside_gid, outside_gid);
	write_file("/proc/self/gid_map", line);
}

static void bind_at(const char *root, const char *from, const char *at)
{
	char to[4096];
	if ((size_t)snprintf(to, sizeof to, "%s/%s", root, at) >= sizeof to) {
		errno = ENAMETOOLONG;
		die(at);
	}
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0)
		die(to);
}

/* A mount in a namespace of one's own has to keep the flags that it came with. */
static void bind_read_only(const char *root, const char *folder)
{
	char path[4096];
	struct statvfs now;
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	snprintf(path, sizeof path, "%s/%s", root, folder);
	bind_at(root, path, folder);
	if (statvfs(path, &now) != 0)
		die(path);
	flags |= now.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME);
	flags |= (now.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0;
	if (mount(NULL, path, NULL, flags, NULL) != 0)
		die(path);
}

static void enter_root(const struct guest_spec *spec)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		die("making mounts private");
	bind_at(spec->root, spec->root, ".");
	bind_at(spec->root, "/", ".host");
	bind_at(spec->root, "/dev", "dev");
	bind_at(spec->root, "/proc", "proc");
	bind_at(spec->root, spec->run, ".lab");
	for (size_t i = 0; spec->read_only[i] != NULL; i++)
		bind_read_only(spec->root, spec->read_only[i]);
	if (chdir(spec->root) != 0)
		die(spec->root);
	if (syscall(SYS_pivot_root, ".", ".") != 0)
		die("pivot_root");
	if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		die("leaving the host's root");
}

static void redirect(const char *log)
{
	int null_fd = open("/dev/null", O_RDWR);
	int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (null_fd < 0 || log_fd < 0)
		die(log);
	dup2(null_fd, STDIN_FILENO);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	syscall(SYS_close_range, 3, ~0U, 0);
}

static _Noreturn void child(const struct guest_spec *spec, uid_t uid, gid_t gid)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	redirect(spec->log);
	setsid();
	map_ids(0, uid, 0, gid);
	umask(022);
	enter_root(spec);
	if (unshare(CLONE_NEWUSER) != 0)
		die("second user namespace");
	map_ids(LAB_UID, 0, LAB_GID, 0);
	/* Last, as changing credentials clears it: the guest dies with its lab. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execve(spec->argv[0], (char *const *)spec->argv, (char *const *)GUEST_ENV);
	die(spec->argv[0]);
}

struct pl_error *guest_spawn(const struct guest_spec *spec, pid_t *ret)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	long pid = syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, 0, 0, 0, 0);
	if (pid < 0)
		return pl_error_hint(
			pl_error_errno(PL_ERR_LAB, errno, "cannot make the simulated guest's namespaces"),
			"allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
			"kernel.apparmor_restrict_unprivileged_userns)");
	if (pid == 0)
		child(spec, uid, gid);
	*ret = (pid_t)pid;
	return NULL;
}

/* The mounts belong to the guest's first user namespace, the parent of the one that its processes are in. */
static void unmount_child(pid_t guest, const char *const *folders)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/user", (int)guest);
	int user = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)guest);
	int mounts = open(path, O_RDONLY | O_CLOEXEC);
	int parent = user >= 0 ? ioctl(user, NS_GET_PARENT) : -1;
	if (parent < 0 || mounts < 0 || setns(parent, CLONE_NEWUSER) != 0 || setns(mounts, CLONE_NEWNS) != 0)
		_exit(errno);
	for (size_t i = 0; folders[i] != NULL; i++) {
		snprintf(path, sizeof path, "/%s", folders[i]);
		if (umount2(path, MNT_DETACH) != 0)
			_exit(errno);
	}
	_exit(0);
}

struct pl_error *guest_unmount(pid_t pid, const char *const *folders)
{
	int status = 0;
	pid_t helper = fork();
	if (helper == 0)
		unmount_child(pid, folders);
	if (helper < 0 || waitpid(helper, &status, 0) != helper)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot start a process");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	return pl_error_errno(PL_ERR_LAB, WEXITSTATUS(status), "cannot unmount in the simulated guest");
}

/* In a container the namespace may be given and the mount refused: try both. */
static void check_child(void)
{
	char line[64];
	snprintf(line, sizeof line, "0 %u 1", (unsigned)geteuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) != 0)
		_exit(errno);
	int fd = open("/proc/self/uid_map", O_WRONLY);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		_exit(errno);
	_exit(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ? errno : 0);
}

struct pl_error *guest_check_host(void)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		check_child();
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot start a process");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	return pl_error_hint(pl_error_errno(PL_ERR_LAB, WEXITSTATUS(status),
				     "this host gives no user and mount namespaces"),
		"the simulated guest needs them: sysctl user.max_user_namespaces, "
		"kernel.apparmor_restrict_unprivileged_userns=0, or a container that allows them");
}

void guest_kill(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	/* Reaping the namespace's first process waits for all of the others. */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

static bool same_namespace(const char *pid, const char *wanted)
{
	char path[64];
	char link[64] = "";
	snprintf(path, sizeof path, "/proc/%.16s/ns/pid", pid);
	ssize_t n = readlink(path, link, sizeof link - 1);
	return n > 0 && strcmp(link, wanted) == 0;
}

static void signal_namespace(const char *wanted, int sig)
{
	DIR *d = opendir("/proc");
	if (d == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 1 && same_namespace(entry->d_name, wanted))
			kill(pid, sig);
	}
	closedir(d);
}

void guest_freeze(pid_t pid, bool frozen)
{
	char path[64];
	char ns[64] = "";
	if (pid <= 0)
		return;
	snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
	if (readlink(path, ns, sizeof ns - 1) <= 0)
		return;
	/* Twice: the first pass may miss what was being forked. */
	for (int pass = 0; pass < 2; pass++)
		signal_namespace(ns, frozen ? SIGSTOP : SIGCONT);
}
