#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orchestrator/macos/boot_args_check.h"

#define IP "_panicd_ip=192.168.136.1"

/* The codes that are found, in order, with blanks between them; notes in brackets, what stops with a '!'. */
static const char *codes(const char *args, enum boot_args_dump wanted, const struct boot_args_guest *guest)
{
	static char text[512];
	struct boot_args_findings f;
	boot_args_check(args, wanted, guest, &f);
	text[0] = '\0';
	for (size_t i = 0; i < f.count; i++) {
		const struct boot_args_finding *one = &f.list[i];
		size_t used = strlen(text);
		assert_true(one->subject[0] != '\0' && one->advice[0] != '\0');
		snprintf(text + used, sizeof text - used, "%s%s%s%s", used ? " " : "",
			one->weight == FINDING_NOTE ? "(" : "", one->code,
			one->weight == FINDING_NOTE    ? ")"
			: one->weight == FINDING_STOPS ? "!"
						       : "");
	}
	return text;
}

static const char *on(unsigned major, unsigned minor, enum boot_args_dump wanted, const char *args)
{
	const struct boot_args_guest guest = {.xnu = {major, minor, 0}};
	return codes(args, wanted, &guest);
}

/* guest.md's recipes, good and bad. */
static void test_recipes(void **state)
{
	(void)state;
	const struct boot_args_guest catalina = {.xnu = {6153, 101, 6}};
	assert_string_equal(codes("debug=0x104c44 _panicd_port=12345", DUMP_NETWORK, &catalina),
		"reboot-always! local-core-first no-server! panicd-port");
	assert_string_equal(on(6153, 101, DUMP_LOCAL, "debug=0x104c44"), "");
	assert_string_equal(on(6153, 101, DUMP_NETWORK, "debug=0x24c44 kdp_match_name=en0 wdt=-1 " IP), "");
	assert_string_equal(on(6153, 101, DUMP_NETWORK, "debug=0xc44 " IP), "(no-reboot)");
	assert_string_equal(on(3789, 70, DUMP_NETWORK, "debug=0xd44 " IP), "(no-reboot)");
	assert_string_equal(on(2422, 115, DUMP_NETWORK, "debug=0x4c44 " IP), "");
}

static void test_debug(void **state)
{
	(void)state;
	assert_string_equal(on(6153, 0, DUMP_NETWORK, "debug=0 " IP), "debug-zero!");
	assert_string_equal(on(6153, 0, DUMP_NETWORK, IP), "debug-zero!");
	assert_string_equal(on(6153, 0, DUMP_NONE, "-v"), "");
	assert_string_equal(on(6153, 0, DUMP_NETWORK, "debug=0x4044 " IP), "no-dump-bit!");
	assert_string_equal(on(6153, 0, DUMP_NETWORK, "debug=0x26444 " IP), "panic-log-only");
	assert_string_equal(on(6153, 0, DUMP_PANICLOG, "debug=0x26444 " IP), "");
	assert_string_equal(on(6153, 0, DUMP_PANICLOG, "debug=0x24444 " IP), "no-panic-log-bit!");
	assert_string_equal(on(6153, 0, DUMP_NETWORK, "debug=0x24404 " IP), "no-arp");
	assert_string_equal(on(6153, 0, DUMP_NETWORK, "debug=0x24445 " IP), "halt");
	assert_string_equal(on(6153, 0, DUMP_NETWORK, "debug=0x64444 " IP), "(gzip-off)");
	/* '0', 'X' and '1' as a number are bits, too. */
	const struct boot_args_guest none = {0};
	assert_non_null(strstr(codes("debug=0X144", DUMP_NONE, &none), "debug-not-a-number"));
}

static void test_by_version(void **state)
{
	(void)state;
	/* 10.13.2 has REBOOT_ALWAYS, 10.13.1 has not; 10.11 has local cores, 10.10 has none. */
	assert_string_equal(on(4570, 31, DUMP_NETWORK, "debug=0x124444 " IP), "reboot-always!");
	assert_string_equal(on(4570, 20, DUMP_NETWORK, "debug=0x124444 " IP), "(bit-not-yet)");
	assert_string_equal(on(0, 0, DUMP_NETWORK, "debug=0x124444 " IP), "reboot-always!");
	assert_string_equal(on(3247, 1, DUMP_NETWORK, "debug=0x4444 " IP), "local-core-first");
	assert_string_equal(on(2782, 1, DUMP_NETWORK, "debug=0x4444 " IP), "");
	assert_string_equal(on(2782, 1, DUMP_NETWORK, "debug=0x24444 " IP), "(bit-not-yet)");
	assert_string_equal(on(7195, 141, DUMP_NETWORK, "debug=0x24544 " IP), "(bit-obsolete)");
	assert_string_equal(on(0, 0, DUMP_NETWORK, "debug=0x424444 " IP), "bit-unknown");
	assert_string_equal(on(2422, 1, DUMP_NONE, "kcsuffix=development"), "key-not-yet");
	assert_string_equal(on(1504, 15, DUMP_NONE, "kdp_crashdump_pkt_size=1024"), "key-not-yet");
	assert_string_equal(on(3789, 70, DUMP_NONE, "kext-dev-mode=1"), "(key-obsolete)");
	assert_string_equal(on(7195, 141, DUMP_NONE, "kcsuffix=debug"), "no-debug-kernel");
	assert_string_equal(on(6153, 141, DUMP_NONE, "kcsuffix=debug"), "");
}

static void test_local(void **state)
{
	(void)state;
	assert_string_equal(on(7195, 0, DUMP_LOCAL, "debug=0x24444"), "local-core-off!");
	assert_string_equal(on(2782, 0, DUMP_LOCAL, "debug=0x4444"), "no-local-core-yet!");
	assert_string_equal(on(3789, 0, DUMP_LOCAL, "debug=0x4444"), "local-core-kernel");
	assert_string_equal(on(3789, 0, DUMP_LOCAL, "debug=0x4444 kcsuffix=development"), "");
	assert_string_equal(on(6153, 0, DUMP_LOCAL, "debug=0x4844"), "");
	assert_string_equal(on(6153, 0, DUMP_LOCAL, "debug=0x4044"), "no-dump-bit!");
}

static void test_keys(void **state)
{
	(void)state;
	const struct boot_args_guest none = {0};
	assert_string_equal(codes("debug=0x24444", DUMP_NETWORK, &none), "no-server!");
	assert_string_equal(
		codes("debug=0x24444 _panicd_ip=", DUMP_NETWORK, &none), "server-not-an-address!");
	assert_string_equal(
		codes("debug=0x24444 _panicd_ip=my.host", DUMP_NETWORK, &none), "server-not-an-address!");
	assert_string_equal(codes("debug=0x24444 panicd_port=0 " IP, DUMP_NETWORK, &none), "port-not-one");
	assert_string_equal(
		codes("debug=0x24444 panicd_port=70000 " IP, DUMP_NETWORK, &none), "port-not-one");
	assert_string_equal(codes("debug=0x24444 panicd_port=4000 " IP, DUMP_NETWORK, &none), "");
	assert_string_equal(codes("serial=3 serial=1 x=1 x=2 -v -v", DUMP_NONE, &none), "key-twice");
	char long_one[1025];
	memset(long_one, 'x', 1024);
	long_one[1024] = '\0';
	assert_string_equal(codes(long_one, DUMP_NONE, &none), "too-long!");
	long_one[1023] = '\0';
	assert_string_equal(codes(long_one, DUMP_NONE, &none), "");
}

static void test_guest(void **state)
{
	(void)state;
	const char *const two[] = {"e1000e", "e1000e"}, *const bad[] = {"AppleVmxnet3Ethernet"};
	struct boot_args_guest guest = {.nics = two, .nics_count = 2};
	assert_string_equal(codes("debug=0x24444 " IP, DUMP_NETWORK, &guest), "no-match-name");
	assert_string_equal(codes("debug=0x24444 kdp_match_name=en0 " IP, DUMP_NETWORK, &guest), "");
	guest.nics_count = 1;
	assert_string_equal(codes("debug=0x24444 " IP, DUMP_NETWORK, &guest), "");
	guest.nics = bad;
	assert_string_equal(codes("debug=0x24444 " IP, DUMP_NETWORK, &guest), "nic-cannot-dump");
	assert_string_equal(codes("debug=0x4444", DUMP_LOCAL, &guest), "");
	guest = (struct boot_args_guest){.sip_forbids_debugger = true};
	assert_string_equal(codes("debug=0x24444 " IP, DUMP_NETWORK, &guest), "sip!");
	assert_string_equal(codes("-v", DUMP_NONE, &guest), "");
}

static void test_meant(void **state)
{
	(void)state;
	const struct macos_version sierra = {3789, 70, 16}, mavericks = {2422, 115, 4}, none = {0};
	assert_int_equal(boot_args_dump_meant("-v keepsyms=1", &none), DUMP_NONE);
	assert_int_equal(boot_args_dump_meant("debug=0x144", &none), DUMP_NONE);
	assert_int_equal(boot_args_dump_meant(IP, &none), DUMP_NETWORK);
	assert_int_equal(boot_args_dump_meant("debug=0x104c44 _panicd_port=12345", &none), DUMP_NETWORK);
	assert_int_equal(boot_args_dump_meant("debug=0x104c44", &sierra), DUMP_LOCAL);
	assert_int_equal(boot_args_dump_meant("debug=0x4c44", &mavericks), DUMP_NETWORK);
	assert_int_equal(boot_args_dump_meant("debug=0x20c44", &none), DUMP_NETWORK);
	assert_int_equal(boot_args_dump_meant("debug=0x2444 " IP, &none), DUMP_PANICLOG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipes),
		cmocka_unit_test(test_debug),
		cmocka_unit_test(test_by_version),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_guest),
		cmocka_unit_test(test_meant),
	};
	return cmocka_run_group_tests_name("boot_args_check", tests, NULL, NULL);
}
