/* Lease files of both kinds, as DHCP servers leave them. Times by date(1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/host/leases.h"

/* date -u -d '2024-03-01 12:00:00' +%s */
#define NOON INT64_C(1709294400)
#define MAC "00:0c:29:0a:0b:0c"

static struct leases parse(const char *text, const char *mac)
{
	struct leases l = {.count = 0};

	assert_null(leases_parse(text, strlen(text), mac, NOON, &l));
	return l;
}

static void isc_latest_valid_wins(void **state)
{
	struct leases l =
		parse("# All times in this file are in UTC (GMT).\n"
		      "lease 172.16.9.130 {\n"
		      "\tclient-hostname \"a;b}{\\\"#c\";\n"
		      "\tstarts 5 2024/03/01 11:00:00;\n"
		      "\tends 5 2024/03/01 12:10:00;\n"
		      "\thardware ethernet 00:0c:29:0a:0b:0c;\n"
		      "\tuid 01:00:0c:29:0a:0b:0c;\n"
		      "}\n"
		      "lease 172.16.9.131 {\n"
		      "    starts 5 2024/03/01 11:30:00;\n"
		      "    ends 5 2024/03/01 12:30:00;\n"
		      "    hardware ethernet 00:0C:29:0A:0B:0C;\n"
		      "}\n"
		      "lease 172.16.9.129 { ends 4 2024/02/29 23:59:59; hardware ethernet 0:c:29:a:b:c; }\n"
		      "lease 172.16.9.140 {\n"
		      "\tends 5 2024/03/01 12:50:00;\n"
		      "\thardware ethernet 00:0c:29:ff:ff:ff;\n"
		      "}\n",
			MAC);

	(void)state;
	assert_int_equal(l.count, 3);
	assert_string_equal(l.at[0].ip, "172.16.9.131");
	assert_int_equal(l.at[0].ends, NOON + 30 * 60);
	assert_false(l.at[0].expired);
	assert_string_equal(l.at[1].ip, "172.16.9.130");
	assert_false(l.at[1].expired);
	assert_string_equal(l.at[2].ip, "172.16.9.129");
	/* date -u -d '2024-02-29 23:59:59' +%s */
	assert_int_equal(l.at[2].ends, INT64_C(1709251199));
	assert_true(l.at[2].expired);
}

static void apple_by_short_mac(void **state)
{
	struct leases l = parse("{\n"
				"\tname=a}b\n"
				"\tip_address=192.168.64.9\n"
				"\thw_address=1,0:c:29:a:b:c\n"
				"\tidentifier=1,0:c:29:a:b:c\n"
				"\tlease=0x65e1c9f8\n"
				"}\n"
				"{\n"
				"        ip_address=192.168.64.10\n"
				"\t\t\thw_address=1,0:c:29:a:b:c\n"
				"    lease=0x65e1d700\n"
				"}\n"
				"{\n"
				"\tip_address=192.168.64.11\n"
				"\thw_address=1,0:c:29:a:b:c\n"
				"}\n"
				"{\n"
				"\tip_address=192.168.64.12\n"
				"\tlease=0x65e1d700\n"
				"}",
		MAC);

	(void)state;
	assert_int_equal(l.count, 3);
	assert_string_equal(l.at[0].ip, "192.168.64.10");
	/* printf %d 0x65e1d700 */
	assert_int_equal(l.at[0].ends, INT64_C(1709299456));
	assert_false(l.at[0].expired);
	assert_string_equal(l.at[1].ip, "192.168.64.9");
	/* printf %d 0x65e1c9f8: 1709296120, after noon */
	assert_false(l.at[1].expired);
	assert_string_equal(l.at[2].ip, "192.168.64.11");
	assert_true(l.at[2].expired);
	assert_int_equal(l.at[2].ends, 0);
}

static void address_that_went_to_another_is_no_claim(void **state)
{
	struct leases l = parse(
		"lease 10.1.1.5 {\n ends 5 2024/03/01 12:10:00;\n hardware ethernet 00:0c:29:0a:0b:0c;\n}\n"
		"lease 10.1.1.5 {\n ends 5 2024/03/01 12:20:00;\n hardware ethernet 00:0c:29:00:00:01;\n}\n",
		MAC);

	(void)state;
	assert_int_equal(l.count, 0);
}

static void one_address_twice_counts_once_and_as_the_later(void **state)
{
	struct leases l = parse(
		"lease 10.1.1.5 {\n ends 5 2024/03/01 11:10:00;\n hardware ethernet 00:0c:29:0a:0b:0c;\n}\n"
		"lease 10.1.1.5 {\n ends 5 2024/03/01 12:20:00;\n hardware ethernet 00:0c:29:0a:0b:0c;\n}\n"
		"lease 10.1.1.5 {\n ends 5 2024/03/01 11:20:00;\n hardware ethernet 00:0c:29:0a:0b:0c;\n}\n",
		MAC);

	(void)state;
	assert_int_equal(l.count, 1);
	assert_int_equal(l.at[0].ends, NOON + 20 * 60);
	assert_false(l.at[0].expired);
}

static void what_was_given_back_has_expired(void **state)
{
	struct leases l = parse(
		"lease 10.1.1.5 {\n ends never;\n binding state free;\n hardware ethernet "
		"00:0c:29:0a:0b:0c;\n}\n"
		"lease 10.1.1.6 {\n ends never;\n abandoned;\n hardware ethernet 00:0c:29:0a:0b:0c;\n}\n"
		"lease 10.1.1.7 {\n ends never;\n binding state active;\n hardware ethernet "
		"00:0c:29:0a:0b:0c;\n}\n",
		MAC);

	(void)state;
	assert_int_equal(l.count, 3);
	assert_string_equal(l.at[0].ip, "10.1.1.7");
	assert_int_equal(l.at[0].ends, INT64_MAX);
	assert_false(l.at[0].expired);
	assert_true(l.at[1].expired);
	assert_true(l.at[2].expired);
}

static void nonsense_is_skipped(void **state)
{
	static const char *const texts[] = {
		"",
		"lease",
		"lease 10.1.1.5 {",
		"lease 10.1.1.5 { hardware ethernet 00:0c:29:0a:0b:0c; ends never;",
		"lease 10.1.1.500 { hardware ethernet 00:0c:29:0a:0b:0c; ends never; }",
		"lease 10.1.1.5 { hardware ethernet 00:0c:29:0a:0b; ends never; }",
		"lease 10.1.1.5 { hardware ethernet 00:0c:29:0a:0b:0c:0d; ends never; }",
		"subnet 10.1.1.0 { hardware ethernet 00:0c:29:0a:0b:0c; ends never; }",
		"{\nip_address=10.1.1.5\nhw_address=6,0:c:29:a:b:c\nlease=0x7fffffff\n}\n",
		"{\nip_address=fe80::1\nhw_address=1,0:c:29:a:b:c\nlease=0x7fffffff\n}\n",
		"}}}}{{{{;;;;\"\"\"\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(texts[i], MAC).count)
			fail_msg("a lease in '%s'", texts[i]);
}

static void times_that_are_none_are_not_known(void **state)
{
	struct leases l = parse(
		"lease 10.1.1.5 { ends 5 2024/13/01 12:10:00; hardware ethernet 00:0c:29:0a:0b:0c; }\n", MAC);

	(void)state;
	assert_int_equal(l.count, 1);
	assert_int_equal(l.at[0].ends, 0);
	assert_true(l.at[0].expired);
}

static void best_sixteen_are_kept(void **state)
{
	char text[8192] = "";
	size_t n = 0;
	struct leases l;

	(void)state;
	for (int i = 1; i <= 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"lease 10.1.1.%d { ends 5 2024/03/01 13:%02d:00; hardware ethernet 0:c:29:a:b:c; }\n",
			i, i);
	l = parse(text, MAC);
	assert_int_equal(l.count, 16);
	assert_string_equal(l.at[0].ip, "10.1.1.40");
	assert_string_equal(l.at[15].ip, "10.1.1.25");
}

static void bad_mac_is_an_error(void **state)
{
	struct leases l = {.count = 0};
	struct pl_error *e = leases_parse("", 0, "00:0c:29:0a:0b:0c\n", NOON, &l);

	(void)state;
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_free(e);
}

static void files_that_are_not_there_are_skipped(void **state)
{
	static const char text[] = "lease 10.1.1.7 { ends never; hardware ethernet 00:0c:29:0a:0b:0c; }\n";
	char path[] = "/tmp/test_leases.XXXXXX";
	const char *files[] = {"/nowhere/leases", "/", path};
	int fd = mkstemp(path);
	struct leases l;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_null(leases_lookup(files, 3, false, MAC, NOON, NULL, &l));
	unlink(path);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.at[0].ip, "10.1.1.7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isc_latest_valid_wins),
		cmocka_unit_test(apple_by_short_mac),
		cmocka_unit_test(address_that_went_to_another_is_no_claim),
		cmocka_unit_test(one_address_twice_counts_once_and_as_the_later),
		cmocka_unit_test(what_was_given_back_has_expired),
		cmocka_unit_test(nonsense_is_skipped),
		cmocka_unit_test(times_that_are_none_are_not_known),
		cmocka_unit_test(best_sixteen_are_kept),
		cmocka_unit_test(bad_mac_is_an_error),
		cmocka_unit_test(files_that_are_not_there_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
