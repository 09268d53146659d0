/* Panic texts written for these tests in the shapes that xnu prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define BACKTRACE                                                                                            \
	"Backtrace (CPU 1), Frame : Return Address\n"                                                        \
	"0xffffff80aa000010 : 0xffffff8000211111 \n"                                                         \
	"0xffffff80aa000020 : 0xffffff7f80a22222 org.example.panicker : _boom + 0x1f\n"                      \
	"0xffffff80aa000030 : 0xffffff8000233333 mach_kernel : trap_from_kernel\n"

#define TAIL                                                                                                 \
	"\nBSD process name corresponding to current thread: kextload\n"                                     \
	"Boot args: debug=0x444 keepsyms=1 \n"                                                               \
	"\nMac OS version:\n18A111\n"                                                                        \
	"\nKernel version:\n"                                                                                \
	"Darwin Kernel Version 18.0.0: Mon Jan  1 00:00:00 PST 2018; root:xnu-4903.1.1~1/RELEASE_X86_64\n"   \
	"Kernel UUID: 01234567-89ab-3def-8123-456789abcdef\n"                                                \
	"Kernel slide:     0x0000000003a00000\n"                                                             \
	"Kernel text base: 0xffffff8003c00000\n"                                                             \
	"__HIB  text base: 0xffffff8003b00000\n"                                                             \
	"System model name: VMware7,1 (Mac-0123456789ABCDEF)\n"                                              \
	"\nSystem uptime in nanoseconds: 1234567890\n"

static void reads_a_whole_report(void **state)
{
	(void)state;
	parse("Anonymous UUID:       00000000-0000-0000-0000-000000000000\n\nFri Jan  5 10:00:00 2018\n\n"
	      "*** Panic Report ***\n"
	      "panic(cpu 1 caller 0xffffff8000244444): \"a \\\"quoted\\\" @ "
	      "text\"@/src/xnu/bsd/kern/exit.c:36\n" BACKTRACE "      Kernel Extensions in backtrace:\n"
	      "         "
	      "org.example.panicker(1.2.3)[11111111-2222-3333-8444-555555555555]@0xffffff7f80a20000->"
	      "0xffffff7f80a2ffff\n"
	      "            dependency: "
	      "com.apple.iokit.IOPCIFamily(2.9)[66666666-2222-3333-8444-555555555555]@0xffffff7f80900000\n"
	      "            dependency: "
	      "com.apple.kec.corecrypto(1.0)[77777777-2222-3333-8444-555555555555]@0xffffff7f80910000->"
	      "0xffffff7f8091ffff\n"
	      "         com.example.other(4d5)@0xffffff7f80b00000->0xffffff7f80b00fff\n" TAIL
	      "last loaded kext at 99: org.example.panicker\t1.2.3 (addr 0xffffff7f80a20000, size 65536)\n"
	      "loaded "
	      "kexts:\norg.example.panicker\t1.2.3\n>usb.!UHostPacketFilter\t1.0\n|IO!B!FS\t6\n$sandbox\t300."
	      "0\n@kext.AMDLegacySupport\t1.7\n"
	      "\nafter an empty line\n");
	assert_true(p.found && p.complete);
	assert_string_equal(p.string, "a \\\"quoted\\\" @ text");
	assert_string_equal(p.source, "/src/xnu/bsd/kern/exit.c:36");
	assert_int_equal(p.cpu, 1);
	assert_true(p.caller.known && p.caller.value == 0xffffff8000244444);
	assert_int_equal(p.frame_count, 3);
	assert_true(p.frames[0].frame == 0xffffff80aa000010 && p.frames[0].address == 0xffffff8000211111);
	assert_null(p.frames[0].symbol);
	assert_string_equal(p.frames[1].image, "org.example.panicker");
	assert_string_equal(p.frames[1].symbol, "_boom");
	assert_int_equal(p.frames[1].offset.value, 0x1f);
	assert_string_equal(p.frames[2].symbol, "trap_from_kernel");
	assert_false(p.frames[2].offset.known);
	assert_int_equal(p.kext_count, 2);
	assert_string_equal(p.kexts[0].id, "org.example.panicker");
	assert_string_equal(p.kexts[0].version, "1.2.3");
	assert_string_equal(p.kexts[0].uuid, "11111111-2222-3333-8444-555555555555");
	assert_true(
		p.kexts[0].start.value == 0xffffff7f80a20000 && p.kexts[0].end.value == 0xffffff7f80a2ffff);
	assert_int_equal(p.kexts[0].dependency_count, 2);
	assert_string_equal(p.kexts[0].dependencies[1].id, "com.apple.kec.corecrypto");
	assert_false(p.kexts[0].dependencies[0].end.known);
	assert_true(p.kexts[0].dependencies[1].end.known);
	assert_string_equal(p.kexts[1].uuid, "");
	assert_string_equal(p.process, "kextload");
	assert_string_equal(p.boot_args, "debug=0x444 keepsyms=1");
	assert_string_equal(p.build, "18A111");
	assert_string_equal(p.kernel_version, "Darwin Kernel Version 18.0.0: Mon Jan  1 00:00:00 PST 2018; "
					      "root:xnu-4903.1.1~1/RELEASE_X86_64");
	assert_string_equal(p.kernel_uuid, "01234567-89AB-3DEF-8123-456789ABCDEF");
	assert_true(p.kernel_slide.value == 0x3a00000 && p.kernel_text_base.value == 0xffffff8003c00000);
	assert_string_equal(p.model, "VMware7,1 (Mac-0123456789ABCDEF)");
	assert_int_equal(p.uptime_ns.value, 1234567890);
	assert_int_equal(p.loaded_count, 5);
	assert_string_equal(p.loaded[1].id, "com.apple.driver.usb.AppleUSBHostPacketFilter");
	assert_string_equal(p.loaded[2].id, "com.apple.iokit.IOBluetoothFamilyS");
	assert_string_equal(p.loaded[3].id, "com.apple.security.sandbox");
	assert_string_equal(p.loaded[4].id, "com.apple.kext.AMDLegacySupport");
	assert_int_equal(p.not_understood_count, 1);
	assert_string_equal(p.not_understood[0], "after an empty line");
	assert_int_equal(p.lines_before, 2);
}

static void reads_macos_12_and_later(void **state)
{
	(void)state;
	parse("wifi: noise on the console\n"
	      "[ 12.3] panic(cpu 3 caller 0xffffff801ef00000): zfree: size 2 (at 0:0) @ bad @zalloc.c:2303\n"
	      "Panicked task 0xffffffb414e00000: 165 threads: pid 0: kernel_task\n"
	      "Backtrace (CPU 3), panicked thread: 0xffffffaa7c400000, Frame : Return Address\n"
	      "0xffffff8ca1c00000 : 0xffffff801e600000 mach_kernel : _panic + 0x84\n"
	      "\nProcess name corresponding to current thread (0xffffffaa7c400000): kernel_task\n"
	      "\nMac OS version:\nNot yet set\n"
	      "KernelCache slide: 0x000000001e400000\nKernelCache base:  0xffffff801e600000\n"
	      "Last Sleep:           absolute           base_tsc          base_nano\n"
	      "  Uptime  : 0x0000000365dc0000\n"
	      "Zone info:\n  Zone map: 0xffffff9a7b000000 - 0xffffffba7b000000\n");
	assert_string_equal(p.string, "zfree: size 2 (at 0:0) @ bad");
	assert_string_equal(p.source, "zalloc.c:2303");
	assert_string_equal(p.process, "kernel_task");
	assert_null(p.build);
	assert_true(p.kernelcache_slide.value == 0x1e400000);
	assert_int_equal(p.lines_before, 1);
	assert_int_equal(p.lines_unknown, 0);
}

static void reads_a_trap_and_what_it_does_not_know(void **state)
{
	(void)state;
	parse("panic(cpu 0 caller 0xffffff8000300000): Kernel trap at 0xffffff8000400000, type 14=page "
	      "fault, registers:\n"
	      "CR0: 0x0000000080010033, CR2: 0x0000000000000000, CR3: 0x0000000000000000, CR4: 0x0\n"
	      "RAX: 0x0, RBX: 0x0\nmp = 0x1\n\nBacktrace (CPU 0), Frame : Return Address\n"
	      "0xffffff80aa000010 : 0xffffff8000211111 (0x1 0x2 0x3 0x4)\n");
	assert_string_equal(p.string, "Kernel trap at 0xffffff8000400000, type 14=page fault, registers:");
	assert_null(p.source);
	assert_int_equal(p.frame_count, 1);
	assert_null(p.frames[0].symbol);
	assert_int_equal(p.lines_unknown, 1);
	assert_string_equal(p.not_understood[0], "mp = 0x1");
}

static void reads_messages_of_several_lines(void **state)
{
	(void)state;
	parse("panic(cpu 6 caller 0xffffff8000300000): \"initproc exited\n\nThread 0 crashed @ "
	      "0x1\n\"@/x/y.c:7\nmore\n" BACKTRACE);
	assert_string_equal(p.string, "initproc exited\n\nThread 0 crashed @ 0x1\n");
	assert_string_equal(p.source, "/x/y.c:7");
	assert_int_equal(p.lines_unknown, 1);
	parse("panic(cpu 6 caller 0x1): watchdog timeout\nservice: a\n\nunrelated\n" BACKTRACE);
	assert_string_equal(p.string, "watchdog timeout\nservice: a");
	assert_string_equal(p.not_understood[0], "unrelated");
	assert_int_equal(p.frame_count, 3);
}

static void reads_debugger_calls(void **state)
{
	(void)state;
	parse("Debugger called: <dtrace: breakpoint at BEGIN>\nDebugger called: <again>\n" BACKTRACE);
	assert_string_equal(p.string, "dtrace: breakpoint at BEGIN");
	assert_int_equal(p.cpu, 1);
	parse("Debugger called: <panic>\npanic(cpu 2 caller 0x1): real\n" BACKTRACE);
	assert_string_equal(p.string, "real");
	assert_int_equal(p.cpu, 2);
}

#define TRAP(type, cr2)                                                                                      \
	"panic(cpu 0 caller 0xffffff8000244444): Kernel trap at 0xffffff7f80a22222, type " type              \
	", registers:\nCR0: 0x0000000080010033, CR2: 0x00000000deadbeef, CR3: 0x0000000001, CR4: 0x02\n"     \
	"Fault CR2: " cr2 ", Error code: 0x0000000000000002, Fault CPU: 0x0, PL: 0, VF: 1\n"

static void tells_what_a_page_fault_touched(void **state)
{
	(void)state;
	parse(TRAP("14=page fault", "0x0000000000000008") BACKTRACE TAIL);
	assert_true(p.fault_address.known);
	assert_int_equal(p.fault_address.value, 8);
	/* Of another trap CR2 is what an earlier fault has left. */
	parse(TRAP("13=general protection", "0x0000000000000008") BACKTRACE TAIL);
	assert_false(p.fault_address.known);
	/* A panic while panicking has its own. */
	parse(TRAP("14=page fault", "0x0000000000000008") BACKTRACE TRAP("14=page fault", "0x10") TAIL);
	assert_int_equal(p.fault_address.value, 8);
	/* The line with the processor's own is all that there is in an excerpt. */
	parse("panic(cpu 0 caller 0x10): Kernel trap at 0x20, type 14=page fault, registers:\n"
	      "CR0: 0x80010033, CR2: 0x00000008, CR3: 0x01, CR4: 0x02\n");
	assert_int_equal(p.fault_address.value, 8);
}

static void takes_nothing_of_the_next_boot(void **state)
{
	(void)state;
	/* The first one's end is lost, the log goes on. */
	parse("panic(cpu 0 caller 0x10): first\n" BACKTRACE "\nDarwin Kernel Version 20.3.0: a boot\n"
	      "vm_page_bootstrap: 987323 free pages\npanic(cpu 1 caller 0x20): second\n" BACKTRACE TAIL);
	assert_string_equal(p.string, "first");
	assert_null(p.kernel_version);
	assert_null(p.model);
	assert_int_equal(p.other_panics, 1);
	assert_true(p.next > 0);
	/* Of the same boot, the end is of both. */
	parse("panic(cpu 0 caller 0x10): first\n" BACKTRACE
	      "panic(cpu 1 caller 0x20): second\n" BACKTRACE TAIL);
	assert_non_null(p.kernel_version);
	assert_int_equal(p.next, 0);
}

static void sees_a_panic_far_behind(void **state)
{
	(void)state;
	static const char first[] = "panic(cpu 0 caller 0x10): first\n" BACKTRACE TAIL;
	static const char second[] = "panic(cpu 1 caller 0x20): second\n" BACKTRACE;
	size_t between = PANIC_TEXT_MAX + 100, head = sizeof first - 1;
	char *text = malloc(head + between + sizeof second);
	assert_non_null(text);
	memcpy(text, first, head);
	memset(text + head, '\n', between);
	memcpy(text + head + between, second, sizeof second);
	parse(text);
	assert_int_equal(p.other_panics, 1);
	assert_int_equal(p.next, head + between);
	free(text);
}

static void keeps_the_first_of_several_panics(void **state)
{
	(void)state;
	parse("panic(cpu 0 caller 0x10): first\n" BACKTRACE "panic(cpu 1 caller 0x20): nested\n"
	      "Backtrace (CPU 2), Frame : Return Address\n0x1 : 0x2\n" TAIL
	      "panic(cpu 3 caller 0x30): the next boot\n"
	      "Backtrace (CPU 3), Frame : Return Address\n0x3 : 0x4\nSystem model name: other\nKernelCache "
	      "slide: 0x5\n");
	assert_string_equal(p.string, "first");
	assert_int_equal(p.cpu, 0);
	assert_int_equal(p.frame_count, 3);
	assert_int_equal(p.other_panics, 2);
	assert_false(p.kernelcache_slide.known); /* the next boot's */
	assert_string_equal(p.model, "VMware7,1 (Mac-0123456789ABCDEF)");
}

/* Two CPUs write at once: what continues the panic's stack is its own, whoever's backtrace began last. */
static void follows_the_panic_s_own_stack(void **state)
{
	(void)state;
	parse("panic(cpu 0 caller 0x10): first\nBacktrace (CPU 0), Frame : Return Address\n"
	      "0xffffff80aa000010 : 0x1\nBacktrace (CPU 1), Frame : Return Address\n"
	      "0xffffff80aa000100 : 0x2\n0xffffff80bb000010 : 0x8\n0xffffff80aa000200 : 0x3\n"
	      "0xffffff80aa000180 : 0x9\n");
	assert_int_equal(p.frame_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(p.frames[i].address, i + 1);
}

static void tolerates_crlf_and_mail_quotes(void **state)
{
	(void)state;
	parse("> panic(cpu 1 caller 0x10): \"quoted\"@/a.c:1\r\n> Backtrace (CPU 1), Frame : Return "
	      "Address\r\n"
	      "> 0x1 : 0x2 mach_kernel : _f + 0x3\r\n>\r\n> Mac OS version:\r\n> 20G1\r\n");
	assert_string_equal(p.string, "quoted");
	assert_string_equal(p.source, "/a.c:1");
	assert_string_equal(p.frames[0].symbol, "_f");
	assert_string_equal(p.build, "20G1");
	assert_int_equal(p.lines_unknown, 0);
	parse("> [1.5] panic(cpu 1 caller 0x10): text\n> [2.5] Kernel UUID: ?\n> [3.5] loaded kexts:\n"
	      "> [4.5] >usb.!UHub\t1.2\n");
	assert_string_equal(p.loaded[0].id, "com.apple.driver.usb.AppleUSBHub");
	parse("May  1 10:09:59 mac kernel[0]: panic(cpu 1 caller 0x10): text\n"
	      "May  1 10:10:00 mac kernel[0]: Backtrace (CPU 1)\nMay  1 10:10:00 mac kernel[0]: 0x1 : 0x2\n");
	assert_int_equal(p.frame_count, 1);
	parse("3panic(cpu 1 caller 0x10): text\n0x1 : 0x2\n");
	assert_int_equal(p.frame_count, 1);
}

static void reads_json_reports(void **state)
{
	(void)state;
	parse("{\"timestamp\":\"2024-01-01\",\"bug_type\":\"210\"}\n"
	      "{\"x\":\"\\\"macOSPanicString\\\":\\\"no\\\"\",\"macOSPanicString\" : \"panic(cpu 3 caller "
	      "0x10): "
	      "\\\"a\\u00e9\\\"@\\/p\\/q.c:9\\nBacktrace (CPU 3), Frame : Return Address\\n0x1 : 0x2\\n\\n"
	      "Mac OS version:\\n19H1\\n\",\"z\":1}");
	assert_string_equal(p.string, "a\xc3\xa9");
	assert_string_equal(p.source, "/p/q.c:9");
	assert_int_equal(p.frame_count, 1);
	assert_string_equal(p.build, "19H1");
	/* cut in the middle of the string, with a broken first line */
	parse("{\"bug\n{\"panicString\":\"panic(cpu 4 caller 0x10): cut @q.c:9\\nBacktrace (CPU 4)\\n0x1 : "
	      "0x2\\");
	assert_string_equal(p.string, "cut");
	assert_int_equal(p.frame_count, 1);
}

static void starts_in_the_middle(void **state)
{
	(void)state;
	parse("            dependency: "
	      "com.apple.iokit.X(3.4)[5D3F11B8-802B-3860-8A36-E9334980A117]@0xffffff8004c23000\n" TAIL);
	assert_true(p.found);
	assert_false(p.complete);
	assert_null(p.string);
	assert_int_equal(p.cpu, -1);
	assert_int_equal(p.kext_count, 0);
	assert_string_equal(p.process, "kextload");
	assert_int_equal(p.dependency_count, 1); /* of whom is not said */
	assert_string_equal(p.dependencies[0].id, "com.apple.iokit.X");
	assert_int_equal(p.lines_unknown, 0);
}

static void finds_nothing_where_nothing_is(void **state)
{
	(void)state;
	parse("");
	assert_false(p.found);
	parse("hello\npanic(cpu %d caller 0x%016llx): \nworld\n{\"panicString\":5}\n");
	assert_false(p.found);
	assert_int_equal(p.lines_before, 4);
}

static void cuts_anywhere(void **state)
{
	(void)state;
	static const char whole[] = "panic(cpu 1 caller 0xffffff8000244444): \"text\"@/src/a.c:36\n" BACKTRACE
				    "         a.b(1)[11111111-2222-3333-8444-555555555555]@0x1->0x2\n" TAIL;
	for (size_t n = 0; n < sizeof whole; n++) {
		char *cut = malloc(n + 1); /* exact size, for the address sanitizer */
		memcpy(cut, whole, n);
		panic_text_deinit(&p);
		assert_null(panic_text_parse(cut, n, &p));
		if (n > 60)
			assert_true(p.found && p.cpu == 1);
		free(cut);
	}
}

static size_t add(char *to, const char *line)
{
	size_t n = strlen(line);
	memcpy(to, line, n);
	return n;
}

static void limits_what_it_keeps(void **state)
{
	(void)state;
	size_t size = 400000, at = 0;
	char *text = malloc(size + 64);
	at += add(text, "panic(cpu 1 caller 0x1): x\nBacktrace (CPU 1)\n");
	while (at < size / 2)
		at += add(text + at, "0x1 : 0x2\n");
	while (at < size)
		at += add(text + at, "gibberish\n");
	assert_null(panic_text_parse(text, at, &p));
	assert_int_equal(p.frame_count, PANIC_FRAMES_MAX);
	assert_int_equal(p.not_understood_count, PANIC_LINES_MAX);
	assert_true(p.lines_unknown > 10000);
	free(text);
}

static void makes_the_contract_s_json(void **state)
{
	(void)state;
	json_t *o;
	parse("panic(cpu 1 caller 0xffffff8000244444): bad\xff"
	      "byte\n" BACKTRACE
	      " a.b(1)[11111111-2222-3333-8444-555555555555]@0x1->0x2\n dependency: c.d(2)@0x5\n" TAIL);
	assert_null(panic_text_json(&p, NULL, &o));
	assert_string_equal(json_string_value(json_object_get(o, "string")), "bad\xef\xbf\xbd"
									     "byte");
	assert_int_equal(json_integer_value(json_object_get(o, "cpu")), 1);
	assert_string_equal(json_string_value(json_object_get(o, "caller")), "0xffffff8000244444");
	json_t *f = json_array_get(json_object_get(o, "backtrace"), 1);
	assert_string_equal(json_string_value(json_object_get(f, "frame")), "0xffffff80aa000020");
	assert_string_equal(json_string_value(json_object_get(f, "address")), "0xffffff7f80a22222");
	assert_string_equal(json_string_value(json_object_get(f, "symbol")), "_boom");
	assert_string_equal(json_string_value(json_object_get(f, "image")), "org.example.panicker");
	assert_int_equal(json_integer_value(json_object_get(f, "offset")), 0x1f);
	json_t *k = json_array_get(json_object_get(o, "kexts"), 0);
	assert_string_equal(json_string_value(json_object_get(k, "start")), "0x0000000000000001");
	k = json_array_get(json_object_get(k, "dependencies"), 0);
	assert_string_equal(json_string_value(json_object_get(k, "id")), "c.d");
	assert_string_equal(json_string_value(json_object_get(o, "boot_args")), "debug=0x444 keepsyms=1");
	json_decref(o);
}

/* A kext's line waits for its address on the next one: not across the beginning of a panic. */
static void waits_for_nothing_from_before(void **state)
{
	(void)state;
	parse("Kernel Extensions in backtrace:\norg.example.early(1.0)\n"
	      "panic(cpu 0 caller 0xffffff8000244444): \"x\"@a.c:1\n"
	      "Backtrace (CPU 0), Frame : Return Address\n"
	      "@0xffffff7f80a20000->0xffffff7f80a2ffff\n"
	      "dependency:\n"
	      "org.example.late(2.0)@0xffffff7f80b00000\n");
	assert_string_equal(p.string, "x");
	assert_int_equal(p.kext_count, 0);
	assert_int_equal(p.dependency_count, 1);
	assert_string_equal(p.dependencies[0].id, "org.example.late");
	parse("dependency:\npanic(cpu 0 caller 0xffffff8000244444): \"x\"@a.c:1\n"
	      "Backtrace (CPU 0), Frame : Return Address\n"
	      "org.example.own(2.0)@0xffffff7f80b00000->0xffffff7f80bfffff\n");
	assert_int_equal(p.kext_count, 1);
	assert_int_equal(p.dependency_count, 0);
}

/* RFC 8259, 7: U+1F600 by its two halves; one of them alone is no character. */
static void reads_escapes_of_json(void **state)
{
	(void)state;
	parse("{\"macOSPanicString\":\"panic(cpu 0 caller 0x1): "
	      "\\\"\\ud83d\\ude00 \\ud83d \\ude00 \\ud83d\\u0041 \\ud83dx\\\"@a.c:1\\n\"}");
	assert_string_equal(p.string, "\xf0\x9f\x98\x80 \xef\xbf\xbd \xef\xbf\xbd \xef\xbf\xbd"
				      "A \xef\xbf\xbdx");
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, done)
	const struct CMUnitTest tests[] = {
		T(reads_a_whole_report),
		T(reads_macos_12_and_later),
		T(reads_a_trap_and_what_it_does_not_know),
		T(reads_messages_of_several_lines),
		T(reads_debugger_calls),
		T(tells_what_a_page_fault_touched),
		T(takes_nothing_of_the_next_boot),
		T(sees_a_panic_far_behind),
		T(keeps_the_first_of_several_panics),
		T(follows_the_panic_s_own_stack),
		T(tolerates_crlf_and_mail_quotes),
		T(reads_json_reports),
		T(starts_in_the_middle),
		T(finds_nothing_where_nothing_is),
		T(cuts_anywhere),
		T(limits_what_it_keeps),
		T(makes_the_contract_s_json),
		T(waits_for_nothing_from_before),
		T(reads_escapes_of_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
