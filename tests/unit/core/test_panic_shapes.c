/* Single shapes of lines that panic texts are made of, one by one; the texts are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/panic_parts.h"
#include "orchestrator/core/panic_text.h"

static struct panic_text p;

static int done(void **state)
{
	(void)state;
	panic_text_deinit(&p);
	return 0;
}

static void parse(const char *text)
{
	panic_text_deinit(&p);
	assert_null(panic_text_parse(text, strlen(text), &p));
}

static void writes_out_each_abbreviation(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{">x", "com.apple.driver.x"},
		{"|x", "com.apple.iokit.x"},
		{"$x", "com.apple.security.x"},
		{"@x", "com.apple.x"},
		{"a!Ub", "aAppleUSBb"},
		{"a!Ab", "aAppleb"},
		{"a!Fb", "aFamilyb"},
		{"a!Sb", "aStorageb"},
		{"a!Cb", "aControllerb"},
		{"a!Bb", "aBluetoothb"},
		{"a!Ib", "aIntelb"},
		{"!A!I!F", "AppleIntelFamily"},
		{">!A!IPCH", "com.apple.driver.AppleIntelPCH"},
		{"a>b|c$d@e", "a>b|c$d@e"}, /* only at the front */
		{"a!Zb!", "a!Zb!"},         /* none of them */
		{"org.example.x", "org.example.x"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		char *name;
		struct panic_piece id = {pairs[i][0], strlen(pairs[i][0])};
		assert_null(panic_name_expand(id, &name));
		assert_string_equal(name, pairs[i][1]);
		free(name);
	}
}

/* xnu's panic_print_kmod_symbol_name(): "%s : %s + 0x%lx", "%s : %s" or "%s + %llu". */
static void reads_each_kind_of_frame(void **state)
{
	(void)state;
	parse("panic(cpu 0 caller 0x1): x\nBacktrace (CPU 0), Frame : Return Address\n"
	      "0x1 : 0x10 mach_kernel : _f + 0x10\n"
	      "0x2 : 0x20 org.example.ring : _g\n"
	      "0x3 : 0x30 org.example.ring + 10\n"
	      "0x4 : 0x40 _old + 0x10\n"
	      "0x5 : 0x50 (0x1 0x2 0x3 0x4) Backtrace terminated-invalid frame pointer 0x0\n"
	      "0x6 : 0x60 \n"
	      "lr: 0x70  fp: 0x7\n");
	assert_int_equal(p.frame_count, 7);
	assert_int_equal(p.lines_unknown, 0);
	assert_string_equal(p.frames[0].symbol, "_f");
	assert_int_equal(p.frames[0].offset.value, 0x10);
	assert_string_equal(p.frames[1].symbol, "_g");
	assert_false(p.frames[1].offset.known);
	assert_string_equal(p.frames[2].image, "org.example.ring");
	assert_null(p.frames[2].symbol);
	assert_int_equal(p.frames[2].offset.value, 10);
	assert_null(p.frames[3].image);
	assert_string_equal(p.frames[3].symbol, "_old");
	assert_int_equal(p.frames[4].address, 0x50);
	assert_null(p.frames[5].symbol);
	assert_int_equal(p.frames[6].frame, 7);
}

/* A mail breaks lines at spaces. */
static void joins_frames_that_were_wrapped(void **state)
{
	(void)state;
	static const char *const images[] = {
		"com.apple.iokit.SCSITaskUserClient", "mach_kernel", "org.example.ring"};
	parse("panic(cpu 0 caller 0x1): x\nBacktrace (CPU 0), Frame : Return Address\n"
	      "0x1 : 0x10 com.apple.iokit.SCSITaskUserClient :\n__ZN4fileD1Ev + 0x40\n"
	      "0x2 : 0x20 mach_kernel : _trap +\n0x26\n"
	      "0x3 : 0x30\norg.example.ring : _go + 0x11\n"
	      "0x4 : 0x40 \n"
	      "0x5 : 0x50 \nsomething else\n"
	      "0x6 : 0x60 mach_kernel :\n"
	      "0x7 : 0x70 mach_kernel : _h + 0x1\n");
	assert_int_equal(p.frame_count, 7);
	assert_string_equal(p.frames[0].symbol, "__ZN4fileD1Ev");
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(p.frames[i].image, images[i]);
	assert_int_equal(p.frames[0].offset.value, 0x40);
	assert_int_equal(p.frames[1].offset.value, 0x26);
	assert_string_equal(p.frames[2].symbol, "_go");
	assert_null(p.frames[3].symbol);
	assert_null(p.frames[4].symbol);
	assert_null(p.frames[5].symbol);
	assert_string_equal(p.frames[6].symbol, "_h");
	assert_int_equal(p.lines_unknown, 2);
	assert_string_equal(p.not_understood[0], "something else");
	assert_string_equal(p.not_understood[1], "0x6 : 0x60 mach_kernel :");
}

static void takes_quotes_and_source_off(void **state)
{
	(void)state;
	static const char *const lines[][3] = {
		{"\"a \"b\" c\"@/x/y.cpp:3", "a \"b\" c", "/x/y.cpp:3"},
		{"\"a \"b\" c\" @y.cpp:3", "a \"b\" c", "y.cpp:3"},
		{"a \"b\" @y.cpp:3", "a \"b\"", "y.cpp:3"},
		{"a @ b @y.cpp:3", "a @ b", "y.cpp:3"},
		{"\"quoted, no source\"", "quoted, no source", NULL},
		{"mail me@example.com:25 now", "mail me@example.com:25 now", NULL},
		{"\"", "\"", NULL},
		{"\"\"@a.c:1", "", "a.c:1"},
		{"assertion failed: a, b == c, file: /x/y.c, line: 630", "assertion failed: a, b == c",
			"/x/y.c:630"},
		{"no file: x, line: of ours", "no file: x, line: of ours", NULL},
		{"\n   \"on the next line\" @y.cpp:492", "on the next line", "y.cpp:492"},
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char text[256];
		snprintf(text, sizeof text, "panic(cpu 0 caller 0x1): %s\nKernel UUID:\n", lines[i][0]);
		parse(text);
		assert_string_equal(p.string, lines[i][1]);
		if (lines[i][2])
			assert_string_equal(p.source, lines[i][2]);
		else
			assert_null(p.source);
	}
}

static void reads_damaged_first_lines(void **state)
{
	(void)state;
	parse("panic(cpu 2): no caller\n");
	assert_int_equal(p.cpu, 2);
	assert_string_equal(p.string, "no caller");
	assert_false(p.caller.known || p.debugger);
	parse("panic(cpu 2 caller 0xffffff800032dc43e): one digit too many\n");
	assert_string_equal(p.string, "one digit too many");
	assert_false(p.caller.known);
	parse("Debugger called: <by hand>\nBacktrace (CPU 1)\n");
	assert_true(p.debugger);
	parse("Debugger called: <panic>\npanic(cpu 1 caller 0x1): real\nDebugger called: <panic>\n");
	assert_false(p.debugger);
	assert_string_equal(p.string, "real");
}

static void reads_kexts_as_all_releases_list_them(void **state)
{
	(void)state;
	parse("      Kernel loadable modules in backtrace (with dependencies):\n"
	      "         org.example.a(1.1)@0x223aa000->0x223abfff\n"
	      "            dependency: org.example.b(1)@0x6bf000\n"
	      "         org.example.c(2)\n"
	      "         org.example.d(3)[AAAA1111-2222-3333-8444-5555AAAA6666]@0x1-&gt;0x2\n\n"
	      "org.example.e(4)\n");
	assert_int_equal(p.kext_count, 3);
	assert_int_equal(p.kexts[0].end.value, 0x223abfff);
	assert_int_equal(p.kexts[0].dependency_count, 1);
	assert_false(p.kexts[0].dependencies[0].end.known);
	assert_string_equal(p.kexts[1].id, "org.example.c");
	assert_false(p.kexts[1].start.known);
	assert_int_equal(p.kexts[2].end.value, 2);
	assert_int_equal(p.lines_unknown, 1); /* below the list it is nothing */
}

static void reads_versions_of_several_words(void **state)
{
	(void)state;
	parse("panic(cpu 0 caller 0x1): x\nloaded kexts:\norg.example.a\t1.0 beta 2\norg.example.b 7.0 "
	      "15052.7\n"
	      "org.example.c   4\nwhat a day\n__HIB text base: 0xffffff8000100000\n");
	assert_int_equal(p.loaded_count, 3);
	assert_string_equal(p.loaded[0].version, "1.0 beta 2");
	assert_string_equal(p.loaded[1].version, "7.0 15052.7");
	assert_string_equal(p.loaded[2].version, "4");
	assert_int_equal(p.lines_unknown, 1);
	assert_int_equal(p.hib_text_base.value, 0xffffff8000100000);
}

static void knows_reports_in_json(void **state)
{
	(void)state;
	parse("{\"bug_type\":\"210\"}\n{\"macOSPanicString\":\"panic(cpu 1 caller 0x1): "
	      "\\\"a\\\"@\\/b.c:1\\n\"}\n"
	      "{\"macOSPanicString\":\"panic(cpu 2 caller 0x2): other\"}\n");
	assert_true(p.report);
	assert_string_equal(p.string, "a");
	parse("{\"macOSPanicString\" : \"panic(cpu 1 caller 0x1): \"a \"b\" c\"@/b.c:1\\n\",\n}\n");
	assert_true(p.report);
	assert_string_equal(p.string, "a \"b\" c");
	parse("\xe2\x80\x9cmacOSPanicString\xe2\x80\x9d:\xe2\x80\x9cpanic(cpu 1 caller 0x1): x\\nKernel "
	      "version:");
	assert_true(p.report);
	assert_string_equal(p.string, "x");
	parse("panic(cpu 1 caller 0x1): x\n");
	assert_false(p.report);
}

static void ignores_the_progress_of_a_dump(void **state)
{
	(void)state;
	parse("panic(cpu 1 caller 0x1): x\nTransmitting kernel state, please wait: \n100..\n200..300..\n"
	      "400..Zlib stage is not initialized\n100.5\n");
	assert_int_equal(p.lines_unknown, 1);
	assert_string_equal(p.not_understood[0], "100.5");
}

static void knows_the_table_of_threads(void **state)
{
	(void)state;
	parse("panic(cpu 1 caller 0x1): x\nTotal cpu_usage: 52298211\nThread task pri cpu_usage\n"
	      "0xfffffe200ad3a7a8 kernel_task 81 463\n0xf4fffe186a31e560 deleted 20 7801\n\n"
	      "0xfffffe200ad3a7a8 kernel_task 81 463\n");
	assert_int_equal(p.lines_unknown, 1); /* below the table it is nothing */
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, done)
	const struct CMUnitTest tests[] = {
		T(writes_out_each_abbreviation),
		T(reads_each_kind_of_frame),
		T(joins_frames_that_were_wrapped),
		T(takes_quotes_and_source_off),
		T(reads_damaged_first_lines),
		T(reads_kexts_as_all_releases_list_them),
		T(reads_versions_of_several_words),
		T(knows_reports_in_json),
		T(ignores_the_progress_of_a_dump),
		T(knows_the_table_of_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
