/* The panic text's lines, as 10.12 writes them, and the description behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlab/panic_report.h"
#include "tests/simlab/panic_text.h"

#define assert_ok(e) assert_null(e)

static struct kernel_desc desc;
static struct panic panic;

static int setup(void **state)
{
	(void)state;
	kernel_desc_default(&desc);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	panic_deinit(&panic);
	return 0;
}

static void make(enum panic_trigger trigger, const char *message)
{
	panic_deinit(&panic);
	assert_ok(panic_make(&desc, trigger, message, NULL, &panic));
}

static void assert_in_order(const char *text, const char *const *parts)
{
	for (; *parts; parts++) {
		const char *at = strstr(text, *parts);
		if (!at)
			fail_msg("'%s' is missing, or too early, in:\n%s", *parts, text);
		text = at + strlen(*parts);
	}
}

static void test_dtrace(void **state)
{
	(void)state;
	make(PANIC_DTRACE, NULL);
	static const char *const parts[] = {
		"panic(cpu 1 caller 0xffffff80",
		"): \"dtrace: panic action at probe dtrace:::BEGIN (ecb 0xffffff80",
		")\"@/Library/Caches/com.apple.xbs/Sources/xnu/xnu-3789.70.16/bsd/dev/dtrace/dtrace.c:",
		"\nBacktrace (CPU 1), Frame : Return Address\n0xffffff9210b",
		"\n\nBSD process name corresponding to current thread: dtrace\nBoot args: keepsyms=1\n\n"
		"Mac OS version:\n16G29\n\nKernel version:\nDarwin Kernel Version 16.7.0: Thu Jun 15 "
		"17:36:27 PDT "
		"2017; root:xnu-3789.70.16~2/RELEASE_X86_64\nKernel UUID: ",
		"\nKernel slide:     0x0000000017200000\nKernel text base: 0xffffff8017400000\n"
		"__HIB  text base: 0xffffff8017300000\nSystem model name: VMware7,1 (Mac-",
		")\n\nSystem uptime in nanoseconds: 184273644112\nlast loaded kext at ",
		"\nloaded kexts:\nnet.example.driver.Panicker\t1.0.0\n",
		"\n>!AAHCIPort\t329\n>!I82574L\t2.7.2\n|IONetworking!F\t3.2\n",
		NULL,
	};
	assert_memory_equal(panic.text, "panic(cpu ", 10);
	assert_in_order(panic.text, parts);
	assert_null(strstr(panic.text, "Kernel Extensions in backtrace"));
	/* the second frame returns to the caller of panic() */
	char caller[64];
	snprintf(caller, sizeof(caller), " : 0x%.16s ", strstr(panic.text, "caller 0x") + 9);
	assert_non_null(strstr(strstr(panic.text, "Return Address\n") + 55, caller));
}

static void test_kext(void **state)
{
	(void)state;
	make(PANIC_KEXT, "it's \"quoted\"");
	static const char *const parts[] = {
		"): \"it's \"quoted\"\"@",
		" : 0xffffff7f991a5",
		"\n      Kernel Extensions in backtrace:\n         net.example.driver.Panicker(1.0.0)[",
		"]@0xffffff7f991a4000->0xffffff7f991a7fff\n\nBSD process name corresponding to current "
		"thread: kextd\n",
		NULL,
	};
	assert_in_order(panic.text, parts);
}

static void test_page_fault(void **state)
{
	(void)state;
	make(PANIC_PAGE_FAULT, NULL);
	static const char *const parts[] = {
		"): Kernel trap at 0xffffff7f991a5042, type 14=page fault, registers:\nCR0: 0x",
		"\nRAX: 0x",
		"\nRSP: 0x",
		"\nR8:  0x",
		"\nR12: 0x",
		"\nRFL: 0x",
		", RIP: 0xffffff7f991a5042, CS:  0x0000000000000008, SS:",
		"\nFault CR2: 0x0000000000000000, Error code: 0x",
		"\nBacktrace (CPU 1), Frame : Return Address\n",
		" : 0xffffff7f991a5042 net.example.driver.Panicker : _start + 0x42\n",
		"Kernel Extensions in backtrace:",
		NULL,
	};
	assert_in_order(panic.text, parts);
}

static void test_each_trigger_has_a_name(void **state)
{
	(void)state;
	static const char *const names[] = {"dtrace", "kext", "page-fault", "sysctl", "reboot", "nmi"};
	enum panic_trigger trigger;
	for (size_t i = 0; i < 6; i++) {
		assert_ok(panic_trigger_parse(names[i], &trigger));
		make(trigger, NULL);
		assert_int_equal(panic.trigger, trigger);
		assert_true(panic.frame_count >= 5);
	}
	struct pl_error *e = panic_trigger_parse("tea", &trigger);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
}

static void release(const char *macos)
{
	kernel_desc_default(&desc);
	assert_ok(kernel_desc_set(&desc, "macos", macos));
}

/* Lines from posted panics of these releases, with this description's values. */
static void test_styles(void **state)
{
	(void)state;
	release("10.9");
	assert_ok(kernel_desc_set(&desc, "boot-args", "-v"));
	make(PANIC_DTRACE, NULL);
	static const char *const mavericks[] = {
		")\"@/SourceCache/xnu/xnu-2422.115.4/bsd/dev/dtrace/dtrace.c:",
		"\nBacktrace (CPU 1), Frame : Return Address\n0xffffff92", " : 0xffffff80", " \n0xffffff92",
		"\nBSD process name corresponding to current thread: dtrace\n", "\nMac OS version:\n13F34\n",
		NULL};
	assert_in_order(panic.text, mavericks);
	release("10.15");
	make(PANIC_DTRACE, NULL);
	static const char *const catalina[] = {
		")\"@/AppleInternal/BuildRoot/Library/Caches/com.apple.xbs/Sources/xnu/xnu-6153.141.2/bsd/",
		" mach_kernel : _panic + 0xec\n",
		" mach_kernel : _hndl_unix_scall64 + 0x16\n\nBSD process name",
		"\nSystem shutdown begun: NO\nPanic diags file available: YES (0x0)\n\nSystem uptime", NULL};
	assert_in_order(panic.text, catalina);
	release("11.7");
	make(PANIC_DTRACE, NULL);
	static const char *const big_sur[] = {")\"@/System/Volumes/Data/SWE/macOS/BuildRoots/",
		"/Library/Caches/com.apple.xbs/Sources/xnu/xnu-7195.141.39/bsd/dev/dtrace/dtrace.c:",
		"\n\nProcess name corresponding to current thread: dtrace\n",
		"\nKernelCache slide: 0x0000000017200000\nKernelCache base:  0xffffff8017400000\n"
		"Kernel slide:      0x0000000017210000\nKernel text base:  0xffffff8017410000\n"
		"__HIB  text base: 0xffffff8017300000\nSystem model name: ",
		"\nHibernation exit count: 0\n\nSystem uptime in nanoseconds: ", "\nLast Sleep: ",
		"\nlast started kext at ", NULL};
	assert_in_order(panic.text, big_sur);
	assert_null(strstr(panic.text, "BSD process"));
}

static void test_styles_of_later_ones(void **state)
{
	(void)state;
	release("15.3 DEVELOPMENT");
	make(PANIC_DTRACE, NULL);
	static const char *const sequoia[] = {"): dtrace: panic action at probe dtrace:::BEGIN (ecb 0x",
		") @dtrace.c:", "\nPanicked task 0xffffffa5",
		": 2 threads: pid 598: dtrace\nBacktrace (CPU 1), panicked thread: 0xffffff94",
		", Frame : Return Address\n0x",
		"\n\nProcess name corresponding to current thread (0xffffff94", "): dtrace\n",
		"root:xnu_development-11215.81.4~3/DEVELOPMENT_X86_64\nKernel UUID: ",
		"\nroots installed: 0\nKernelCache slide: 0x", NULL};
	assert_in_order(panic.text, sequoia);
	make(PANIC_KEXT, NULL);
	assert_non_null(strstr(panic.text, "\"@/Users/developer/Panicker/Panicker.c:27\n"));
	struct pl_error *e = kernel_desc_set(&desc, "macos", "15.3 DEBUG");
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
}

static void test_json_report(void **state)
{
	(void)state;
	char *report, name[128];
	release("10.15");
	make(PANIC_DTRACE, NULL);
	assert_ok(panic_report(&desc, &panic, 1497573387, &report));
	static const char *const parts[] = {"{", "\"timestamp\":\"2017-06-16 00:36:27",
		"\"bug_type\":\"210\"", "\"os_version\":\"Mac OS X 10.15.7 (19H2)\"", "}\n{",
		"\"macOSPanicString\":\"panic(cpu 1 caller 0x", "\\nBacktrace (CPU 1)", "}\n", NULL};
	assert_in_order(report, parts);
	free(report);
	assert_string_equal(panic_report_name(&desc, 1497573387, "guest", name, sizeof(name)),
		"Kernel_2017-06-16-003627_guest.panic");
	release("13.6");
	assert_string_equal(panic_report_name(&desc, 1497573387, "guest", name, sizeof(name)),
		"Kernel-2017-06-16-003627.panic");
}

static void test_without_slide_no_slide_lines(void **state)
{
	(void)state;
	assert_ok(kernel_desc_set(&desc, "slide", "0"));
	make(PANIC_DTRACE, NULL);
	assert_null(strstr(panic.text, "Kernel slide:"));
	assert_non_null(strstr(panic.text, "__HIB  text base: 0xffffff8000100000\n"));
}

static void test_report(void **state)
{
	(void)state;
	char *report, name[128];
	make(PANIC_DTRACE, NULL);
	assert_ok(panic_report(&desc, &panic, 1497573387, &report)); /* 2017-06-16 00:36:27 UTC */
	static const char *const parts[] = {
		"Anonymous UUID:       ",
		"\n\nFri Jun 16 00:36:27 2017\n\n*** Panic Report ***\npanic(cpu 1 caller ",
		"\nloaded kexts:\n",
		"\nModel: VMware7,1, BootROM ",
		NULL,
	};
	assert_in_order(report, parts);
	free(report);
	assert_string_equal(panic_report_name(&desc, 1497573387, "guest", name, sizeof(name)),
		"Kernel_2017-06-16-003627_guest.panic");
}

static void test_description(void **state)
{
	(void)state;
	char uuid[37], version[24];
	assert_ok(kernel_desc_parse(&desc,
		"# a kernel\n\n cpus = 4\nuuid=00112233-4455-6677-8899-aabbccddeeff\nsize = 128M\n"
		"boot-args = debug=0x4444 -v\nkext = none\n"
		"kext = org.x.Y 1.2 00112233-4455-6677-8899-aabbccddeeff 0xffffff7f99000000 0x2000\n",
		"d"));
	assert_int_equal(desc.cpus, 4);
	assert_int_equal(desc.core_size, 128 << 20);
	assert_string_equal(desc.boot_args, "debug=0x4444 -v");
	assert_string_equal(kernel_uuid_text(desc.uuid, uuid), "00112233-4455-6677-8899-AABBCCDDEEFF");
	assert_int_equal(desc.kext_count, 1);
	assert_int_equal(desc.kexts[0].size, 0x2000);
	kernel_xnu_version(&desc, version, sizeof(version));
	assert_string_equal(version, "3789.70.16");
	assert_int_equal(kernel_xnu_major(&desc), 3789);
}

static void test_bad_descriptions(void **state)
{
	(void)state;
	static const char *const lines[] = {"x = 1", "cpus = 0", "cpus = 17", "slide = 0x1000", "uuid = 12",
		"size = 1M", "identity = maybe", "kext = a b", "nothing", "kext-summaries = 7"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct pl_error *e = kernel_desc_parse(&desc, lines[i], "d");
		if (!e)
			fail_msg("'%s' was taken", lines[i]);
		assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
		assert_string_equal(pl_error_place(e), "d:1");
		pl_error_free(e);
	}
}

static void test_each_boot_slides(void **state)
{
	(void)state;
	uint64_t kext = desc.kexts[0].address - desc.slide;
	kernel_desc_boot(&desc, 7);
	uint64_t slide = desc.slide;
	assert_true(slide > 0 && slide % 0x200000 == 0 && slide <= 255 * 0x200000);
	assert_int_equal(desc.kexts[0].address - desc.slide, kext);
	kernel_desc_boot(&desc, 8);
	assert_int_not_equal(desc.slide, slide);
	kernel_desc_boot(&desc, 7);
	assert_int_equal(desc.slide, slide);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dtrace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kext, setup, teardown),
		cmocka_unit_test_setup_teardown(test_page_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_trigger_has_a_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_slide_no_slide_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_styles, setup, teardown),
		cmocka_unit_test_setup_teardown(test_styles_of_later_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json_report, setup, teardown),
		cmocka_unit_test_setup_teardown(test_report, setup, teardown),
		cmocka_unit_test_setup_teardown(test_description, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_descriptions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each_boot_slides, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
