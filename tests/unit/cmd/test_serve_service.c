/*
 * What a service manager hands over, and how it is told. Each test of the socket forks, as the
 * manager does: the socket is to be descriptor 3 of that process. launchd is not here to ask.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestrator/cmd/serve_service.h"
#include "tests/unit/temp_dir.h"

#ifndef __APPLE__

static int bound(int family, int type, uint16_t *port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} at = {.six = {.sin6_family = (sa_family_t)family}};
	socklen_t length = family == AF_INET ? sizeof at.four : sizeof at.six;
	int fd = socket(family, type, 0);

	if (family == AF_INET)
		at.four = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(fd, &at.any, length) < 0 || getsockname(fd, &at.any, &length) < 0)
		return -1;
	if (port)
		*port = ntohs(at.four.sin_port);
	return fd;
}

struct start {
	int fd;            /* to be 3; -1: nothing is */
	const char *fds;   /* LISTEN_FDS */
	bool other_pid;    /* LISTEN_PID is another's */
	const char *words; /* expected in the error; NULL: none is */
	bool none;         /* no socket is expected */
	uint16_t port;
};

/* In the child. */
static bool as_expected(const struct start *s)
{
	char number[16], line[512];
	struct serve_socket got;

	if (s->fd < 0)
		close(3);
	else if (dup2(s->fd, 3) < 0) /* which may be 3 already */
		return false;
	snprintf(number, sizeof number, "%d", (int)getpid() + s->other_pid);
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", s->fds, 1);
	setenv("LISTEN_FDNAMES", "dumps", 1);
	struct pl_error *err = serve_service_socket(&got);
	if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
		return false;
	if (s->words)
		return err && pl_error_exit_code(err) == 2 && pl_error_advice(err) &&
		       strstr(pl_error_line(err, line, sizeof line), s->words);
	if (err || s->none)
		return !err && got.fd == -1;
	return got.fd == 3 && got.address == INADDR_LOOPBACK && got.port == s->port &&
	       (fcntl(3, F_GETFD) & FD_CLOEXEC);
}

static void expect(struct start s)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(as_expected(&s) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_socket_is_taken(void **state)
{
	uint16_t port = 0;
	int fd = bound(AF_INET, SOCK_DGRAM, &port);

	(void)state;
	assert_true(fd >= 0);
	expect((struct start){.fd = fd, .fds = "1", .port = port});
	close(fd);
}

static void one_that_is_not_for_us_is_left(void **state)
{
	int fd = bound(AF_INET, SOCK_DGRAM, NULL);

	(void)state;
	expect((struct start){.fd = fd, .fds = "1", .other_pid = true, .none = true});
	expect((struct start){.fd = fd, .fds = "0", .none = true});
	expect((struct start){.fd = fd, .fds = "", .none = true});
	expect((struct start){.fd = fd, .fds = "-1", .none = true});
	expect((struct start){.fd = fd, .fds = "1x", .none = true});
	expect((struct start){.fd = fd, .fds = "99999999999999999999", .none = true});
	close(fd);
}

static void what_is_not_a_bound_udp_socket_is_misuse(void **state)
{
	int udp = bound(AF_INET, SOCK_DGRAM, NULL);
	int tcp = bound(AF_INET, SOCK_STREAM, NULL);
	int six = bound(AF_INET6, SOCK_DGRAM, NULL);
	int fresh = socket(AF_INET, SOCK_DGRAM, 0);
	int file = open("/dev/null", O_RDWR);

	(void)state;
	expect((struct start){.fd = udp, .fds = "2", .words = "several"});
	expect((struct start){.fd = tcp, .fds = "1", .words = "not UDP"});
	expect((struct start){.fd = fresh, .fds = "1", .words = "not bound"});
	expect((struct start){.fd = file, .fds = "1", .words = "not a socket"});
	expect((struct start){.fd = -1, .fds = "1", .words = "not a socket"});
	/* A host may be without IPv6. */
	if (six >= 0)
		expect((struct start){.fd = six, .fds = "1", .words = "not IPv4"});
	close(udp);
	close(tcp);
	close(fresh);
	close(file);
	if (six >= 0)
		close(six);
}
#endif

/* ---- readiness --------------------------------------------------------------------------- */

static void nobody_waits(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_null(serve_service_ready());
	setenv("NOTIFY_SOCKET", "", 1);
	assert_null(serve_service_ready());
	unsetenv("NOTIFY_SOCKET");
}

static void hears_ready(const struct sockaddr_un *at, socklen_t length, const char *name)
{
	char text[64] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)at, length), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_null(serve_service_ready());
	assert_int_equal(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 7);
	assert_string_equal(text, "READY=1");
	close(fd);
	unsetenv("NOTIFY_SOCKET");
}

static void whoever_waits_is_told(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct temp_dir dir;

	(void)state;
	temp_make(&dir);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", dir.path);
	hears_ready(&at, sizeof at, at.sun_path);
	temp_remove(&dir);
#ifdef __linux__
	char name[64];
	int n = snprintf(name, sizeof name, "@paniclab-test-%d", (int)getpid());
	memset(at.sun_path, 0, sizeof at.sun_path);
	memcpy(at.sun_path + 1, name + 1, (size_t)n - 1);
	hears_ready(&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n), name);
#endif
}

static void an_error_says_where(void **state)
{
	char line[512], longest[300];
	struct pl_error *err;

	(void)state;
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	err = serve_service_ready();
	assert_non_null(err);
	assert_non_null(strstr(pl_error_line(err, line, sizeof line), "/nonexistent/notify"));
	pl_error_free(err);
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	err = serve_service_ready();
	assert_non_null(err);
	pl_error_free(err);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifndef __APPLE__
		cmocka_unit_test(a_socket_is_taken),
		cmocka_unit_test(one_that_is_not_for_us_is_left),
		cmocka_unit_test(what_is_not_a_bound_udp_socket_is_misuse),
#endif
		cmocka_unit_test(nobody_waits),
		cmocka_unit_test(whoever_waits_is_told),
		cmocka_unit_test(an_error_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
