/* server/udp.h: packets and answers over real sockets on loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/udp.h"

#define PATIENCE (30 * PL_SECOND)
#define SESSIONS 64
/* The two ways to receive: a single packet, or a batch. */
#define FEW 1
#define MANY 3

static struct udp *u;

static int begin(void **state)
{
	(void)state;
	assert_null(udp_create("127.0.0.1", 0, -1, SESSIONS, &u));
	return 0;
}

static int end(void **state)
{
	(void)state;
	udp_destroy(u);
	u = NULL;
	return 0;
}

static int any_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	return fd;
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in sin = {0};
	socklen_t length = sizeof sin;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &length), 0);
	return ntohs(sin.sin_port);
}

static int bound_socket(void)
{
	struct sockaddr_in sin = loopback(0);
	int fd = any_socket();

	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	return fd;
}

/* A guest's socket; what it sends goes to the server. */
static int guest(struct peer *ret)
{
	struct sockaddr_in sin = loopback(udp_port(u));
	const struct timeval patience = {.tv_sec = 30};
	int fd = any_socket();

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof sin), 0);
	*ret = (struct peer){.address = INADDR_LOOPBACK, .port = port_of(fd)};
	return fd;
}

/* At least one packet, however often it takes. */
static size_t receive(size_t peers)
{
	struct pl_wait w = pl_wait_for(PATIENCE, NULL);
	size_t count = 0;

	while (count == 0 && pl_wait_ms(&w) > 0)
		assert_null(udp_receive(u, UDP_BLOCK, peers, &count));
	assert_true(count > 0);
	return count;
}

static void expect_text(int fd, const char *text)
{
	char got[100] = "";

	assert_int_equal(recv(fd, got, sizeof got - 1, 0), strlen(text));
	assert_string_equal(got, text);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void test_one_packet(void **state)
{
	struct peer p;
	int g = guest(&p);

	(void)state;
	for (size_t peers = FEW; peers <= MANY; peers++) {
		assert_int_equal(send(g, "hello", 5, 0), 5);
		assert_int_equal(receive(peers), 1);
		struct udp_packet got = udp_packet(u, 0);
		assert_true(peer_equal(got.from, p));
		assert_int_equal(got.size, 5);
		assert_memory_equal(got.bytes, "hello", 5);
	}
	close(g);
}

static void test_nothing_there(void **state)
{
	(void)state;
	for (size_t peers = FEW; peers <= MANY; peers++) {
		size_t count = 99;
		assert_null(udp_receive(u, UDP_NOW, peers, &count));
		assert_int_equal(count, 0);
		count = 99;
		assert_null(udp_receive(u, UDP_BLOCK, peers, &count));
		assert_int_equal(count, 0);
	}
}

static void test_empty_packet(void **state)
{
	struct peer p;
	int g = guest(&p);

	(void)state;
	for (size_t peers = FEW; peers <= MANY; peers++) {
		assert_int_equal(send(g, "", 0, 0), 0);
		assert_int_equal(receive(peers), 1);
		assert_int_equal(udp_packet(u, 0).size, 0);
	}
	close(g);
}

/* What is longer than any packet of the protocol is cut. */
static void test_long_packet(void **state)
{
	static uint8_t bytes[WIRE_PACKET_MAX + 1000];
	struct peer p;
	int g = guest(&p);

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	for (size_t peers = FEW; peers <= MANY; peers++) {
		assert_int_equal(send(g, bytes, sizeof bytes, 0), sizeof bytes);
		assert_int_equal(receive(peers), 1);
		assert_int_equal(udp_packet(u, 0).size, WIRE_PACKET_MAX);
	}
	close(g);
}

/* Several batches, in the order in which they were sent, from two peers in turn. */
static void test_more_than_a_batch(void **state)
{
	struct peer peers[2];
	int guests[2] = {guest(&peers[0]), guest(&peers[1])};
	const unsigned total = 2 * UDP_BATCH + 1;
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < total; i++)
		assert_int_equal(send(guests[i % 2], &i, sizeof i, 0), sizeof i);
	while (seen < total) {
		size_t count = receive(MANY);
		assert_true(count <= UDP_BATCH);
#ifdef __linux__
		assert_int_equal(count, total - seen < UDP_BATCH ? total - seen : UDP_BATCH);
#endif
		for (size_t i = 0; i < count; i++, seen++) {
			struct udp_packet got = udp_packet(u, i);
			assert_int_equal(got.size, sizeof seen);
			assert_memory_equal(got.bytes, &seen, sizeof seen);
			assert_true(peer_equal(got.from, peers[seen % 2]));
		}
	}
	close(guests[0]);
	close(guests[1]);
}

/* ---- answering -------------------------------------------------------------------------------- */

static void test_answers_to_several_peers(void **state)
{
	struct peer peers[3];
	int guests[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		guests[i] = guest(&peers[i]);
	udp_answer(u, peers[1], "one", 3);
	udp_answer(u, peers[0], "zero", 4);
	udp_answer(u, peers[2], "two", 3);
	udp_answer(u, peers[0], "again", 5);
	assert_int_equal(udp_flush(u), 0);
	expect_text(guests[0], "zero");
	expect_text(guests[0], "again");
	expect_text(guests[1], "one");
	expect_text(guests[2], "two");
	/* They go out once. */
	assert_int_equal(udp_flush(u), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(recv(guests[i], &peers[i], 1, MSG_DONTWAIT), -1);
		close(guests[i]);
	}
}

static void test_more_answers_than_a_batch(void **state)
{
	const unsigned total = 2 * UDP_BATCH + 1;
	struct peer p;
	int g = guest(&p);
	unsigned got;

	(void)state;
	for (unsigned i = 0; i < total; i++)
		udp_answer(u, p, &i, sizeof i);
	assert_int_equal(udp_flush(u), 0);
	for (unsigned i = 0; i < total; i++) {
		assert_int_equal(recv(g, &got, sizeof got, 0), sizeof got);
		assert_int_equal(got, i);
	}
	close(g);
}

static void test_longest_answer(void **state)
{
	uint8_t bytes[WIRE_ERROR_MAX];
	uint8_t got[200];
	struct peer p;
	int g = guest(&p);

	(void)state;
	memset(bytes, 'e', sizeof bytes);
	udp_answer(u, p, bytes, sizeof bytes);
	assert_int_equal(udp_flush(u), 0);
	assert_int_equal(recv(g, got, sizeof got, 0), sizeof bytes);
	assert_memory_equal(got, bytes, sizeof bytes);
	close(g);
}

/* Nobody can be sent to port 0: as the first, between others, as the last, alone. */
static void test_unsendable_answers_are_skipped(void **state)
{
	const struct peer nobody = {.address = INADDR_LOOPBACK, .port = 0};
	struct peer p;
	int g = guest(&p);

	(void)state;
	udp_answer(u, nobody, "lost", 4);
	udp_answer(u, p, "first", 5);
	udp_answer(u, p, "second", 6);
	udp_answer(u, nobody, "lost", 4);
	udp_answer(u, nobody, "lost", 4);
	udp_answer(u, p, "third", 5);
	udp_answer(u, nobody, "lost", 4);
	assert_int_not_equal(udp_flush(u), 0);
	udp_answer(u, nobody, "lost", 4);
	assert_int_not_equal(udp_flush(u), 0);
	udp_answer(u, p, "fourth", 6);
	assert_int_equal(udp_flush(u), 0);
	expect_text(g, "first");
	expect_text(g, "second");
	expect_text(g, "third");
	expect_text(g, "fourth");
	close(g);
}

/* A guest that is gone: its host's "port unreachable" is no error of the socket. */
static void test_answer_to_a_closed_port(void **state)
{
	struct peer p;
	size_t count = 99;

	(void)state;
	close(guest(&p));
	for (size_t peers = FEW; peers <= MANY; peers++) {
		udp_answer(u, p, "late", 4);
		(void)udp_flush(u);
		assert_null(udp_receive(u, UDP_NOW, peers, &count));
		assert_int_equal(count, 0);
	}
}

/* ---- making ------------------------------------------------------------------------------------- */

static void test_address_and_port(void **state)
{
	(void)state;
	assert_string_equal(udp_address(u), "127.0.0.1");
	assert_int_equal(udp_port(u), port_of(udp_fd(u)));
	assert_int_not_equal(udp_port(u), 0);
	assert_true(fcntl(udp_fd(u), F_GETFD) & FD_CLOEXEC);
}

static void test_port_of_another(void **state)
{
	struct udp *second = NULL;

	(void)state;
	struct pl_error *err = udp_create("127.0.0.1", udp_port(u), -1, SESSIONS, &second);
	assert_non_null(err);
	assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
	assert_non_null(strstr(pl_error_advice(err), "another dump server"));
	assert_null(second);
	pl_error_free(err);
}

static void test_bad_addresses(void **state)
{
	static const struct {
		const char *address;
		enum pl_error_kind kind;
	} cases[] = {
		{"", PL_ERR_USAGE}, {"localhost", PL_ERR_USAGE}, {"::1", PL_ERR_USAGE},
		{"127.1", PL_ERR_USAGE}, {"192.0.2.1", PL_ERR_LAB}, /* no host has it: RFC 5737 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fd = 99;
		struct pl_error *err = udp_bind(cases[i].address, 0, SESSIONS, &fd);
		assert_non_null(err);
		assert_int_equal(pl_error_kind(err), cases[i].kind);
		assert_int_equal(fd, -1);
		pl_error_free(err);
	}
}

static void test_handed_over_socket(void **state)
{
	struct udp *second;
	size_t count = 99;
	int fd = bound_socket();

	(void)state;
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	/* Address and port are the socket's own. */
	assert_null(udp_create("192.0.2.1", 9, fd, SESSIONS, &second));
	assert_int_equal(udp_fd(second), fd);
	assert_string_equal(udp_address(second), "127.0.0.1");
	assert_int_equal(udp_port(second), port_of(fd));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_null(udp_receive(second, UDP_BLOCK, FEW, &count));
	assert_int_equal(count, 0);
	udp_destroy(second);
	assert_false(is_open(fd));
}

static void test_handed_over_socket_is_closed_on_an_error(void **state)
{
	struct udp *second = NULL;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	struct pl_error *err = udp_create("127.0.0.1", 0, fd, SESSIONS, &second);
	assert_non_null(err);
	assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
	assert_null(second);
	assert_false(is_open(fd));
	pl_error_free(err);
}

static int receive_buffer(int fd)
{
	int size = 0;
	socklen_t length = sizeof size;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length), 0);
	return size;
}

static void test_buffer(void **state)
{
	struct udp *more;
	int fd;

	(void)state;
	assert_null(udp_create("127.0.0.1", 0, -1, 4096, &more));
	assert_true(receive_buffer(udp_fd(more)) >= receive_buffer(udp_fd(u)));
	udp_destroy(more);
	/* One that was made for many is not made smaller for a few. */
	assert_null(udp_bind("127.0.0.1", 0, 4096, &fd));
	int before = receive_buffer(fd);
	assert_null(udp_create("127.0.0.1", 0, fd, 1, &more));
	assert_int_equal(receive_buffer(fd), before);
	udp_destroy(more);
}

#ifdef SO_RCVBUFFORCE
/* In a child, as root: a buffer that only root may ask for, and then not root any more. */
static bool buffer_outlives_root(const struct passwd *p)
{
	int size = 6 << 20;
	struct udp *taken = NULL;
	int fd = -1;

	pl_error_free(udp_bind("127.0.0.1", 0, 1, &fd));
	if (!p || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		return false;
	int before = receive_buffer(fd);
	if (setgid(p->pw_gid) < 0 || setuid(p->pw_uid) < 0)
		return false;
	/* So many sessions that it would ask for more, which it may not have. */
	pl_error_free(udp_create("", 0, fd, 7000, &taken));
	bool ok = before >= size && taken && receive_buffer(fd) == before;
	udp_destroy(taken);
	return ok;
}

static void test_handed_over_socket_keeps_its_buffer(void **state)
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_packet),
		TEST(test_nothing_there),
		TEST(test_empty_packet),
		TEST(test_long_packet),
		TEST(test_more_than_a_batch),
		TEST(test_answers_to_several_peers),
		TEST(test_more_answers_than_a_batch),
		TEST(test_longest_answer),
		TEST(test_unsendable_answers_are_skipped),
		TEST(test_answer_to_a_closed_port),
		TEST(test_address_and_port),
		TEST(test_port_of_another),
		TEST(test_bad_addresses),
		TEST(test_handed_over_socket),
		TEST(test_handed_over_socket_is_closed_on_an_error),
		TEST(test_buffer),
#ifdef SO_RCVBUFFORCE
		TEST(test_handed_over_socket_keeps_its_buffer),
#endif
	};

	return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
