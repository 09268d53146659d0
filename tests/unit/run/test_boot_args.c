#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "orchestrator/run/boot_args.h"

static const struct run_boot_args sierra = {
	.server = "172.16.41.1",
	.port = 1069,
	.interface = "en0",
	.xnu = {3789, 70, 16},
	.extra = "",
};

static void merged(const char *present, const struct run_boot_args *wish, const char *expected)
{
	char *args = NULL;
	assert_null(run_boot_args_make(present, wish, &args));
	assert_string_equal(args, expected);
	free(args);
}

/* 0x24c44 = NMI 4, ARP 0x40, DUMP_ON_PANIC 0x400, DUMP_ON_NMI 0x800, REBOOT_POST_CORE 0x4000, no local core
 * 0x20000 */
static void test_from_nothing(void **state)
{
	(void)state;
	merged("", &sierra, "debug=0x24c44 _panicd_ip=172.16.41.1 kdp_match_name=en0 wdt=-1");
}

static void test_foreign_keys_stay(void **state)
{
	(void)state;
	merged("-v  keepsyms=1 kext-dev-mode=1", &sierra,
		"-v  keepsyms=1 kext-dev-mode=1 debug=0x24c44 _panicd_ip=172.16.41.1 kdp_match_name=en0 "
		"wdt=-1");
	/* Ours are replaced where they stand, doubles go; of those the kernel had taken the last. */
	merged("_panicd_ip=10.0.0.9 -v debug=0x2 debug=0x8", &sierra,
		"_panicd_ip=172.16.41.1 -v debug=0x24c4c kdp_match_name=en0 wdt=-1");
}

static void test_harmful_debug_bits_go(void **state)
{
	(void)state;
	/* HALT, PANICLOG_DUMP and REBOOT_ALWAYS; the well-known 0x104c44. */
	merged("debug=0x102001", &sierra, "debug=0x24c44 _panicd_ip=172.16.41.1 kdp_match_name=en0 wdt=-1");
	merged("debug=0x104c44", &sierra, "debug=0x24c44 _panicd_ip=172.16.41.1 kdp_match_name=en0 wdt=-1");
}

/* No dump is wanted: only what the scenario says. */
static void test_no_dump(void **state)
{
	(void)state;
	struct run_boot_args wish = {.server = NULL, .interface = "en0", .extra = "keepsyms=1"};
	merged("debug=0x102001 -v", &wish, "debug=0x102001 -v keepsyms=1");
	wish.kcsuffix = "development";
	merged("", &wish, "kcsuffix=development keepsyms=1");
}

static void test_port(void **state)
{
	(void)state;
	struct run_boot_args wish = sierra;
	wish.port = 4000;
	merged("", &wish, "debug=0x24c44 _panicd_ip=172.16.41.1 panicd_port=4000 kdp_match_name=en0 wdt=-1");
	/* A port of another day must not stay when ours is the default. */
	merged("panicd_port=9", &sierra, "debug=0x24c44 _panicd_ip=172.16.41.1 kdp_match_name=en0 wdt=-1");
}

static void test_versions(void **state)
{
	(void)state;
	struct run_boot_args wish = sierra;
	/* 10.9 has no DISABLE_LOCAL_CORE, and no local core. */
	wish.xnu = (struct macos_version){2422, 115, 4};
	merged("", &wish, "debug=0x4c44 _panicd_ip=172.16.41.1 kdp_match_name=en0 wdt=-1");
	wish.kcsuffix = "development";
	wish.interface = "";
	merged("kcsuffix=debug", &wish, "kcsuffix=development debug=0x4c44 _panicd_ip=172.16.41.1 wdt=-1");
}

static void test_scenario_wins(void **state)
{
	(void)state;
	struct run_boot_args wish = sierra;
	wish.extra = "debug=0x444 keepsyms=1";
	merged("-v", &wish, "-v debug=0x444 _panicd_ip=172.16.41.1 kdp_match_name=en0 wdt=-1 keepsyms=1");
}

static void test_too_long(void **state)
{
	(void)state;
	char present[1100], *args = NULL;
	memset(present, 'x', sizeof present - 1);
	present[sizeof present - 1] = '\0';
	struct pl_error *e = run_boot_args_make(present, &sierra, &args);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
	assert_null(args);
}

/* The scenario's own boot-args can keep the core from coming: then the run does not begin. */
static void test_refusal(void **state)
{
	(void)state;
	const struct boot_args_guest guest = {.xnu = {6153, 141, 1}};
	struct boot_args_findings found;
	boot_args_check("debug=0x24c44 _panicd_ip=172.16.41.1", DUMP_NETWORK, &guest, &found);
	assert_null(run_boot_args_refuse(&found));
	boot_args_check("debug=0x104c44 _panicd_ip=172.16.41.1", DUMP_NETWORK, &guest, &found);
	struct pl_error *e = run_boot_args_refuse(&found);
	char line[512];
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	assert_string_equal(pl_error_line(e, line, sizeof line),
		"boot_args: debug=0x100000 (REBOOT_ALWAYS) reboots before the network dump has begun; the "
		"well-known 0x104c44 is for local cores (rule reboot-always of `paniclab boot-args decode`): "
		"take it away; 0x4000 (REBOOT_POST_CORE) reboots after the dump, or have the scenario expect "
		"no core");
	pl_error_free(e);
	json_t *list = boot_args_findings_json(&found);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(list, 0), "code")), "reboot-always");
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_nothing),
		cmocka_unit_test(test_foreign_keys_stay),
		cmocka_unit_test(test_harmful_debug_bits_go),
		cmocka_unit_test(test_no_dump),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_scenario_wins),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_refusal),
	};
	return cmocka_run_group_tests_name("run_boot_args", tests, NULL, NULL);
}
