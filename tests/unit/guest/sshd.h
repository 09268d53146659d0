/*
 * A real OpenSSH server on loopback, for tests: its own folder, keys, port and
 * configuration; it lets in the user who runs the test, with the key "user".
 */
#ifndef TESTS_SSHD_H
#define TESTS_SSHD_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/proc.h"
#include "base/text.h"
#include "orchestrator/guest/ssh.h"

#define HOUR (3600 * PL_SECOND)

/* Ends the test with the error's line. */
#define assert_ok(e) check_ok((e), __FILE__, __LINE__)

static inline void check_ok(struct pl_error *e, const char *file, int line)
{
	char text[2048];
	if (e == NULL)
		return;
	pl_error_line(e, text, sizeof text);
	pl_error_free(e);
	print_error("%s\n", text);
	_fail(file, line);
}

/* The error's line has text in it; frees it. */
#define assert_error(e, kind, text) check_error((e), (kind), (text), __FILE__, __LINE__)

static inline void check_error(
	struct pl_error *e, enum pl_error_kind kind, const char *text, const char *file, int line)
{
	char got[2048] = "no error";
	if (e != NULL)
		pl_error_line(e, got, sizeof got);
	bool good = e != NULL && pl_error_kind(e) == kind && strstr(got, text) != NULL;
	pl_error_free(e);
	if (good)
		return;
	print_error("expected '%s', got: %s\n", text, got);
	_fail(file, line);
}

struct sshd {
	char dir[64];
	char user[64];
	uint16_t port;
	pid_t pid;
};

/* The path of a file in the folder; 64 live at a time. */
static inline const char *sshd_file(const char *dir, const char *name)
{
	static char paths[64][384];
	static unsigned next;
	char *p = paths[next++ % 64];
	snprintf(p, sizeof *paths, "%s/%s", dir, name);
	return p;
}

__attribute__((noinline, unused)) static char *run_out(const char *const *argv)
{
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct pl_proc_result r;
	char *out = NULL;
	assert_ok(pl_proc_run(&(struct pl_proc_spec){.argv = argv}, &w, &r));
	if (r.status != 0)
		print_error("%s: %s\n", argv[0], pl_buf_text(&r.err));
	assert_int_equal(r.status, 0);
	assert_ok(pl_strdup(pl_buf_text(&r.out), &out));
	pl_proc_result_deinit(&r);
	return out;
}
#define RUN(...) run_out((const char *const[]){__VA_ARGS__, NULL})

static inline void keygen(const char *dir, const char *type, const char *name, const char *passphrase)
{
	free(RUN("ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", name, "-f", sshd_file(dir, name)));
}

/* "SHA256:..." as ssh-keygen says it; malloc'd. */
static inline char *fingerprint(const char *key_file)
{
	char *line = RUN("ssh-keygen", "-lf", key_file);
	char *ret = NULL;
	const char *begin = strstr(line, "SHA256:");
	assert_non_null(begin);
	assert_ok(pl_asprintf(&ret, "%.*s", (int)strcspn(begin, " "), begin));
	free(line);
	return ret;
}

static inline char *read_text(const char *path)
{
	struct pl_buf b;
	char *text;
	pl_buf_init(&b, 32u << 20);
	assert_ok(pl_fs_read(path, &b));
	assert_ok(pl_buf_take(&b, &text));
	pl_buf_deinit(&b);
	return text;
}

static inline void write_text(const char *path, const char *text)
{
	assert_ok(pl_fs_write(path, text, strlen(text), 0600));
}

static inline uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	close(fd);
	return ntohs(a.sin_port);
}

/* Waits until the server greets, or is seen to have ended (its port was taken meanwhile). */
static inline bool sshd_up(struct sshd *d)
{
	for (;;) {
		struct pl_wait w = pl_wait_for(20 * PL_SECOND, NULL);
		struct pl_error *e = ssh_probe("127.0.0.1", d->port, &w);
		bool up = e == NULL;
		pl_error_free(e);
		if (waitpid(d->pid, NULL, WNOHANG) == d->pid)
			return false;
		if (up)
			return true;
		assert_ok(pl_wait_sleep(&w, 10 * PL_MS));
	}
}

/* extra: further lines of the configuration; host keys are the files host_TYPE that exist. */
static inline void sshd_start(struct sshd *d, const char *extra)
{
	static const char *const types[] = {"host_ed25519", "host_ecdsa", "host_rsa"};
	struct pl_buf config;
	/* As root, sshd insists on this folder, which its service would have made. */
	if (geteuid() == 0)
		(void)mkdir("/run/sshd", 0755);
	do {
		d->port = free_port();
		pl_buf_init(&config, 8192);
		assert_ok(pl_buf_printf(&config,
			"Port %u\nListenAddress 127.0.0.1\nPidFile none\nStrictModes no\nUsePAM no\n"
			"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
			"MaxStartups 100\nAuthorizedKeysFile %s/authorized\nLogLevel ERROR\n%s\n",
			d->port, d->dir, extra == NULL ? "" : extra));
		for (size_t i = 0; i < 3; i++)
			if (pl_fs_exists(sshd_file(d->dir, types[i])))
				assert_ok(pl_buf_printf(&config, "HostKey %s/%s\n", d->dir, types[i]));
		write_text(sshd_file(d->dir, "config"), pl_buf_text(&config));
		pl_buf_deinit(&config);
		d->pid = fork();
		if (d->pid == 0) {
			int log = open(sshd_file(d->dir, "log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
			dup2(log, 1);
			dup2(log, 2);
#ifdef __linux__
			prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that crashes leaves no server */
#endif
			execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-e", "-f",
				sshd_file(d->dir, "config"), (char *)NULL);
			_exit(127);
		}
		assert_true(d->pid > 0);
	} while (!sshd_up(d));
}

static inline void sshd_stop(struct sshd *d)
{
	if (d->pid <= 0)
		return;
	kill(d->pid, SIGTERM);
	waitpid(d->pid, NULL, 0);
	d->pid = 0;
}

/* The folder with a user key that is let in, and an ed25519 host key; no server yet. */
static inline void sshd_folder(struct sshd *d)
{
	const struct passwd *me = getpwuid(geteuid());
	assert_non_null(me);
	snprintf(d->user, sizeof d->user, "%s", me->pw_name);
	snprintf(d->dir, sizeof d->dir, "/tmp/paniclab-test.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	keygen(d->dir, "ed25519", "host_ed25519", "");
	keygen(d->dir, "ed25519", "user", "");
	char *pub = read_text(sshd_file(d->dir, "user.pub"));
	write_text(sshd_file(d->dir, "authorized"), pub);
	free(pub);
}

static inline void sshd_remove(struct sshd *d)
{
	sshd_stop(d);
	assert_ok(pl_fs_remove_tree(d->dir));
}

#endif
