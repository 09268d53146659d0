/* Which of this host's addresses a guest reaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/host/address.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static const struct host_interface interfaces[] = {
	{"lo0", IP(127, 0, 0, 1), IP(255, 0, 0, 0)},
	{"utun0", IP(192, 168, 64, 1), IP(255, 255, 255, 255)},
	{"en0", IP(10, 0, 0, 8), IP(255, 0, 0, 0)},
	{"bridge100", IP(10, 5, 5, 1), IP(255, 255, 255, 0)},
	{"bridge101", IP(172, 16, 9, 1), IP(255, 255, 255, 0)},
	{"odd0", IP(203, 0, 113, 1), 0},
};
#define COUNT (sizeof(interfaces) / sizeof(interfaces[0]))

static void subnet_decides(void **state)
{
	static const char *const cases[][2] = {
		{"172.16.9.130", "bridge101"},
		{"10.5.5.7", "bridge100"}, /* the narrowest */
		{"10.9.5.7", "en0"},
		{"127.0.0.1", "lo0"},
		{"127.3.2.1", "lo0"},
	};
	const struct host_interface *found;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(host_interface_pick(interfaces, COUNT, cases[i][0], &found));
		assert_string_equal(found->name, cases[i][1]);
	}
}

static void no_subnet_is_an_error_that_says_what_to_set(void **state)
{
	struct pl_error *e;
	const struct host_interface *found;
	char line[512];

	(void)state;
	e = host_interface_pick(interfaces, COUNT, "192.168.64.9", &found);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_line(e, line, sizeof(line));
	assert_non_null(strstr(line, "192.168.64.9"));
	assert_non_null(strstr(line, "bridge101 172.16.9.1/255.255.255.0"));
	assert_non_null(strstr(line, "server.bind"));
	pl_error_free(e);
	/* our own address is no guest's */
	e = host_interface_pick(interfaces, COUNT, "172.16.9.1", &found);
	assert_non_null(e);
	pl_error_free(e);
	e = host_interface_pick(interfaces, COUNT, "host.example", &found);
	assert_non_null(e);
	pl_error_free(e);
}

static void this_host_has_a_loopback(void **state)
{
	struct host_interface found;
	char ip[16];

	(void)state;
	assert_null(host_address("127.0.0.1", ip));
	assert_string_equal(ip, "127.0.0.1");
	assert_null(host_address("127.9.9.9", ip));
	assert_string_equal(ip, "127.0.0.1");
	assert_null(host_address_towards("127.0.0.1", ip));
	assert_string_equal(ip, "127.0.0.1");
	struct pl_error *e = host_address_towards("host.example", ip);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_free(e);
	assert_null(host_interface_of("127.0.0.1", &found));
	assert_int_equal(strncmp(found.name, "lo", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subnet_decides),
		cmocka_unit_test(no_subnet_is_an_error_that_says_what_to_set),
		cmocka_unit_test(this_host_has_a_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
