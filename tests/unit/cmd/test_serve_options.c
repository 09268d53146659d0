/* The options of paniclab serve: units and bounds, who may send, where to listen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/options.h"
#include "orchestrator/cmd/serve_options.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t ip(const char *text)
{
	struct in_addr in;

	assert_int_equal(inet_pton(AF_INET, text, &in), 1);
	return ntohl(in.s_addr);
}

/* ---- words -------------------------------------------------------------------------- */

static const struct serve_socket none = {.fd = -1};

struct given {
	struct cmd_input in;
	struct serve_options o;
};

static struct pl_error *parse(struct given *g, char **words)
{
	int count = 0;

	while (words[count])
		count++;
	struct pl_error *err = cmd_parse(&cmd_serve, count, words, &g->in);
	assert_null(err);
	return serve_options_parse(&g->in, &none, &g->o);
}

static void release(struct given *g)
{
	serve_options_deinit(&g->o);
	cmd_input_deinit(&g->in);
}

static void defaults_are_those_of_the_manual(void **state)
{
	struct given g;
	char *words[] = {NULL};

	(void)state;
	assert_null(parse(&g, words));
	assert_string_equal(g.o.config.bind, "0.0.0.0");
	assert_int_equal(g.o.config.port, 1069);
	assert_int_equal(g.o.config.max_sessions, 64);
	assert_int_equal(g.o.config.max_rate, 64);
	assert_int_equal(g.o.config.max_size, 68719476736);
	assert_int_equal(g.o.config.max_seek, 17179869184);
	assert_int_equal(g.o.config.max_total, 0);
	assert_int_equal(g.o.config.min_free, 268435456);
	assert_int_equal(g.o.config.idle_timeout, 120000000000);
	assert_int_equal(g.o.config.busy_poll, 0);
	assert_false(g.o.config.decompress);
	assert_null(g.o.user);
	release(&g);
}

/* Somebody that whoever runs this can go on as. */
static const char *some_user(char out[static 64])
{
	const struct passwd *p = geteuid() == 0 ? getpwnam("nobody") : getpwuid(geteuid());

	snprintf(out, 64, "%s", p ? p->pw_name : "");
	return out;
}

static void units_are_read(void **state)
{
	struct given g;
	char user[64];
	char *words[] = {"--port=0", "--max-sessions=4096", "--max-rate", "7", "--max-size", "3G",
		"--max-seek", "5M", "--max-total", "1K", "--min-free=0", "--idle-timeout=2m", "--busy-poll",
		"200us", "-z", "--allow=10.1.2.3/8", "-a", "192.0.2.9", "--user", user, NULL};

	(void)state;
	if (!some_user(user)[0])
		words[COUNT(words) - 3] = NULL; /* a user without a name */
	assert_null(parse(&g, words));
	assert_int_equal(g.o.config.port, 0);
	assert_int_equal(g.o.config.max_sessions, 4096);
	assert_int_equal(g.o.config.max_rate, 7);
	assert_int_equal(g.o.config.max_size, 3221225472);
	assert_int_equal(g.o.config.max_seek, 5242880);
	assert_int_equal(g.o.config.max_total, 1024);
	assert_int_equal(g.o.config.min_free, 0);
	assert_int_equal(g.o.config.idle_timeout, 120000000000);
	assert_int_equal(g.o.config.busy_poll, 200000);
	assert_true(g.o.config.decompress);
	assert_string_equal(g.o.user ? g.o.user : "", user);
	assert_int_equal(g.o.config.allow_count, 2);
	assert_int_equal(g.o.config.allow[0].address, ip("10.0.0.0"));
	assert_int_equal(g.o.config.allow[0].mask, ip("255.0.0.0"));
	assert_int_equal(g.o.config.allow[1].address, ip("192.0.2.9"));
	assert_int_equal(g.o.config.allow[1].mask, UINT32_MAX);
	release(&g);
}

static void the_rate_follows_the_sessions(void **state)
{
	struct given g;
	char *many[] = {"--max-sessions=500", NULL}, *few[] = {"--max-sessions=1", NULL};

	(void)state;
	assert_null(parse(&g, many));
	assert_int_equal(g.o.config.max_rate, 500);
	release(&g);
	/* A guest sends its log right after its core. */
	assert_null(parse(&g, few));
	assert_int_equal(g.o.config.max_rate, 64);
	release(&g);
}

static void a_given_socket_says_where(void **state)
{
	const struct serve_socket socket = {.fd = 7, .address = 0x7f000005, .port = 99};
	char *words[] = {"-z", NULL}, *bind[] = {"--bind=127.0.0.1", NULL}, *port[] = {"--port=5", NULL};
	char **wrong[] = {bind, port};
	struct given g;

	(void)state;
	assert_null(cmd_parse(&cmd_serve, 1, words, &g.in));
	assert_null(serve_options_parse(&g.in, &socket, &g.o));
	assert_int_equal(g.o.config.socket, 7);
	assert_int_equal(g.o.config.port, 99);
	assert_string_equal(g.o.config.bind, "127.0.0.5");
	assert_int_equal(g.o.config.allow_count, 1);
	assert_int_equal(g.o.config.allow[0].address, ip("127.0.0.0"));
	release(&g);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_null(cmd_parse(&cmd_serve, 1, wrong[i], &g.in));
		struct pl_error *err = serve_options_parse(&g.in, &socket, &g.o);
		assert_int_equal(pl_error_exit_code(err), 2);
		pl_error_free(err);
		release(&g);
	}
}

static void bad_values_are_misuse_with_a_hint(void **state)
{
	static char *const cases[] = {"--port=65536", "--port=-1", "--port=0x", "--max-sessions=0",
		"--max-sessions=4097", "--max-rate=1.5", "--max-rate=1000001", "--max-rate=-1",
		"--max-size=0", "--max-size=1T", "--max-seek=-1", "--max-total=", "--min-free=lots",
		"--idle-timeout=0", "--idle-timeout=soon", "--idle-timeout=1001h", "--busy-poll=101ms",
		"--busy-poll=1", "--busy-poll=-1us", "--allow=10.0.0.0/33", "--allow=10.0.0/8",
		"--allow=::1/128", "--allow=", "--allow=all", "--bind=localhost", "--bind=", "--bind=1.2.3",
		"--bind=nosuch0"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct given g;
		char *words[] = {cases[i], NULL};
		struct pl_error *err = parse(&g, words);
		if (!err)
			fail_msg("%s was taken", cases[i]);
		assert_int_equal(pl_error_exit_code(err), 2);
		assert_non_null(pl_error_advice(err));
		pl_error_free(err);
		release(&g);
	}
}

static void too_many_networks_are_misuse(void **state)
{
	static char words_text[257][32];
	char *words[258] = {NULL};
	struct given g;

	(void)state;
	for (unsigned i = 0; i < 257; i++) {
		snprintf(words_text[i], sizeof words_text[i], "--allow=10.%u.%u.0/24", i / 256, i % 256);
		words[i] = words_text[i];
	}
	struct pl_error *err = parse(&g, words);
	assert_int_equal(pl_error_exit_code(err), 2);
	pl_error_free(err);
	release(&g);
	words[256] = NULL;
	assert_null(parse(&g, words));
	assert_int_equal(g.o.config.allow_count, 256);
	release(&g);
}

/* ---- networks ------------------------------------------------------------------------- */

static const struct host_interface some[] = {
	{"lo0", 0x7f000001, 0xff000000}, {"en0", 0x0a010208, 0xffff0000}, /* 10.1.2.8/16 */
	{"vmnet8", 0xac100901, 0xffffff00},                               /* 172.16.9.1/24 */
	{"vmnet8", 0xac100a01, 0xffffff00},                               /* 172.16.10.1/24 */
	{"odd0", 0xcb007101, 0},                                          /* 203.0.113.1/0 */
};

static void attached(uint32_t address, const char *want)
{
	struct serve_networks n;
	char all[256] = "", text[SERVE_NETWORK_TEXT];

	assert_null(serve_networks_attached(&n, some, COUNT(some), address));
	for (size_t i = 0; i < n.count; i++) {
		strncat(all, serve_network_text(&n.list[i], text), 30);
		strncat(all, " ", 2);
	}
	assert_string_equal(all, want);
}

static void only_the_bound_network_may_send(void **state)
{
	struct serve_networks n;

	(void)state;
	attached(ip("10.1.2.8"), "10.1.0.0/16 ");
	attached(ip("172.16.9.1"), "172.16.9.0/24 ");
	attached(ip("127.0.0.1"), "127.0.0.0/8 ");
	attached(ip("127.9.9.9"), "127.0.0.0/8 ");
	attached(0, "127.0.0.0/8 10.1.0.0/16 172.16.9.0/24 172.16.10.0/24 ");
	/* No network: an error, not everybody. */
	struct pl_error *err = serve_networks_attached(&n, some, COUNT(some), ip("10.1.2.9"));
	assert_int_equal(pl_error_exit_code(err), 3);
	assert_non_null(strstr(pl_error_advice(err), "vmnet8 (172.16.9.1)"));
	assert_null(strstr(pl_error_advice(err), "--allow"));
	pl_error_free(err);
	err = serve_networks_attached(&n, some, COUNT(some), ip("203.0.113.1"));
	assert_non_null(err);
	pl_error_free(err);
}

static void everybody_is_a_network(void **state)
{
	struct serve_networks n = {.count = 0};
	char text[SERVE_NETWORK_TEXT];

	(void)state;
	assert_null(serve_networks_add(&n, "1.2.3.4/0"));
	assert_int_equal(n.list[0].mask, 0);
	assert_string_equal(serve_network_text(&n.list[0], text), "0.0.0.0/0");
}

static void an_interface_is_its_address(void **state)
{
	char address[16], line[512];

	(void)state;
	assert_null(serve_bind_address(some, COUNT(some), "vmnet8", address));
	assert_string_equal(address, "172.16.9.1");
	assert_null(serve_bind_address(some, COUNT(some), "192.0.2.1", address));
	assert_string_equal(address, "192.0.2.1");
	struct pl_error *err = serve_bind_address(some, COUNT(some), "vmnet1", address);
	assert_int_equal(pl_error_exit_code(err), 2);
	assert_non_null(strstr(pl_error_line(err, line, sizeof line), "vmnet8 (172.16.9.1)"));
	pl_error_free(err);
}

/* ---- open files --------------------------------------------------------------------------- */

static void the_limit_of_files_is_raised_or_complained_of(void **state)
{
	struct serve_options o = {.config.max_sessions = 100};
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 512) {
		print_message("the hard limit of open files is below 512 here\n");
		skip();
	}
	limit.rlim_cur = 64;
	limit.rlim_max = 512;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_null(serve_options_raise_files(&o));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_in_range(limit.rlim_cur, 200, 512);
	o.config.max_sessions = 300;
	struct pl_error *err = serve_options_raise_files(&o);
	assert_int_equal(pl_error_exit_code(err), 3);
	/* What the hint says is then enough. */
	const char *number = strstr(pl_error_advice(err), "--max-sessions ");
	assert_non_null(number);
	o.config.max_sessions = strtoul(number + strlen("--max-sessions "), NULL, 10);
	assert_in_range(o.config.max_sessions, 1, 299);
	pl_error_free(err);
	assert_null(serve_options_raise_files(&o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(units_are_read),
		cmocka_unit_test(the_rate_follows_the_sessions),
		cmocka_unit_test(a_given_socket_says_where),
		cmocka_unit_test(bad_values_are_misuse_with_a_hint),
		cmocka_unit_test(too_many_networks_are_misuse),
		cmocka_unit_test(only_the_bound_network_may_send),
		cmocka_unit_test(everybody_is_a_network),
		cmocka_unit_test(an_interface_is_its_address),
		cmocka_unit_test(the_limit_of_files_is_raised_or_complained_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
