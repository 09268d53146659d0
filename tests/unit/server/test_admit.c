/* server/admit.h: who may begin a transfer. The figures are worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/admit.h"

#define LAB 0xc0a83881u   /* 192.168.56.129 */
#define OTHER 0xc0a83982u /* 192.168.57.130 */
#define START (INT64_C(1000) * PL_SECOND)

static struct admit make(const struct server_network *allow, size_t count, unsigned rate)
{
	struct server_config c = {.allow = allow, .allow_count = count, .max_sessions = 3, .max_rate = rate};
	struct admit a;

	assert_null(admit_init(&a, &c, START));
	return a;
}

static void refused(const struct admit_refusal *r, enum wire_code code, const char *part)
{
	assert_non_null(r);
	assert_int_equal(r->code, code);
	assert_non_null(strstr(r->reason, part));
	/* Six bytes of header and the NUL. */
	assert_true(strlen(r->reason) <= WIRE_ERROR_MAX - 7);
}

static void test_networks(void **state)
{
	(void)state;
	struct server_network networks[] = {{0x0a000000u, 0xff000000u}, {0xc0a83800u, 0xffffff00u}};
	struct admit a = make(networks, 2, 0);
	memset(networks, 0, sizeof networks); /* it has a copy */

	assert_null(admit_check(&a, LAB, "core", "octet", 0, START));
	assert_null(admit_check(&a, 0x0affffffu, "core", "octet", 0, START));
	refused(admit_check(&a, OTHER, "core", "octet", 0, START), WIRE_E_ACCESS, "--allow");
	refused(admit_check(&a, 0x0b000000u, "core", "octet", 0, START), WIRE_E_ACCESS, "address");
	/* A stranger learns nothing else. */
	refused(admit_check(&a, OTHER, "../core", "mail", 99, START), WIRE_E_ACCESS, "address");
	admit_deinit(&a);
}

static void test_any_source(void **state)
{
	(void)state;
	struct admit a = make(NULL, 0, 0);
	assert_null(admit_check(&a, 0, "core", "octet", 0, START));
	assert_null(admit_check(&a, UINT32_MAX, "core", "OcTeT", 0, START));
	admit_deinit(&a);
	admit_deinit(&a);
}

static void test_wrq(void **state)
{
	(void)state;
	struct admit a = make(NULL, 0, 0);
	refused(admit_check(&a, LAB, "../core", "octet", 0, START), WIRE_E_ACCESS, "A-Za-z0-9._-");
	refused(admit_check(&a, LAB, "", "octet", 0, START), WIRE_E_ACCESS, "name");
	refused(admit_check(&a, LAB, "core", "netascii", 0, START), WIRE_E_ILLEGAL, "octet");
	refused(admit_check(&a, LAB, "core", "", 0, START), WIRE_E_ILLEGAL, "octet");
	assert_null(admit_check(&a, LAB, "core", "octet", 2, START));
	const struct admit_refusal *r = admit_check(&a, LAB, "core", "octet", 3, START);
	refused(r, WIRE_E_OTHER, "--max-sessions");
	assert_false(r->passing);
	admit_deinit(&a);
}

static unsigned admitted(struct admit *a, unsigned tries, int64_t now)
{
	unsigned n = 0;
	for (unsigned i = 0; i < tries; i++)
		n += admit_check(a, LAB, "core", "octet", 0, now) == NULL;
	return n;
}

static void test_rate(void **state)
{
	(void)state;
	struct admit a = make(NULL, 0, 4);
	/* A second's worth at once, then one each 250 ms. */
	assert_int_equal(admitted(&a, 10, START), 4);
	const struct admit_refusal *r = admit_check(&a, LAB, "core", "octet", 0, START);
	refused(r, WIRE_E_OTHER, "a second");
	assert_true(r->passing);
	assert_int_equal(admitted(&a, 10, START + 249 * PL_MS), 0);
	assert_int_equal(admitted(&a, 10, START + 250 * PL_MS), 1);
	assert_int_equal(admitted(&a, 10, START + 800 * PL_MS), 2);
	/* Seconds do not save up more than one does. */
	assert_int_equal(admitted(&a, 100, START + 5 * PL_SECOND), 4);
	assert_int_equal(admitted(&a, 100, START + 3600 * PL_SECOND), 4);
	/* Neither does a clock that steps back. */
	assert_int_equal(admitted(&a, 100, START), 0);
	assert_int_equal(admitted(&a, 100, START + 3600 * PL_SECOND + 250 * PL_MS), 1);
	admit_deinit(&a);
}

/* 7 does not divide a second: over a long time it is still 7 a second, and not 8. */
static void test_rate_over_time(void **state)
{
	(void)state;
	struct admit a = make(NULL, 0, 7);
	unsigned n = 0;
	for (int64_t ms = 0; ms < 100000; ms += 10)
		n += admitted(&a, 2, START + ms * PL_MS);
	/* 7 at once and 7 in each of 100 s, less the last one's part. */
	assert_in_range(n, 705, 707);
	admit_deinit(&a);
}

static void test_refused_costs_nothing(void **state)
{
	(void)state;
	const struct server_network network = {0xc0a83800u, 0xffffff00u};
	struct admit a = make(&network, 1, 2);
	for (int i = 0; i < 1000; i++) {
		assert_non_null(admit_check(&a, OTHER, "core", "octet", 0, START));
		assert_non_null(admit_check(&a, LAB, "-core", "octet", 0, START));
		assert_non_null(admit_check(&a, LAB, "core", "mail", 0, START));
		assert_non_null(admit_check(&a, LAB, "core", "octet", 3, START));
	}
	assert_int_equal(admitted(&a, 10, START), 2);
	admit_deinit(&a);
}

static void test_no_rate(void **state)
{
	(void)state;
	struct admit a = make(NULL, 0, 0);
	assert_int_equal(admitted(&a, 100000, START), 100000);
	admit_deinit(&a);
	/* More a second than a second has nanoseconds. */
	a = make(NULL, 0, UINT32_MAX);
	assert_int_equal(admitted(&a, 100000, START), 100000);
	admit_deinit(&a);
}

static void test_telling(void **state)
{
	(void)state;
	struct admit a = make(NULL, 0, 0);
	uint64_t untold = 99;
	for (int i = 0; i < 16; i++) {
		assert_true(admit_may_tell(&a, START, &untold));
		assert_int_equal(untold, 0);
	}
	for (int i = 0; i < 1000; i++)
		assert_false(admit_may_tell(&a, START, &untold));
	/* The 16th of a second later the next one is told of, with those between. */
	assert_false(admit_may_tell(&a, START + 62 * PL_MS, &untold));
	assert_true(admit_may_tell(&a, START + 63 * PL_MS, &untold));
	assert_int_equal(untold, 1001);
	assert_true(admit_may_tell(&a, START + 2 * PL_SECOND, &untold));
	assert_int_equal(untold, 0);
	assert_int_equal(a.untold, 0);
	admit_deinit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_any_source),
		cmocka_unit_test(test_wrq),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_rate_over_time),
		cmocka_unit_test(test_refused_costs_nothing),
		cmocka_unit_test(test_no_rate),
		cmocka_unit_test(test_telling),
	};
	return cmocka_run_group_tests_name("admit", tests, NULL, NULL);
}
