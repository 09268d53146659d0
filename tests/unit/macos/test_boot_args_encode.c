#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "orchestrator/macos/boot_args_encode.h"

static void encoded(const char *present, const struct boot_args_wish *w, const char *expected)
{
	char *text = NULL;
	assert_null(boot_args_encode(present, w, &text));
	assert_string_equal(text, expected);
	free(text);
}

/* Bits by hand, from guest.md: ARP 0x40, ON_PANIC 0x400, PANICLOG 0x2000, REBOOT 0x4000, NO_LOCAL 0x20000. */
static void test_network(void **state)
{
	(void)state;
	struct boot_args_wish w = {.dump = DUMP_NETWORK, .server = "10.0.0.1", .port = PANICD_PORT};
	encoded("", &w, "debug=0x20440 _panicd_ip=10.0.0.1 wdt=-1");
	w.reboot = true;
	w.nmi = true;
	w.interface = "en1";
	w.router = "10.0.0.254";
	w.port = 4000;
	encoded("-v", &w,
		"-v debug=0x24c44 _panicd_ip=10.0.0.1 panicd_port=4000 _router_ip=10.0.0.254 "
		"kdp_match_name=en1 wdt=-1");
	w.xnu = (struct macos_version){2422, 1, 72};
	w.kernel = "development";
	encoded("debug=0x112101  x=1", &w,
		"debug=0x14d44  x=1 _panicd_ip=10.0.0.1 panicd_port=4000 _router_ip=10.0.0.254 "
		"kdp_match_name=en1 wdt=-1 kcsuffix=development");
}

static void test_other_dumps(void **state)
{
	(void)state;
	struct boot_args_wish w = {.dump = DUMP_LOCAL, .reboot = true};
	encoded("debug=0x122044", &w, "debug=0x104444 wdt=-1");
	w = (struct boot_args_wish){.dump = DUMP_PANICLOG, .server = "10.0.0.1", .port = PANICD_PORT};
	encoded("panicd_port=9 x", &w, "x debug=0x22040 _panicd_ip=10.0.0.1 wdt=-1");
}

static void test_no_dump(void **state)
{
	(void)state;
	struct boot_args_wish w = {.dump = DUMP_NONE};
	encoded("debug=0x102001 -v", &w, "debug=0x102001 -v");
	/* Bits that are wanted as they are stay as they are written. */
	w.keepsyms = true;
	encoded("debug=0504", &w, "debug=0504 keepsyms=1");
	encoded("", &w, "keepsyms=1");
	w.wait_for_debugger = true;
	w.keepsyms = true;
	w.serial = true;
	encoded("serial=1", &w, "serial=3 debug=0x41 keepsyms=1");
	w = (struct boot_args_wish){.nmi = true};
	encoded("debug=0X8", &w, "debug=0x4");
}

static void test_too_long(void **state)
{
	(void)state;
	char server[300], *text = NULL;
	for (size_t i = 0; i < sizeof server; i++)
		server[i] = i + 1 < sizeof server ? '1' : '\0';
	struct boot_args_wish w = {.dump = DUMP_NETWORK, .server = server};
	struct pl_error *e = boot_args_encode("", &w, &text);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	assert_null(text);
	pl_error_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_other_dumps),
		cmocka_unit_test(test_no_dump),
		cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests_name("boot_args_encode", tests, NULL, NULL);
}
