/*
 * Pairs of panic texts: of the same bug, which must have the same signature, and of
 * different ones, which must not. Each pair changes one thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/signature.h"

struct pair {
	const char *what;
	const char *a;
	const char *b;
};

static void sign(const char *text, struct signature *ret)
{
	struct panic_text p;

	assert_null(panic_text_parse(text, strlen(text), &p));
	assert_null(signature_make(&p, NULL, ret));
	panic_text_deinit(&p);
}

#define PANIC(cpu, caller, message) "panic(cpu " cpu " caller " caller "): " message "\n"
#define TRACE(cpu) "Backtrace (CPU " cpu "), Frame : Return Address\n"
#define TRACE12(cpu) "Backtrace (CPU " cpu "), panicked thread: 0xffffffaa7c418000, Frame : Return Address\n"

/* The machinery, then three functions; kernel text at base 0xffffff80BB000000. */
#define KERNEL_FRAMES(base, f, g, h)                                                                         \
	"0xffffff81f5aa0b40 : 0xffffff80" base "0dab12 mach_kernel : _handle_debugger_trap + 0x3fd\n"        \
	"0xffffff81f5aa0b80 : 0xffffff80" base "0dab99 mach_kernel : _panic + 0x54\n"                        \
	"0xffffff81f5aa0bc0 : 0xffffff80" base "100111 mach_kernel : " f "\n"                                \
	"0xffffff81f5aa0c00 : 0xffffff80" base "100222 mach_kernel : " g "\n"                                \
	"0xffffff81f5aa0c40 : 0xffffff80" base "100333 mach_kernel : " h "\n"

/* A kext of the user's under a kernel without symbols, at this address with these offsets. */
#define KEXT_LIST(at, id)                                                                                    \
	"      Kernel Extensions in backtrace:\n         " id                                                \
	"(1.4)[AAAA1111-2222-3333-8444-5555AAAA6666]@0xffffff7f" at "0000->0xffffff7f" at "9fff\n"
#define KEXT_FRAMES(at, id, one, two)                                                                        \
	"0xffffff81f5aa0b40 : 0xffffff801a4dab12 \n"                                                         \
	"0xffffff81f5aa0bc0 : 0xffffff7f" at one " \n"                                                       \
	"0xffffff81f5aa0c00 : 0xffffff7f" at two " \n"                                                       \
	"0xffffff81f5aa0fb0 : 0xffffff801a5ed5e4 \n" KEXT_LIST(at, id)

#define TAIL(process, build, uptime)                                                                         \
	"\nBSD process name corresponding to current thread: " process "\n\nMac OS version:\n" build         \
	"\n\nKernel version:\nDarwin Kernel Version 17.7.0: x; root:xnu-4570.1.1~1/RELEASE_X86_64\n"         \
	"\nSystem uptime in nanoseconds: " uptime "\n"

#define F "_ring_take + 0x41"
#define G "_ring_run + 0x1bb"
#define H "_ring_main + 0x17"
#define BASE PANIC("0", "0xffffff801a100111", "\"slot 7 lost\"@/a/ring.c:12") TRACE("0")
#define PLAIN BASE KERNEL_FRAMES("1a", F, G, H)
#define KEXT                                                                                                 \
	PANIC("0", "0xffffff7f9a4021f0", "\"slot 7 lost\"@/a/ring.cpp:12")                                   \
	TRACE("0") KEXT_FRAMES("9a40", "org.example.ring", "21f0", "1abc")
#define TRAP(at, type) PANIC("0", "0xffffff801a0dac00", "Kernel trap at " at ", " type ", registers:")

#define KEXT_TRAP TRAP("0xffffff7f9a4021f0", "type 14=page fault")
#define CALLER "0x2 : 0xffffff7f9a401abc \n" KEXT_LIST("9a40", "org.example.ring")

static const struct pair same[] = {
	{"another slide", PLAIN,
		PANIC("0", "0xffffff800c100111", "\"slot 7 lost\"@/a/ring.c:12") TRACE("0")
			KERNEL_FRAMES("0c", F, G, H)},
	{"another CPU", PLAIN,
		PANIC("13", "0xffffff801a100111", "\"slot 7 lost\"@/a/ring.c:12") TRACE("13")
			KERNEL_FRAMES("1a", F, G, H)},
	{"12's way of writing it, and another line", PLAIN,
		PANIC("0", "0xffffff801a100111", "slot 7 lost @ring.c:99") TRACE12("0")
			KERNEL_FRAMES("1a", F, G, H)},
	{"a kext's since 12, with its quotes", KEXT,
		PANIC("0", "0xffffff7f9a4021f0", "\"slot 7 lost\" @ring.cpp:13") TRACE12("0")
			KEXT_FRAMES("9a40", "org.example.ring", "21f0", "1abc")},
	{"another build of the kernel: other offsets", PLAIN,
		BASE KERNEL_FRAMES("1a", "_ring_take + 0x99", "_ring_run.cold.2 + 0x1", "_ring_main + 0x7")},
	{"another number", PLAIN,
		PANIC("0", "0xffffff801a100111", "\"slot 31 lost\"@/a/ring.c:12") TRACE("0")
			KERNEL_FRAMES("1a", F, G, H)},
	{"a negative number", PLAIN,
		PANIC("0", "0xffffff801a100111", "\"slot -1 lost\"@/a/ring.c:12") TRACE("0")
			KERNEL_FRAMES("1a", F, G, H)},
	{"pointers, also those without a decimal digit",
		PANIC("0", "0x1", "ring 0xffffff801a2b3c40 e00002f0 not 3f2a") TRACE("0"),
		PANIC("0", "0x1", "ring 0x0 ffffffff not 7") TRACE("0")},
	{"numbers of other lengths in a text longer than counts",
		PANIC("0", "0x1",
			"a 0x1 xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx "
			"xxxxxxxxx "
			"xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx "
			"bbbb"),
		PANIC("0", "0x1",
			"a 0xffffff801a2b3c40 xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx "
			"xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx xxxxxxxxx "
			"xxxxxxxxx xxxxxxxxx cccc")},
	{"another process and uptime", PLAIN TAIL("ringd", "17G66", "100"),
		PLAIN TAIL("Google Chrome He", "17G14042", "987654321")},
	{"the process's name and pid in the text",
		PANIC("0", "0x1", "lost for ringd[77], process ringd") TRACE("0") TAIL("ringd", "1A1", "1"),
		PANIC("0", "0x1", "lost for sh[1234], process sh") TRACE("0") TAIL("sh", "1A1", "1")},
	{"behind a pid", PANIC("0", "0x1", "lost by pid 7: ringd") TRACE("0") TAIL("ringd", "1A1", "1"),
		PANIC("0", "0x1", "lost by pid 123: sh") TRACE("0") TAIL("sh", "1A1", "1")},
	{"noise before and within, CRLF", PLAIN,
		"en0: link up\r\nTITLE: x\r\n" PANIC("0", "0xffffff801a100111",
			"\"slot 7 lost\"@/a/ring.c:12\r") "USBF: 12.3 port\r\n" TRACE("0")
			KERNEL_FRAMES("1a", F "\r", G "\r", H "\r") "100..\r\n"},
	{"another CPU's backtrace behind", PLAIN,
		PLAIN "Backtrace (CPU 1), Frame : Return Address\n"
		      "0xffffff8200000b40 : 0xffffff801a0dab12 mach_kernel : _idle_thread + 0x48\n"},
	{"in JSON", PLAIN,
		"{\"bug_type\":\"210\"}\n{\"macOSPanicString\":\"panic(cpu 0 caller 0xffffff801a100111): "
		"\\\"slot 7 lost\\\"@\\/a\\/ring.c:12\\nBacktrace (CPU 0), Frame : Return Address\\n"
		"0xffffff81f5aa0b80 : 0xffffff801a0dab99 mach_kernel : _panic + 0x54\\n"
		"0xffffff81f5aa0bc0 : 0xffffff801a100111 mach_kernel : _ring_take + 0x41\\n"
		"0xffffff81f5aa0c00 : 0xffffff801a100222 mach_kernel : _ring_run + 0x41\\n"
		"0xffffff81f5aa0c40 : 0xffffff801a100333 mach_kernel : _ring_main + 0x41\\n\"}"},
	{"more callers below", PLAIN,
		PLAIN "0xffffff81f5aa0d40 : 0xffffff801a100444 mach_kernel : _unix_syscall64 + 0x2\n"},
	{"the kext elsewhere, under another kernel", KEXT,
		PANIC("3", "0xffffff7f812321f0", "\"slot 9 lost\"@/b/ring.cpp:12") TRACE("3")
			KEXT_FRAMES("8123", "org.example.ring", "21f0", "1abc")},
	{"the kext's offset as xnu writes it with keepsyms=1", KEXT,
		PANIC("0", "0xffffff7f9a4021f0", "\"slot 7 lost\"@/a/ring.cpp:12")
			TRACE("0") "0x1 : 0xffffff7f9a4021f0 org.example.ring + 8688\n"
				   "0x2 : 0xffffff7f9a401abc org.example.ring + 6844\n"},
	{"15.4's way of writing a trap's type",
		TRAP("0xffffff801a100111", "type 14=page fault") TRACE("0") KERNEL_FRAMES("1a", F, G, H),
		TRAP("0xffffff801a100111", "type = 14=page fault") TRACE("0") KERNEL_FRAMES("1a", F, G, H)},
	{"helpers between the bug and the panic", PLAIN,
		PANIC("0", "0xffffff801a100000", "\"slot 7 lost\"@/a/ring.c:12")
			TRACE("0") "0x1 : 0xffffff801a0dab99 mach_kernel : _panic + 0x54\n"
				   "0x2 : 0xffffff801a100000 mach_kernel : _lck_mtx_lock + 0x3\n"
				   "0x3 : 0xffffff801a100111 mach_kernel : " F
				   "\n0x4 : 0xffffff801a100222 mach_kernel : " G
				   "\n0x5 : 0xffffff801a100333 mach_kernel : " H "\n"},
	{"another way through the kernel between own frames",
		PANIC("0", "0x1", "x") TRACE(
			"0") "0x1 : 0x1 mach_kernel : _vnode_put\n"
			     "0x2 : 0x2 mach_kernel : _VNOP_CLOSE\n0x3 : 0x3 org.example.ring : _close\n",
		PANIC("0", "0x1", "x")
			TRACE("0") "0x1 : 0x1 mach_kernel : _vnode_put\n"
				   "0x2 : 0x2 mach_kernel : _vn_close\n0x3 : 0x3 mach_kernel : _VNOP_CLOSE\n"
				   "0x4 : 0x4 org.example.ring : _close\n0x5 : 0x5 mach_kernel : _other\n"},
	{"a double fault elsewhere",
		PANIC("0", "0x1", "\"Double fault at 0xffffff801a100111, registers:\"@/t.c:1") TRACE("0")
			KERNEL_FRAMES("1a", F, G, H),
		PANIC("1", "0x2", "Double fault at 0xffffff800c100111, registers: @t.c:9") TRACE12("1")
			KERNEL_FRAMES("0c", F, G, H)},
	{"an excerpt without the frame that trapped", KEXT_TRAP "0x1 : 0xffffff7f9a4021f0 \n" CALLER,
		KEXT_TRAP CALLER},
	{"an assertion, built elsewhere",
		PANIC("0", "0x1", "assertion failed: a->b, file: /a/xnu-1.2/bsd/net/x.c, line: 12")
			TRACE("0"),
		PANIC("0", "0x1", "assertion failed: a->b, file: /Users/me/b/x.c, line: 1905") TRACE("0")},
	{"a source within the text", PANIC("0", "0x1", "lost in /a/xnu-1.2/ring.cpp:12 now") TRACE("0"),
		PANIC("0", "0x1", "lost in /Library/Caches/z/ring.cpp:1 now") TRACE("0")},
	{"launchd's death in both wordings", PANIC("0", "0x1", "\"launchd died\\nState\"@/a/exit.c:1"),
		PANIC("2", "0x7", "initproc exited -- exit reason namespace 2 @exit.c:4")
			TRACE("2") "0x1 : 0x7 mach_kernel : _proc_exit + 0x1\n"},
};

static const struct pair different[] = {
	{"another text at the same place", PLAIN,
		PANIC("0", "0xffffff801a100111", "\"slot 7 taken\"@/a/ring.c:12") TRACE("0")
			KERNEL_FRAMES("1a", F, G, H)},
	{"the same text from another function", PLAIN, BASE KERNEL_FRAMES("1a", "_ring_give + 0x41", G, H)},
	{"the same function, called from another", PLAIN, BASE KERNEL_FRAMES("1a", F, "_ring_stop + 0x1", H)},
	{"another kext", KEXT,
		PANIC("0", "0xffffff7f9a4021f0", "\"slot 7 lost\"@/a/ring.cpp:12") TRACE("0")
			KEXT_FRAMES("9a40", "org.example.other", "21f0", "1abc")},
	{"another place in the kext", KEXT,
		PANIC("0", "0xffffff7f9a4021f4", "\"slot 7 lost\"@/a/ring.cpp:12") TRACE("0")
			KEXT_FRAMES("9a40", "org.example.ring", "21f4", "1abc")},
	{"another type of trap",
		TRAP("0xffffff801a100111", "type 14=page fault") TRACE("0") KERNEL_FRAMES("1a", F, G, H),
		TRAP("0xffffff801a100111", "type 13=general protection") TRACE("0")
			KERNEL_FRAMES("1a", F, G, H)},
	{"a trap and a panic",
		TRAP("0xffffff801a100111", "type 14=page fault") TRACE("0") KERNEL_FRAMES("1a", F, G, H),
		PANIC("0", "0xffffff801a100111", "page fault") TRACE("0") KERNEL_FRAMES("1a", F, G, H)},
	{"one function of the kernel, used by two kexts",
		PANIC("0", "0x1", "x") TRACE("0") "0x1 : 0x1 mach_kernel : _vnode_put\n"
						  "0x2 : 0x2 mach_kernel : _a\n0x3 : 0x3 mach_kernel : "
						  "_b\n0x4 : 0x4 org.example.ring : _go\n",
		PANIC("0", "0x1", "x") TRACE("0") "0x1 : 0x1 mach_kernel : _vnode_put\n"
						  "0x2 : 0x2 mach_kernel : _a\n0x3 : 0x3 mach_kernel : "
						  "_b\n0x4 : 0x4 org.example.other : _go\n"},
	{"two functions of the kernel, used by one of the kext's",
		PANIC("0", "0x1", "x")
			TRACE("0") "0x1 : 0x1 mach_kernel : _vnode_put\n0x2 : 0x2 org.example.ring : _go\n",
		PANIC("0", "0x1", "x")
			TRACE("0") "0x1 : 0x1 mach_kernel : _vnode_get\n0x2 : 0x2 org.example.ring : _go\n"},
	{"a kext's function that is called as one of the kernel's helpers",
		PANIC("0", "0x1", "x")
			TRACE("0") "0x1 : 0x1 org.example.ring : _panic_now\n0x2 : 0x2 mach_kernel : _f\n",
		PANIC("0", "0x1", "x")
			TRACE("0") "0x1 : 0x1 org.example.ring : _zone_now\n0x2 : 0x2 mach_kernel : _f\n"},
	{"a word that only looks like the process", PANIC("0", "0x1", "ring lost") TAIL("ring", "1A1", "1"),
		PANIC("0", "0x1", "slot lost") TAIL("slot", "1A1", "1")},
	{"no frames: another file", PANIC("0", "0x1", "\"over\"@/a/a.c:1"),
		PANIC("0", "0x1", "\"over\"@/a/b.c:1")},
	{"the debugger and a panic", "Debugger called: <by hand>\n" TRACE("0"), PANIC("0", "0x1", "by hand")},
};

static void is_the_same_for_the_same_bug(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct signature a, b;
		sign(same[i].a, &a);
		sign(same[i].b, &b);
		if (!a.title || !b.title || strcmp(a.id, b.id) != 0)
			fail_msg("%s: '%s' and '%s'", same[i].what, a.title, b.title);
		assert_string_equal(a.title, b.title);
		signature_deinit(&a);
		signature_deinit(&b);
	}
}

static void differs_between_bugs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
		struct signature a, b;
		sign(different[i].a, &a);
		sign(different[i].b, &b);
		assert_non_null(a.title);
		assert_non_null(b.title);
		if (strcmp(a.id, b.id) == 0)
			fail_msg("%s: both '%s'", different[i].what, a.title);
		signature_deinit(&a);
		signature_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_same_for_the_same_bug),
		cmocka_unit_test(differs_between_bugs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
