/*
 * What a confined process can still do. Each test forks, because nothing takes it back; the
 * child says which line failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/confine.h"
#include "tests/unit/temp_dir.h"

/* In a child: no cmocka there. */
#define NEED(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			dprintf(2, "# line %d: %s, errno %d\n", __LINE__, #condition, errno);                \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)
#define FAILS(call, errnum) NEED(((void)(errno = 0), (call) < 0 && errno == (errnum)))

/* True if the child ended with 0. */
static bool child(void (*work)(const char *dir), const char *dir)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0) {
		work(dir);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static const char *below(const char *dir, const char *name)
{
	static char paths[8][300];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static bool make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, "core", 4) == 4;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void skip_because(const char *why)
{
	print_message("%s\n", why);
	skip();
}

static int enter(void **state)
{
	static struct temp_dir dir;

	temp_make(&dir);
	*state = dir.path;
	return 0;
}

static int leave(void **state)
{
	struct temp_dir dir;

	snprintf(dir.path, sizeof dir.path, "%s", (const char *)*state);
	temp_remove(&dir);
	return 0;
}

/* ---- what a dump server does ---------------------------------------------------------- */

static void *make_in_thread(void *path)
{
	return make(path) ? path : NULL;
}

static void do_allowed_things(const char *dir)
{
	char text[8] = "", folder[200];
	pthread_t thread;
	void *made = NULL;
	struct stat st;

	snprintf(folder, sizeof folder, "%s/dumps", dir);
	NEED(mkdir(folder, 0700) == 0);
	NEED(make(below(folder, "old")));
	confine_restrict(folder, NULL);

	NEED(make(below(folder, "a.partial")));
	NEED(link(below(folder, "a.partial"), below(folder, "a")) == 0);
	NEED(unlink(below(folder, "a.partial")) == 0);
	NEED(rename(below(folder, "a"), below(folder, "b")) == 0);
	NEED(stat(below(folder, "b"), &st) == 0 && st.st_size == 4);
	NEED(truncate(below(folder, "b"), 2) == 0);
	int fd = open(below(folder, "b"), O_RDONLY);
	NEED(fd >= 0 && read(fd, text, 8) == 2 && fsync(fd) == 0);
	int dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
	NEED(dir_fd >= 0 && fsync(dir_fd) == 0);
	NEED(unlinkat(dir_fd, "old", 0) == 0);
	NEED(pthread_create(&thread, NULL, make_in_thread, (void *)(uintptr_t)below(folder, "c")) == 0);
	NEED(pthread_join(thread, &made) == 0 && made);
}

static void dumps_can_be_written(void **state)
{
	assert_true(child(do_allowed_things, *state));
}

static void use_the_socket(const char *dir)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof own;
	char text[8];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	NEED(bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
	NEED(getsockname(fd, (struct sockaddr *)&own, &length) == 0);
	confine_restrict(dir, NULL);
	NEED(sendto(fd, "dump", 4, 0, (struct sockaddr *)&own, sizeof own) == 4);
	NEED(recv(fd, text, sizeof text, 0) == 4);
}

static void the_open_socket_still_works(void **state)
{
	assert_true(child(use_the_socket, *state));
}

/* ---- what it never does ------------------------------------------------------------------ */

#ifdef __linux__
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

/* Asked of the kernel, not of the code under test. */
static long landlock_version(void)
{
	return syscall(444 /* landlock_create_ruleset */, NULL, (size_t)0, 1);
}

static void *read_outside(void *path)
{
	return open(path, O_RDONLY) < 0 && errno == EACCES ? path : NULL;
}

static void reach_outside(const char *dir)
{
	char folder[200];
	pthread_t thread;
	void *refused = NULL;

	snprintf(folder, sizeof folder, "%s/dumps", dir);
	NEED(mkdir(folder, 0700) == 0 || errno == EEXIST);
	NEED(make(below(dir, "outside")));
	NEED(make(below(folder, "inside")));
	int above = open(dir, O_RDONLY | O_DIRECTORY);
	confine_restrict(folder, NULL);

	FAILS(open("/etc/passwd", O_RDONLY), EACCES);
	FAILS(open("/proc/self/maps", O_RDONLY), EACCES);
	FAILS(open(below(dir, "outside"), O_RDONLY), EACCES);
	FAILS(open(below(dir, "outside"), O_WRONLY), EACCES);
	FAILS(open(below(folder, "../outside"), O_WRONLY), EACCES);
	FAILS(openat(above, "outside", O_RDONLY), EACCES);
	FAILS(open(below(dir, "new"), O_WRONLY | O_CREAT, 0600), EACCES);
	FAILS(unlink(below(dir, "outside")), EACCES);
	NEED(rename(below(folder, "inside"), below(dir, "moved")) < 0 && (errno == EXDEV || errno == EACCES));
	NEED(rename(below(dir, "outside"), below(folder, "moved")) < 0 &&
		(errno == EXDEV || errno == EACCES));
	NEED(link(below(dir, "outside"), below(folder, "linked")) < 0 && (errno == EXDEV || errno == EACCES));
	/* Not even below the folder: a dump is a plain file. */
	FAILS(mkdir(below(folder, "sub"), 0700), EACCES);
	FAILS(symlink("/etc/passwd", below(folder, "sym")), EACCES);
	FAILS(mkfifo(below(folder, "fifo"), 0600), EACCES);
	NEED(pthread_create(&thread, NULL, read_outside, (void *)(uintptr_t) "/etc/passwd") == 0);
	NEED(pthread_join(thread, &refused) == 0 && refused);
}

static void files_outside_are_out_of_reach(void **state)
{
	if (!confine_restricts() || landlock_version() < 3)
		skip_because("a build with AddressSanitizer, or a kernel before 6.2");
	assert_true(child(reach_outside, *state));
}

static void signal_the_parent(const char *dir)
{
	confine_restrict(dir, NULL);
	NEED(kill(getpid(), 0) == 0);
	FAILS(kill(getppid(), 0), EPERM);
}

static void other_processes_are_out_of_reach(void **state)
{
	if (!confine_restricts() || landlock_version() < 6)
		skip_because("a build with AddressSanitizer, or a kernel before 6.12");
	assert_true(child(signal_the_parent, *state));
}

static void call_the_forbidden(const char *dir)
{
	char *words[] = {"true", NULL};
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(9)};
	int pair[2];
	int there = socket(AF_INET, SOCK_DGRAM, 0);
	int null = open("/dev/null", O_RDWR);

	confine_restrict(dir, NULL);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	NEED(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
	FAILS(execv("/bin/true", words), EPERM);
	FAILS(execv("/nonexistent", words), EPERM);
	FAILS(socket(AF_INET, SOCK_DGRAM, 0), EPERM);
	FAILS(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EPERM);
	FAILS(connect(there, (struct sockaddr *)&sin, sizeof sin), EPERM);
	FAILS(bind(there, (struct sockaddr *)&sin, sizeof sin), EPERM);
	FAILS(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
	FAILS(mount("none", "/nonexistent", "tmpfs", 0, NULL), EPERM);
	/* Without the filter: EFAULT, EINVAL, EBADF, ENOTTY or success. */
	FAILS(unshare(0), EPERM);
	FAILS(chroot("/nonexistent"), EPERM);
	FAILS(syscall(SYS_io_uring_setup, 0, NULL), EPERM);
	FAILS(syscall(SYS_process_vm_readv, getpid(), NULL, 0L, NULL, 0L, 0L), EPERM);
	FAILS(syscall(SYS_keyctl, -1, 0, 0, 0, 0), EPERM);
	FAILS(syscall(SYS_finit_module, -1, "", 0), EPERM);
	FAILS(ioctl(null, TIOCSTI, ""), EPERM);
	/* And the ones in front of, between and behind them work. */
	NEED(getpid() > 0 && write(null, "x", 1) == 1 && dup(null) >= 0);
	FAILS(ioctl(null, TIOCGWINSZ, words), ENOTTY);
#ifdef __x86_64__
	FAILS(syscall(0x40000000 | SYS_getpid), EPERM);
#endif
}

static void what_leads_out_is_not_permitted(void **state)
{
	if (!confine_restricts())
		skip_because("a build with AddressSanitizer is not restricted");
	assert_true(child(call_the_forbidden, *state));
}

static void say_what_is_in_force(void *arg, enum pl_log_level level, const char *message)
{
	if (level == PL_LOG_DEBUG && strstr(message, "in force"))
		++*(int *)arg;
}

static void count_what_is_said(const char *dir)
{
	int said = 0;
	const struct pl_log log = {.write = say_what_is_in_force, .arg = &said, .level = PL_LOG_DEBUG};

	confine_restrict(dir, &log);
	NEED(said == (landlock_version() > 0 ? 3 : 2));
}

static void the_log_says_what_is_in_force(void **state)
{
	if (!confine_restricts())
		skip_because("a build with AddressSanitizer is not restricted");
	assert_true(child(count_what_is_said, *state));
}
#endif

/* ---- the user ------------------------------------------------------------------------------- */

static void refused_user(const char *name)
{
	struct confine_user u;
	struct pl_error *err = confine_find_user(name, &u);

	assert_int_equal(pl_error_exit_code(err), 2);
	assert_non_null(pl_error_advice(err));
	pl_error_free(err);
}

static void some_users_cannot_be_become(void **state)
{
	(void)state;
	refused_user("root");
	refused_user("no such user");
	refused_user("");
	if (geteuid() != 0)
		refused_user("nobody");
}

static void become_nobody(const char *dir)
{
	struct confine_user u;
	const struct passwd *p = getpwnam("nobody");
	char folder[200];
	gid_t groups[4] = {0};
	struct stat st;

	NEED(p && chmod(dir, 0755) == 0);
	uid_t uid = p->pw_uid;
	gid_t gid = p->pw_gid;
	NEED(setgroups(4, groups) == 0);
	NEED(confine_find_user("nobody", &u) == NULL && u.uid == uid && u.gid == gid);
	snprintf(folder, sizeof folder, "%s/new/dumps", dir);
	NEED(confine_make_dir(folder, &u) == NULL);
	NEED(stat(below(dir, "new"), &st) == 0 && st.st_uid == uid && (st.st_mode & 0777) == 0700);
	NEED(stat(folder, &st) == 0 && st.st_uid == uid && st.st_gid == gid && (st.st_mode & 0777) == 0700);
	NEED(stat(dir, &st) == 0 && st.st_uid == 0); /* which was there */
	NEED(confine_become(&u, folder) == NULL);
	NEED(getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid);
	NEED(getgroups(4, groups) == 1 && groups[0] == gid);
	FAILS(setuid(0), EPERM);
	FAILS(setegid(0), EPERM);
	NEED(make(below(folder, "a")));
	FAILS(open(below(dir, "b"), O_WRONLY | O_CREAT, 0600), EACCES);
	/* Once more is nothing to do. */
	NEED(confine_become(&u, folder) == NULL);
}

static void root_becomes_somebody_for_good(void **state)
{
	if (geteuid() != 0 || !getpwnam("nobody"))
		skip_because("only root can become nobody");
	assert_true(child(become_nobody, *state));
}

static void become_without_a_folder(const char *dir)
{
	struct confine_user u;
	char line[512];

	NEED(chmod(dir, 0755) == 0 && confine_find_user("nobody", &u) == NULL);
	struct pl_error *err = confine_become(&u, dir);
	NEED(err && pl_error_exit_code(err) == 3 && pl_error_advice(err));
	NEED(strstr(pl_error_line(err, line, sizeof line), dir));
	pl_error_free(err);
}

static void a_folder_of_root_is_an_error(void **state)
{
	if (geteuid() != 0 || !getpwnam("nobody"))
		skip_because("only root can become nobody");
	assert_true(child(become_without_a_folder, *state));
}

static void barred_by(const struct confine_user *u, const char *dir, const char *by)
{
	char line[512], want[300];
	struct pl_error *err = confine_check_way(dir, u);

	snprintf(want, sizeof want, "(%s does not let it through)", by);
	NEED(err && pl_error_exit_code(err) == 3 && strstr(pl_error_line(err, line, sizeof line), want));
	pl_error_free(err);
	NEED((err = confine_make_dir(dir, u)) != NULL);
	pl_error_free(err);
}

static void look_for_the_way(const char *dir)
{
	struct confine_user u;
	struct stat st;

	NEED(chmod(dir, 0755) == 0 && confine_find_user("nobody", &u) == NULL);
	NEED(mkdir(below(dir, "open"), 0755) == 0 && mkdir(below(dir, "open/shut"), 0700) == 0);
	NEED(confine_check_way(below(dir, "open/new/dumps"), &u) == NULL);
	/* Whether it may be written to is another question. */
	NEED(confine_check_way(below(dir, "open/shut"), &u) == NULL);
	barred_by(&u, below(dir, "open/shut/dumps"), below(dir, "open/shut"));
	barred_by(&u, below(dir, "open/shut/new/dumps/"), below(dir, "open/shut"));
	NEED(lstat(below(dir, "open/shut/dumps"), &st) < 0 && lstat(below(dir, "open/shut/new"), &st) < 0);
	NEED(chdir(dir) == 0 && confine_check_way("dumps", &u) == NULL);
	barred_by(&u, "open//shut//dumps", "open//shut");
	NEED(chdir("open/shut") == 0);
	barred_by(&u, "dumps", "the current folder");
	NEED(geteuid() == 0);
}

static void a_folder_in_the_way_is_named(void **state)
{
	if (geteuid() != 0 || !getpwnam("nobody"))
		skip_because("only root can become nobody");
	assert_true(child(look_for_the_way, *state));
}

static void one_is_oneself_already(void **state)
{
	struct confine_user u;
	const struct passwd *p = getpwuid(geteuid());
	char name[64];

	if (geteuid() == 0 || !p)
		skip_because("root is not one to go on as");
	snprintf(name, sizeof name, "%s", p->pw_name);
	assert_null(confine_find_user(name, &u));
	assert_null(confine_make_dir(*state, &u));
	assert_null(confine_become(&u, *state));
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(dumps_can_be_written),
		IN_DIR(the_open_socket_still_works),
#ifdef __linux__
		IN_DIR(files_outside_are_out_of_reach),
		IN_DIR(other_processes_are_out_of_reach),
		IN_DIR(what_leads_out_is_not_permitted),
		IN_DIR(the_log_says_what_is_in_force),
#endif
		cmocka_unit_test(some_users_cannot_be_become),
		IN_DIR(root_becomes_somebody_for_good),
		IN_DIR(a_folder_of_root_is_an_error),
		IN_DIR(a_folder_in_the_way_is_named),
		IN_DIR(one_is_oneself_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
