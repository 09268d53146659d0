#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/run/serial.h"
#include "tests/unit/folder.h"

static void put(const char *name, const char *text, char path[static 128])
{
	snprintf(path, 128, "%s/%s", folder, name);
	assert_null(pl_fs_write(path, text, strlen(text), 0600));
}

static void said(const struct serial *s, size_t max, const char *expected)
{
	struct pl_buf b;
	pl_buf_init(&b, max);
	assert_null(serial_read(s, &b));
	assert_string_equal(pl_buf_text(&b), expected);
	pl_buf_deinit(&b);
}

static void test_from_the_vmx(void **state)
{
	(void)state;
	char vmx[128], log[128];
	struct serial s;
	put("console.log", "an old boot\n", log);
	put("a.vmx",
		"serial0.present = \"TRUE\"\nserial0.fileType = \"file\"\nserial0.fileName = "
		"\"console.log\"\n",
		vmx);
	assert_null(serial_open(&s, vmx));
	/* Relative to the .vmx; what was there before does not count. */
	assert_string_equal(s.path, log);
	said(&s, 100, "");
	put("console.log", "an old boot\npanic(cpu 0 ...", log);
	said(&s, 100, "panic(cpu 0 ...");
	/* Too much: its end. */
	said(&s, 3, "...");
	/* A file that was begun anew counts from its beginning. */
	put("console.log", "new\n", log);
	said(&s, 100, "new\n");
	unlink(log);
	said(&s, 100, "");
	serial_deinit(&s);
}

static void test_no_console(void **state)
{
	(void)state;
	char vmx[128];
	struct serial s;
	put("b.vmx", "serial0.present = \"TRUE\"\nserial0.fileType = \"pipe\"\nserial0.fileName = \"x\"\n",
		vmx);
	assert_null(serial_open(&s, vmx));
	assert_null(s.path);
	said(&s, 100, "");
	serial_deinit(&s);
	assert_null(serial_open(&s, "/nowhere/at/all.vmx"));
	assert_null(s.path);
	serial_deinit(&s);
}

/* The strings as xnu prints them. */
static void test_diagnoses(void **state)
{
	(void)state;
	struct serial_diagnosis d = serial_diagnose("Entering system dump routine\n");
	assert_false(d.panicked);
	assert_null(d.ended);
	d = serial_diagnose("panic(cpu 1 caller 0x1): x\n"
			    "Error: No transport device registered for kernel crashdump\n");
	assert_true(d.panicked);
	assert_non_null(strstr(d.ended, "NIC"));
	assert_non_null(strstr(d.advice, "e1000e"));
	d = serial_diagnose("Cannot contact panic server, timing out.\n");
	assert_non_null(strstr(d.ended, "could not reach"));
	d = serial_diagnose(
		"A dump server was not specified in the boot-args, terminating kernel core dump.\n");
	assert_non_null(strstr(d.ended, "_panicd_ip"));
}

/* Only what it says after its panic, and before it reboots after all, is its last word. */
static void test_waits_for_a_debugger(void **state)
{
	(void)state;
	static const char waits[] = "ip address: 10.0.0.2\n\nWaiting for remote debugger connection.\n";
	static const struct {
		const char *before, *after;
		bool waits;
	} cases[] = {
		{"", "", true},
		{"panic(cpu 1 caller 0x1): x\n", "", true},
		{"panic(cpu 1 caller 0x1): x\npanic(cpu 1 caller 0x2): y\n", "", true},
		{"panic(cpu 1 caller 0x1): x\n", "Attempting system restart...MACH Reboot\n", false},
		{"", "Darwin Kernel Version\npanic(cpu 1 caller 0x1): x\n", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[512];
		snprintf(text, sizeof text, "%s%s%s", cases[i].before, waits, cases[i].after);
		assert_int_equal(serial_diagnose(text).waits, cases[i].waits);
	}
	assert_false(serial_diagnose("panic(cpu 1 caller 0x1): x\n").waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_the_vmx),
		cmocka_unit_test(test_no_console),
		cmocka_unit_test(test_diagnoses),
		cmocka_unit_test(test_waits_for_a_debugger),
	};
	return cmocka_run_group_tests_name("serial", tests, make_folder, remove_folder);
}
