#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/report/report_docs.h"

static struct pl_error *plain(const json_t *doc, struct pl_buf *out)
{
	return report_text(doc, false, out);
}

static struct pl_error *colored(const json_t *doc, struct pl_buf *out)
{
	return report_text(doc, true, out);
}

static void says_it_in_this_order(void **state)
{
	(void)state;
	char *text = rendered(plain, doc_load("full"));
	assert_string_equal(text,
		"As expected: panicker-double-free on sierra, 3m32s (simulated lab)\n"
		"  panic     \"dtrace: panic action at probe dtrace:::BEGIN (ecb ffffff801a2b3c40)\"\n"
		"            at /Library/Caches/com.apple.xbs/Sources/dtrace/dtrace-209.50.12/dtrace.c:6432\n"
		"            touched 0x0000000000000008\n"
		"            caller 0xffffff7f8e5a1c52\n"
		"            process dtrace\n"
		"            signature dtrace-panic-action\n"
		"              mach_kernel _handle_debugger_trap + 0x48d\n"
		"              mach_kernel _kdp_i386_trap + 0x153\n"
		"              mach_kernel _kernel_trap + 0x4fa\n"
		"              mach_kernel _return_from_trap + 0xe0\n"
		"              mach_kernel _panic_trap_to_debugger + 0x197\n"
		"              mach_kernel _panic + 0x63\n"
		"              com.apple.driver.dtrace _dtrace_probe + 0xb12\n"
		"              0xffffff7f8e5a9001 com.apple.driver.dtrace\n"
		"  debugger  /usr/bin/lldb-14\n"
		"              kernel.development`panic_trap_to_debugger(reason=0) at debug.c:855:3\n"
		"              0xffffff7f8e5a9001\n"
		"  core      /var/tmp/state/paniclab/runs/20261121-101500-ab12/core/kernel.core (812.0 MiB) "
		"complete\n"
		"            unpacked\n"
		"            kernel UUID D0A77E52-0B0E-3D2B-9D2B-6F4F8A0C51E7\n"
		"            loaded at 0xffffff800d000000\n"
		"            slide 0xce00000\n"
		"  guest     macOS 10.12.6 (16G29), xnu 3789.70.16, development kernel\n"
		"  kernel    development from /kits/KDK_10.12.6_16G29.kdk: the same build, 16G29\n"
		"  boots     2 before the panic: armed; with the debug kernel\n"
		"  restored  everything\n"
		"  report    /var/tmp/state/paniclab/runs/20261121-101500-ab12/report.html\n");
	free(text);
}

/* Why it took no boot, or why it took them all the same. */
static void a_prepared_start_is_with_the_boots(void **state)
{
	(void)state;
	json_t *doc = doc_load("full");
	json_object_set_new(doc, "prepared",
		json_pack("{s:s, s:b, s:s}", "snapshot", "p", "used", 0, "stale", "x was 1, is 2"));
	char *text = rendered(plain, doc);
	assert_has(text, "with the debug kernel; what was prepared is stale: x was 1, is 2\n");
	free(text);
	doc = doc_load("full");
	json_object_set_new(doc, "boots", json_array());
	json_object_set_new(doc, "prepared", json_pack("{s:s, s:b}", "snapshot", "p\033", "used", 1));
	text = rendered(plain, doc);
	assert_has(text, "  boots     0 before the panic: from p\\x1b\n");
	free(text);
}

static void color_changes_nothing_else(void **state)
{
	(void)state;
	char *without = rendered(plain, doc_load("full"));
	char *with = rendered(colored, doc_load("full"));
	assert_has(with, "\033[1;32mAs expected\033[0m");
	char *to = with;
	for (const char *from = with; *from != '\0';) {
		size_t n = *from == '\033' ? strcspn(from, "m") + 1 : 0;
		if (n == 0)
			*to++ = *from++;
		from += n;
	}
	*to = '\0';
	assert_string_equal(with, without);
	free(with);
	free(without);
}

static void what_is_left_comes_with_its_command(void **state)
{
	(void)state;
	char *text = rendered(plain,
		doc_from(
			"{\"outcome\":\"not-restored\",\"error\":{\"line\":\"paniclab: restore: no\"},"
			"\"restored\":{\"complete\":false,\"left\":[{\"what\":\"the snapshot\","
			"\"by_hand\":\"vmrun deleteSnapshot '/a\\\\b.vmx' x\"},{\"what\":\"boot-args\"}]}}"));
	assert_string_equal(text, "Something is not restored\n"
				  "  error     paniclab: restore: no\n"
				  "  panic     none was seen\n"
				  "  core      none\n"
				  "  restored  not everything; left, and how to do it by hand:\n"
				  "            - the snapshot\n"
				  "                vmrun deleteSnapshot '/a\\b.vmx' x\n"
				  "            - boot-args\n");
	free(text);
}

static void packed_core_stands_in_for_a_missing_one(void **state)
{
	(void)state;
	char *text = rendered(
		plain, doc_from("{\"outcome\":\"no-core\",\"id\":\"x1\",\"evidence\":["
				"{\"kind\":\"core\",\"path\":\"core/k\",\"status\":\"missing\"},"
				"{\"kind\":\"core-gz\",\"path\":\"core/"
				"k.gz\",\"bytes\":2048,\"status\":\"incomplete\"}],"
				"\"dump\":{\"complete\":false,\"reason\":\"nothing came for 2m\"}}"));
	assert_has(text, "It panicked as expected, but no complete core arrived\n");
	assert_has(text, "  core      core/k.gz (2.0 KiB) incomplete\n");
	assert_has(text, "the transfer stopped: nothing came for 2m\n");
	assert_has(text, "  restored  not known");
	assert_has_not(text, "report.html");
	free(text);
}

static void a_core_can_be_dropped_on_purpose(void **state)
{
	(void)state;
	char *text = rendered(plain, doc_from("{\"dump\":{\"complete\":true}}"));
	assert_has(text, "  core      arrived complete, not kept\n");
	free(text);
}

static void bare_addresses_are_left_out(void **state)
{
	(void)state;
	char *text =
		rendered(plain, doc_from("{\"panic\":{\"string\":\"x\",\"backtrace\":[{\"address\":\"0x1\"},"
					 "{\"address\":\"0x2\"}]}}"));
	assert_has(text, "            2 frames without symbols; keepsyms=1 in boot_args gives them\n");
	assert_has_not(text, "0x1");
	free(text);
}

static void a_debugger_that_failed_says_why(void **state)
{
	(void)state;
	char *text = rendered(plain, doc_from("{\"debugger\":{\"program\":\"lldb\",\"status\":\"failed\","
					      "\"detail\":\"timed out\"}}"));
	assert_has(text, "  debugger  timed out\n");
	free(text);
	/* bare addresses are those of the panic text, and an absent one is no news */
	text = rendered(plain, doc_from("{\"debugger\":{\"program\":\"lldb\",\"status\":\"ok\","
					"\"backtrace\":[{\"frame\":0,\"address\":\"0x1\"}]}}"));
	assert_has_not(text, "debugger");
	free(text);
	text = rendered(plain, doc_from("{\"debugger\":{\"status\":\"absent\"}}"));
	assert_has_not(text, "debugger");
	free(text);
}

static void terminal_gets_no_control_bytes(void **state)
{
	(void)state;
	char *text = rendered(plain, doc_load("hostile"));
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 && *p != '\n')
			fail_msg("byte %d in:\n%s", *p, text);
	assert_has(text, "\\x1b[31m");
	/* A run of 1e300 seconds has no duration. */
	assert_has(text, "gnp.exe\n");
	free(text);
}

static void each_outcome_has_words(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"as-expected", "As expected\n"},
		{"not-as-expected", "Not as expected\n"},
		{"no-core", "It panicked as expected, but"},
		{"lab-failed", "The lab failed\n"},
		{"not-restored", "Something is not restored\n"},
		{"interrupted", "Interrupted\n"},
		{"x", "The run says nothing of how it ended\n"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char *text = rendered(plain, json_pack("{s:s}", "outcome", pairs[i][0]));
		assert_int_equal(strncmp(text, pairs[i][1], strlen(pairs[i][1])), 0);
		free(text);
	}
}

static void a_reboot_is_not_called_a_panic(void **state)
{
	(void)state;
	char *text = rendered(plain,
		doc_from("{\"outcome\":\"no-core\",\"panicked\":{\"seen\":false,\"sign\":\"rebooted\"}}"));
	assert_int_equal(strncmp(text, "No core arrived, and nothing else proves a panic\n", 49), 0);
	free(text);
	text = rendered(plain,
		doc_from("{\"outcome\":\"no-core\",\"panicked\":{\"seen\":true,\"sign\":\"console\"}}"));
	assert_int_equal(strncmp(text, "It panicked as expected, but", 28), 0);
	free(text);
}

/* inspect's offsets are numbers; people read them as the kernel prints them. */
static void shows_offsets_in_hexadecimal(void **state)
{
	(void)state;
	json_t *doc = json_pack("{s:{s:s, s:[{s:s, s:s, s:s, s:i}, {s:s, s:s, s:i}]}}", "panic", "string",
		"x", "backtrace", "address", "0xffffff7f00000010", "image", "org.example.ring", "symbol",
		"_go", "offset", 0xb12, "address", "0xffffff7f00000020", "image", "org.example.ring",
		"offset", 8688);
	assert_non_null(doc);
	char *text = rendered(plain, doc);
	assert_non_null(strstr(text, "  org.example.ring _go + 0xb12\n"));
	assert_non_null(strstr(text, "  0xffffff7f00000020 org.example.ring + 0x21f0\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_offsets_in_hexadecimal),
		cmocka_unit_test(says_it_in_this_order),
		cmocka_unit_test(a_prepared_start_is_with_the_boots),
		cmocka_unit_test(color_changes_nothing_else),
		cmocka_unit_test(what_is_left_comes_with_its_command),
		cmocka_unit_test(packed_core_stands_in_for_a_missing_one),
		cmocka_unit_test(a_core_can_be_dropped_on_purpose),
		cmocka_unit_test(bare_addresses_are_left_out),
		cmocka_unit_test(a_debugger_that_failed_says_why),
		cmocka_unit_test(terminal_gets_no_control_bytes),
		cmocka_unit_test(each_outcome_has_words),
		cmocka_unit_test(a_reboot_is_not_called_a_panic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
