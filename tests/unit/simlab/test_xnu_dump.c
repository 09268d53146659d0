/* The decision: what boot-args, SIP, NIC and version lead to. Expectations are xnu's, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/simlab/boot_args.h"
#include "tests/simlab/xnu_dump.h"
#include "tests/unit/simlab/fake_server.h"

#define assert_ok(e) assert_null(e)

static struct fake_server server;
static struct kernel_desc kernel;
static struct xnu_panic_args args;
static char console[65536];
static struct xnu_outcome outcome;

static int setup(void **state)
{
	(void)state;
	kernel_desc_default(&kernel);
	kernel.core_size = 4 << 20;
	fake_start(&server, fake_polite);
	args = (struct xnu_panic_args){
		.kernel = &kernel,
		.csr = 0x77, /* csrutil disable */
		.nic = "e1000e",
		.guest_ip = server.client_ip,
		.serial_fd = -1,
		.time_factor = 1,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	xnu_outcome_deinit(&outcome);
	memset(&outcome, 0, sizeof(outcome));
	fake_stop(&server);
	return 0;
}

/* Panics with boot-args in which @ stands for the server's keys. */
static void run(const char *boot_args)
{
	const char *at = strchr(boot_args, '@');
	if (at)
		snprintf(kernel.boot_args, sizeof(kernel.boot_args), "%.*s_panicd_ip=%s panicd_port=%u%s",
			(int)(at - boot_args), boot_args, server.ip, server.port, at + 1);
	else
		snprintf(kernel.boot_args, sizeof(kernel.boot_args), "%s", boot_args);
	FILE *serial = tmpfile();
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	assert_non_null(serial);
	args.serial_fd = fileno(serial);
	xnu_outcome_deinit(&outcome);
	assert_ok(xnu_panic(&args, &w, &outcome));
	rewind(serial);
	size_t n = fread(console, 1, sizeof(console) - 1, serial);
	console[n] = '\0';
	fclose(serial);
}

static void expect(enum xnu_dumped dumped, enum xnu_why why, enum xnu_after after)
{
	assert_string_equal(xnu_why_name(outcome.why), xnu_why_name(why));
	assert_int_equal(outcome.dumped, dumped);
	assert_int_equal(outcome.after, after);
}

static void test_dumps_and_reboots(void **state)
{
	(void)state;
	run("debug=0x4444 @ kdp_match_name=en0");
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_REBOOTS);
	char name[128];
	/* 184273644112 is 0x2ae790aa50 */
	snprintf(name, sizeof(name), "core-xnu-3789.70.16-%s-e790aa50.gz", server.client_ip);
	assert_string_equal(outcome.name, name);
	assert_memory_equal(server.packets[0].bytes + 2, name, strlen(name) + 1);
	assert_memory_equal(server.packets[1].bytes + 6, "\x1f\x8b", 2);
	static const char *const order[] = {
		"simulated kernel",
		"panic(cpu 1 caller 0x",
		"\nEntering system dump routine\nAttempting connection to panic server configured at IP 127.",
		"'s (or proxy's) link level address\n",
		"\nSending write request for core-xnu-3789.70.16-127.",
		"\nProtocol features: 0x3\nTransmitting kernel state, please wait:\n",
		"Done\nCoredump complete of kernel, dumped ",
		"\nTotal number of packets transmitted: ",
	};
	const char *at = console;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		at = strstr(at, order[i]);
		if (!at)
			fail_msg("'%s' is not on the console, or too early", order[i]);
	}
}

static void test_without_reboot_it_waits(void **state)
{
	(void)state;
	run("debug=0x444 @");
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_WAITS);
	assert_non_null(strstr(console, "\nWaiting for remote debugger connection.\n"));
}

static void test_no_kdp(void **state)
{
	(void)state;
	run("-v @");
	expect(XNU_DUMPED_NONE, XNU_WHY_NO_DEBUG, XNU_REBOOTS);
	run("debug=0 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_NO_DEBUG, XNU_REBOOTS);
	assert_null(strstr(console, "Entering system dump routine"));
	run("debug=0x144 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_NOT_ASKED, XNU_WAITS);
}

static void test_sip(void **state)
{
	(void)state;
	args.csr = 0;
	run("debug=0x4444 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_SIP, XNU_REBOOTS);
	args.csr = 0x66; /* all but kexts, debugger and internal */
	run("debug=0x4444 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_SIP, XNU_REBOOTS);
	static const uint32_t enough[] = {0x1, 0x8, 0x10};
	for (size_t i = 0; i < 3; i++) {
		args.csr = enough[i];
		run("debug=0x4444 @");
		expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_REBOOTS);
	}
}

static void test_transport(void **state)
{
	(void)state;
	args.nic = "vmxnet3";
	run("debug=0x4444 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_NO_TRANSPORT, XNU_WAITS);
	assert_non_null(strstr(console, "Error: No transport device registered for kernel crashdump\n"));
	args.nic = "e1000e";
	run("debug=0x4444 @ kdp_match_name=en1");
	expect(XNU_DUMPED_NONE, XNU_WHY_NO_TRANSPORT, XNU_WAITS);
	args.interface = "en1";
	run("debug=0x4444 @ kdp_match_name=en1");
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_REBOOTS);
}

static void test_no_server(void **state)
{
	(void)state;
	run("debug=0x4444");
	expect(XNU_DUMPED_NONE, XNU_WHY_NO_SERVER, XNU_WAITS);
	assert_non_null(strstr(console,
		"A dump server was not specified in the boot-args, terminating kernel core dump.\n"));
}

static void test_underscore_panicd_port_means_nothing(void **state)
{
	(void)state;
	char boot_args[128];
	args.time_factor = 0.0002;
	snprintf(boot_args, sizeof(boot_args), "debug=0x4444 _panicd_ip=%s _panicd_port=%u", server.ip,
		server.port);
	run(boot_args);
	expect(XNU_DUMPED_NONE, XNU_WHY_NO_ANSWER, XNU_WAITS);
	assert_non_null(strstr(console, "port 1069\n"));
	assert_non_null(strstr(console, "Cannot contact panic server, timing out.\n"));
	assert_int_equal(server.count, 0);
}

static void test_reboot_always_kills_network_cores_since_10_13(void **state)
{
	(void)state;
	run("debug=0x104c44 @"); /* 3789 does not know the bit */
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_REBOOTS);
	assert_ok(kernel_desc_set(
		&kernel, "version", "Darwin Kernel Version 17.7.0: x; root:xnu-4570.71.2~1/RELEASE_X86_64"));
	run("debug=0x104c44 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_REBOOT_ALWAYS, XNU_REBOOTS);
}

static void test_local_core_comes_first(void **state)
{
	(void)state;
	args.local_core_place = true;
	run("debug=0x4444 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_LOCAL_CORE, XNU_REBOOTS);
	run("debug=0x24444 @");
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_REBOOTS);
}

static void test_panic_log(void **state)
{
	(void)state;
	run("debug=0x6444 @");
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_WAITS); /* only a core makes it reboot */
	assert_memory_equal(outcome.name, "paniclog-xnu-3789.70.16-127.", 28);
	assert_null(strstr(outcome.name, ".gz"));
	assert_memory_equal(server.packets[1].bytes + 6, "panic(cpu 1 caller ", 19);
	assert_non_null(strstr(console, "Transmitting panic log, please wait: "));
}

static void test_bare_cores(void **state)
{
	(void)state;
	run("debug=0x44444 @ _panicd_corename=mycore");
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_REBOOTS);
	assert_string_equal(outcome.name, "mycore");
	assert_memory_equal(server.packets[1].bytes + 6, "\xcf\xfa\xed\xfe", 4);
}

static void test_old_kernels_seek(void **state)
{
	(void)state;
	assert_ok(kernel_desc_set(
		&kernel, "version", "Darwin Kernel Version 14.5.0: x; root:xnu-2782.50.8~1/RELEASE_X86_64"));
	run("debug=0x4444 @");
	expect(XNU_DUMPED_FULLY, XNU_WHY_DUMPED, XNU_REBOOTS);
	assert_null(strstr(outcome.name, ".gz"));
	assert_int_equal(fake_opcode(&server.packets[1]), 6);
	assert_memory_equal(server.packets[2].bytes + 6, "\xcf\xfa\xed\xfe", 4);
}

static void test_custom_kernel_name(void **state)
{
	(void)state;
	assert_ok(kernel_desc_set(&kernel, "version", "Darwin Kernel Version 16.7.0: mine"));
	run("debug=0x4444 @");
	assert_memory_equal(outcome.name, "core-custom-127.", 16);
}

static void test_server_dies(void **state)
{
	(void)state;
	args.faults.loss_in = 100;
	args.time_factor = 0.0002;
	run("debug=0x4444 @");
	expect(XNU_DUMPED_NONE, XNU_WHY_NO_ANSWER, XNU_WAITS);
}

static void test_machine_dies(void **state)
{
	(void)state;
	args.faults.stop = true;
	args.faults.stop_at = 3000;
	run("debug=0x4444 @");
	expect(XNU_DUMPED_PARTLY, XNU_WHY_DIED, XNU_DEAD);
	assert_true(outcome.stats.bytes >= 3000 && outcome.stats.bytes < 3000 + 1406);
}

static void test_power_off_in_the_middle(void **state)
{
	(void)state;
	struct pl_cancel cancel;
	assert_ok(pl_cancel_init(&cancel));
	pl_cancel_set(&cancel);
	struct pl_wait w = pl_wait_for(PL_TIME_FOREVER, &cancel);
	snprintf(kernel.boot_args, sizeof(kernel.boot_args), "debug=0x4444 _panicd_ip=%s", server.ip);
	struct pl_error *e = xnu_panic(&args, &w, &outcome);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_INTERRUPTED);
	pl_error_free(e);
	pl_cancel_deinit(&cancel);
}

static void test_boot_args(void **state)
{
	(void)state;
	static const char line[] =
		"-v debug=0xd44 xdebug=1 debug=2 _panicd_ip=1.2.3.4 wdt=-1 msgbuf=64k oct=010 keepsyms";
	char text[8];
	uint32_t n;
	assert_true(boot_args_number(line, "debug", &n));
	assert_int_equal(n, 0xd44);
	assert_true(boot_args_number(line, "wdt", &n));
	assert_int_equal(n, UINT32_MAX);
	assert_true(boot_args_number(line, "msgbuf", &n));
	assert_int_equal(n, 65536);
	assert_true(boot_args_number(line, "oct", &n));
	assert_int_equal(n, 8);
	assert_true(boot_args_number(line, "keepsyms", &n));
	assert_int_equal(n, 1);
	assert_true(boot_args_string(line, "_panicd_ip", text, sizeof(text)));
	assert_string_equal(text, "1.2.3.4");
	assert_true(boot_args_string(line, "-v", text, sizeof(text)));
	assert_false(boot_args_string(line, "panicd_ip", text, sizeof(text)));
	assert_false(boot_args_number(line, "_panicd_ip", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dumps_and_reboots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_reboot_it_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_kdp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transport, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_server, setup, teardown),
		cmocka_unit_test_setup_teardown(test_underscore_panicd_port_means_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_reboot_always_kills_network_cores_since_10_13, setup, teardown),
		cmocka_unit_test_setup_teardown(test_local_core_comes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_panic_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bare_cores, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_kernels_seek, setup, teardown),
		cmocka_unit_test_setup_teardown(test_custom_kernel_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_machine_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_off_in_the_middle, setup, teardown),
		cmocka_unit_test(test_boot_args),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
