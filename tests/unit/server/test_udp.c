/* The server's socket: bound by itself or by somebody with more rights, and how much it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/udp.h"

static void a_bound_socket_is_taken_over(void **state)
{
	struct sockaddr_in sin = {0};
	socklen_t length = sizeof sin;
	struct udp *u = NULL;
	int fd = -1;

	(void)state;
	assert_null(udp_bind("127.0.0.1", 0, 1, &fd));
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &length), 0);
	assert_int_equal(sin.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_not_equal(sin.sin_port, 0);
	/* Address and port are the socket's, whatever else is said. */
	assert_null(udp_create("192.0.2.1", 7, fd, 1, &u));
	assert_int_equal(udp_fd(u), fd);
	assert_string_equal(udp_address(u), "127.0.0.1");
	assert_int_equal(udp_port(u), ntohs(sin.sin_port));
	udp_destroy(u);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void what_cannot_be_bound_is_an_error_with_a_hint(void **state)
{
	struct sockaddr_in sin = {0};
	socklen_t length = sizeof sin;
	int fd = -1, second = 0;
	struct pl_error *err;

	(void)state;
	assert_null(udp_bind("127.0.0.1", 0, 1, &fd));
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &length), 0);
	err = udp_bind("127.0.0.1", ntohs(sin.sin_port), 1, &second);
	assert_int_equal(pl_error_exit_code(err), 3);
	assert_non_null(strstr(pl_error_advice(err), "another dump server"));
	assert_int_equal(second, -1);
	pl_error_free(err);
	close(fd);
	err = udp_bind("127.1", 0, 1, &second);
	assert_int_equal(pl_error_exit_code(err), 2);
	pl_error_free(err);
}

#ifdef SO_RCVBUFFORCE
static int buffer_of(int fd)
{
	int size = 0;
	socklen_t length = sizeof size;

	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length);
	return size;
}

/* In a child, as root: a buffer that only root may ask for, and then not root any more. */
static bool buffer_outlives_root(const struct passwd *p)
{
	int size = 6 << 20;
	struct udp *u = NULL;
	int fd = -1;

	pl_error_free(udp_bind("127.0.0.1", 0, 1, &fd));
	if (!p || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		return false;
	int before = buffer_of(fd);
	if (setgid(p->pw_gid) < 0 || setuid(p->pw_uid) < 0)
		return false;
	/* So many sessions that it would ask for more, which it may not have. */
	pl_error_free(udp_create("", 0, fd, 7000, &u));
	bool ok = before >= size && u && udp_buffer(u) == (size_t)before && buffer_of(fd) == before;
	udp_destroy(u);
	return ok;
}

static void a_buffer_that_was_set_is_not_made_smaller(void **state)
{
	const struct passwd *p = getpwnam("nobody");
	int status = 1;

	(void)state;
	if (geteuid() != 0 || !p) {
		print_message("only root may ask for a buffer that another user may not\n");
		skip();
	}
	pid_t pid = fork();
	if (pid == 0)
		_exit(buffer_outlives_root(p) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bound_socket_is_taken_over),
		cmocka_unit_test(what_cannot_be_bound_is_an_error_with_a_hint),
#ifdef SO_RCVBUFFORCE
		cmocka_unit_test(a_buffer_that_was_set_is_not_made_smaller),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
