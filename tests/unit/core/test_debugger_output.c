/* Backtraces as lldb 14 printed them of a core made with DWARF, and what could be there instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "orchestrator/core/debugger_output.h"

static json_t *frames;

static void read_it(const char *text, size_t count)
{
	assert_null(debugger_read_backtrace(text, strlen(text), &frames));
	assert_int_equal(json_array_size(frames), count);
}

static const char *text_of(size_t frame, const char *key)
{
	const char *text = json_string_value(json_object_get(json_array_get(frames, frame), key));
	return text ? text : "";
}

static void reads_what_lldb_prints(void **state)
{
	(void)state;
	read_it("(lldb) bt\n"
		"* thread #1\n"
		"  * frame #0: 0xffffff801740070f kernel`Debugger(message=\"at ( `x\") at kern.c:29:34\n"
		"    frame #1: 0xffffff7f98e3b6b0\n"
		"    frame #2: 0xffffff7f98e3b6b0 Panicker`panicker_check(depth=14680240) at kext.c:20\n"
		"    frame #3: 0xffffff80174006f7 kernel`call_continuation + 8\n"
		"    frame #4: 0xffffff80174006f7 kernel`OSObject::release(this=0x1, n=2) const + 16\n"
		"  thread #2\n"
		"    frame #0: 0xffffff801740088a kernel`machine_idle at kern.c:80:34\n",
		5);
	assert_string_equal(text_of(0, "address"), "0xffffff801740070f");
	assert_string_equal(text_of(0, "image"), "kernel");
	assert_string_equal(text_of(0, "symbol"), "Debugger");
	assert_string_equal(text_of(0, "source"), "kern.c:29");
	assert_string_equal(text_of(0, "text"), "kernel`Debugger(message=\"at ( `x\") at kern.c:29:34");
	assert_string_equal(text_of(1, "address"), "0xffffff7f98e3b6b0");
	assert_string_equal(text_of(1, "image"), "");
	assert_string_equal(text_of(1, "text"), "");
	assert_string_equal(text_of(2, "source"), "kext.c:20");
	assert_string_equal(text_of(3, "symbol"), "call_continuation");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(frames, 3), "offset")), 8);
	assert_string_equal(text_of(3, "source"), "");
	assert_string_equal(text_of(4, "symbol"), "OSObject::release");
	json_decref(frames);
}

static void reads_what_is_cut_or_odd(void **state)
{
	(void)state;
	read_it("", 0);
	json_decref(frames);
	read_it("error: no process\n", 0);
	json_decref(frames);
	read_it("frame #0: 0x", 0);
	json_decref(frames);
	read_it("frame #0: 0x12345678901234567 a`b", 0);
	json_decref(frames);
	read_it("frame #1: 0x10 a`b\nframe #0: 0x10 a`b", 0);
	json_decref(frames);
	read_it("frame #0: 0x10 `\nframe #1: 0x10 a` + 5\nframe #2: 0x10 a`( at x\nframe #4: 0x10", 3);
	assert_string_equal(text_of(0, "symbol"), "");
	assert_string_equal(text_of(2, "symbol"), "(");
	assert_string_equal(text_of(2, "source"), "x");
	json_decref(frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_lldb_prints),
		cmocka_unit_test(reads_what_is_cut_or_odd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
