/* What is in a core's memory: stacks, kexts, boot-args. Bytes by hand, offsets as xnu's headers have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_bytes.h"
#include "orchestrator/core/core_backtrace.h"
#include "orchestrator/core/core_boot_args.h"
#include "orchestrator/core/core_kexts.h"

#define STACK 0xffffff9000000000u
#define TABLE 0xffffff8020000000u
#define KEXT 0xffffff7f99000000u

static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
static struct core_bytes bytes;
static struct core_file core;
static struct core_kexts kexts;

static void open_core(void)
{
	char name[] = "/tmp/test_core.XXXXXX";
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, bytes.b, bytes.end), (ssize_t)bytes.end);
	assert_null(core_file_open_fd(fd, &core));
}

static int done(void **state)
{
	(void)state;
	core_kexts_deinit(&kexts);
	core_file_close(&core);
	return 0;
}

/* ---- backtraces ---- */

static void put_frame(uint8_t *stack, size_t at, uint64_t next, uint64_t back)
{
	w64(stack + at, next);
	w64(stack + at + 8, back);
}

static struct core_backtrace walk(uint64_t pc, uint64_t sp, uint64_t fp)
{
	struct core_backtrace b;
	struct macho_thread t = {.is_64 = true, .count = 21, .pc = pc, .sp = sp, .fp = fp};
	core_backtrace(&core, &t, &b);
	return b;
}

static void assert_frame(const struct core_backtrace *b, size_t i, uint64_t frame, uint64_t address)
{
	assert_true(i < b->count);
	assert_true(b->frames[i].frame == frame);
	assert_true(b->frames[i].address == address);
}

static void walks_a_stack(void **state)
{
	(void)state;
	core_begin(&bytes);
	uint8_t *stack = core_pages(&bytes, STACK, 1);
	put_frame(stack, 0x100, STACK + 0x180, TEXT + 1);
	put_frame(stack, 0x180, STACK + 0x200, TEXT + 2);
	put_frame(stack, 0x200, 0, TEXT + 3);
	open_core();
	struct core_backtrace b = walk(TEXT, STACK + 0x80, STACK + 0x100);
	assert_int_equal(b.count, 4);
	assert_frame(&b, 0, STACK + 0x100, TEXT);
	assert_frame(&b, 1, STACK + 0x100, TEXT + 1);
	assert_frame(&b, 2, STACK + 0x180, TEXT + 2);
	assert_frame(&b, 3, STACK + 0x200, TEXT + 3);
	assert_int_equal(b.end, CORE_BACKTRACE_ROOT);
}

static void ends_where_a_stack_goes_wrong(void **state)
{
	static const struct {
		uint64_t next, back;
		enum core_backtrace_end end;
		size_t count;
	} cases[] = {
		{STACK + 0x100, TEXT + 1, CORE_BACKTRACE_BELOW, 2}, /* itself */
		{STACK + 0x80, TEXT + 1, CORE_BACKTRACE_BELOW, 2},
		{0x00007fff5fbff8a0, TEXT + 1, CORE_BACKTRACE_BELOW, 2}, /* a user's */
		{STACK + 0x10000, TEXT + 1, CORE_BACKTRACE_ABSENT, 2},
		{STACK + PAGE - 8, TEXT + 1, CORE_BACKTRACE_ABSENT, 2}, /* only half of it is there */
		{STACK + 0x181, TEXT + 1, CORE_BACKTRACE_ABSENT, 2},    /* crooked */
		{UINT64_MAX - 7, TEXT + 1, CORE_BACKTRACE_ABSENT, 2},
		{STACK + 0x180, 0, CORE_BACKTRACE_ROOT, 1}, /* nobody to return to */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		core_begin(&bytes);
		put_frame(core_pages(&bytes, STACK, 1), 0x100, cases[i].next, cases[i].back);
		open_core();
		struct core_backtrace b = walk(TEXT, STACK + 0x80, STACK + 0x100);
		assert_int_equal(b.count, cases[i].count);
		assert_int_equal(b.end, cases[i].end);
		core_file_close(&core);
	}
	core_begin(&bytes);
	open_core();
}

static void is_bounded(void **state)
{
	(void)state;
	core_begin(&bytes);
	uint8_t *stack = core_pages(&bytes, STACK, 2);
	for (size_t at = 0; at + 16 <= 2 * PAGE; at += 16)
		put_frame(stack, at, STACK + at + 16, TEXT);
	open_core();
	struct core_backtrace b = walk(TEXT, STACK, STACK);
	assert_int_equal(b.count, CORE_FRAMES_MAX);
	assert_int_equal(b.end, CORE_BACKTRACE_FULL);
}

/* push %rbp; mov %rsp,%rbp ... ret: at each of them the caller's address is elsewhere. */
static void sees_functions_without_a_frame(void **state)
{
	static const struct {
		uint64_t pc, top; /* top: where the return address is */
	} cases[] = {{0x10, 0x80}, {0x11, 0x88}, {0x20, 0x80}};

	(void)state;
	core_begin(&bytes);
	uint8_t *text = core_pages(&bytes, TEXT, 1);
	uint8_t *stack = core_pages(&bytes, STACK, 1);
	memcpy(text + 0x10, "\x55\x48\x89\xe5", 4);
	text[0x20] = 0xc3;
	w64(stack + 0x80, TEXT + 0x500);
	w64(stack + 0x88, TEXT + 0x600);
	put_frame(stack, 0x100, 0, TEXT + 0x700);
	open_core();
	for (size_t i = 0; i < 3; i++) {
		struct core_backtrace b = walk(TEXT + cases[i].pc, STACK + 0x80, STACK + 0x100);
		assert_int_equal(b.count, 3);
		assert_frame(&b, 1, STACK + cases[i].top - 8, i == 1 ? TEXT + 0x600 : TEXT + 0x500);
		assert_frame(&b, 2, STACK + 0x100, TEXT + 0x700);
	}
	struct core_backtrace b = walk(TEXT + 0x14, STACK + 0x80, STACK + 0x100); /* behind both */
	assert_int_equal(b.count, 2);
}

/* Words of four bytes; the core's header says i386. */
static void walks_32_bits(void **state)
{
	struct macho_thread t = {.is_64 = false, .count = 16, .pc = 0x200000, .fp = 0x100100};
	struct core_backtrace b;

	(void)state;
	core_begin(&bytes);
	w32(bytes.b + 4, 7);
	uint8_t *stack = core_pages(&bytes, 0x100000, 1);
	w32(stack + 0x100, 0x100200);
	w32(stack + 0x104, 0x200011);
	w32(stack + 0x200, 0);
	w32(stack + 0x204, 0x200022);
	open_core();
	core_backtrace(&core, &t, &b);
	assert_int_equal(b.count, 3);
	assert_frame(&b, 1, 0x100100, 0x200011);
	assert_frame(&b, 2, 0x100200, 0x200022);
}

/* ARM_THREAD_STATE64: x0..x28, fp, lr, sp, pc. Return addresses are signed in their upper bits. */
static void walks_arm64(void **state)
{
	struct core_backtrace b;

	(void)state;
	core_begin(&bytes);
	w32(bytes.b + 4, 0x0100000c);
	uint8_t *stack = core_pages(&bytes, 0xfffffe3000000000u, 1);
	put_frame(stack, 0x100, 0xfffffe3000000200u, 0x12abfe0007001234u);
	put_frame(stack, 0x200, 0, 0xfffffe0007005678u);
	uint8_t *p = core_command(&bytes, 4, 8 + 8 + 68 * 4);
	w32(p, 6);
	w32(p + 4, 68);
	w64(p + 8 + 8 * 29, 0xfffffe3000000100u);
	w64(p + 8 + 8 * 31, 0xfffffe3000000080u);
	w64(p + 8 + 8 * 32, 0xfffffe0007000000u);
	open_core();
	assert_int_equal(core.thread_count, 1);
	assert_int_equal(core.threads[0].count, 33);
	assert_string_equal(core.threads[0].names[32], "pc");
	core_backtrace(&core, &core.threads[0], &b);
	assert_int_equal(b.count, 3);
	assert_frame(&b, 0, 0xfffffe3000000100u, 0xfffffe0007000000u);
	assert_frame(&b, 1, 0xfffffe3000000100u, 0xfffffe0007001234u);
	assert_frame(&b, 2, 0xfffffe3000000200u, 0xfffffe0007005678u);
}

/* ---- kexts ---- */

static void put_kext(uint8_t *p, const char *id, uint64_t address, uint64_t size, uint64_t version)
{
	memset(p, 0, 120);
	put_text(p, id);
	memcpy(p + 64, uuid_bytes, 16);
	w64(p + 80, address);
	w64(p + 88, size);
	w64(p + 96, version);
	w32(p + 104, 7);
}

static void put_kext_header(uint8_t *p)
{
	put_header(p, 0xb, 1, 24);
	w32(p + 32, 0x1b);
	w32(p + 36, 24);
	memcpy(p + 40, uuid_bytes, 16);
}

static void put_table(uint8_t *p, uint32_t version, uint32_t entry, uint32_t count)
{
	w32(p, version);
	if (version == 1) {
		w32(p + 4, count);
		return;
	}
	w32(p + 4, entry);
	w32(p + 8, count);
	w32(p + 12, 0);
}

/* A pointer at TABLE, the table behind it, and a kext's header. Returns the table. */
static uint8_t *table_core(void)
{
	core_begin(&bytes);
	uint8_t *page = core_pages(&bytes, TABLE, 1);
	w64(page, TABLE + 0x100);
	put_kext_header(core_pages(&bytes, KEXT, 1));
	return page + 0x100;
}

static void assert_two_kexts(void)
{
	assert_int_equal(kexts.count, 2);
	assert_true(kexts.address == TABLE + 0x100);
	assert_string_equal(kexts.list[0].id, "com.apple.iokit.IOUSBFamily");
	assert_string_equal(kexts.list[0].version, "9.4.1");
	assert_string_equal(kexts.list[1].id, "org.example.driver");
	assert_string_equal(kexts.list[1].uuid, UUID);
	assert_true(kexts.list[1].start == KEXT && kexts.list[1].size == 0x3000);
	assert_int_equal(kexts.list[1].load_tag, 7);
	assert_string_equal(core_kexts_holding(&kexts, KEXT + 0x2fff)->id, "org.example.driver");
	assert_null(core_kexts_holding(&kexts, KEXT + 0x3000));
	assert_null(core_kexts_holding(&kexts, KEXT - 0x100001));
}

static void reads_each_version(void **state)
{
	static const struct {
		uint32_t version, entry, first;
	} shapes[] = {{1, 112, 8}, {2, 120, 16}, {2, 136, 16}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (int looking = 0; looking < 2; looking++) {
			uint8_t *table = table_core();
			/* not in order, and a version of 1 has the next name right behind its flags */
			uint8_t *second = table + shapes[i].first + shapes[i].entry;
			put_table(table, shapes[i].version, shapes[i].entry, 2);
			put_kext(second, "com.apple.iokit.IOUSBFamily", KEXT - 0x100000, 0x2000, 904019000);
			put_kext(table + shapes[i].first, "org.example.driver", KEXT, 0x3000, 100009000);
			if (shapes[i].entry == 112)
				put_text(second, "com.apple.iokit.IOUSBFamily");
			open_core();
			assert_null(looking ? core_kexts_find(&core, &forever, &kexts)
					    : core_kexts_at(&core, TABLE, &kexts));
			assert_int_equal(kexts.by_symbol, !looking);
			assert_two_kexts();
			done(NULL);
		}
	}
	core_begin(&bytes);
	open_core();
}

/* By its symbol a table is believed, but for entries that cannot be. */
static void leaves_out_what_makes_no_sense(void **state)
{
	(void)state;
	uint8_t *table = table_core();
	put_table(table, 2, 120, 4);
	put_kext(table + 16, "no dot at all", KEXT, 0x1000, 0);
	put_kext(table + 136, "a.b\033[2J", KEXT, 0x1000, 0);
	put_kext(table + 256, "org.example.driver", KEXT, 0x3000, 100009000);
	put_kext(table + 376, "org.example.wide", KEXT, UINT64_MAX, 0);
	open_core();
	assert_null(core_kexts_at(&core, TABLE, &kexts));
	assert_int_equal(kexts.count, 1);
	assert_string_equal(kexts.list[0].version, "1.0");
	core_kexts_deinit(&kexts);
	assert_null(core_kexts_at(&core, TABLE + 8, &kexts)); /* no pointer there */
	assert_int_equal(kexts.count, 0);
}

/* Looked for, a table must be right all through. */
static void is_not_taken_in_by_looks(void **state)
{
	uint8_t *table;

	(void)state;
	for (int wrong = 0; wrong < 5; wrong++) {
		table = table_core();
		put_table(table, 2, 120, 2);
		put_kext(table + 16, "org.example.driver", KEXT, 0x3000, 0);
		put_kext(table + 136, "org.example.other", KEXT - 0x10000, 0x3000, 0);
		if (wrong == 1)
			w64(table + 136 + 80, 0x1000); /* a user's address */
		if (wrong == 2)
			w64(table + 136 + 80, KEXT - 0x1000); /* they overlap */
		if (wrong == 3)
			w64(table + 136 + 80, KEXT - 0x10000 + 8); /* not at a page's start */
		if (wrong == 4)
			table[16 + 64]++; /* the header in memory has another UUID */
		open_core();
		assert_null(core_kexts_find(&core, &forever, &kexts));
		assert_int_equal(kexts.count, wrong == 4 ? 0 : wrong ? 0 : 2);
		done(NULL);
	}
	/* An older, shorter list is still there. */
	table = table_core();
	put_table(table, 2, 120, 1);
	put_kext(table + 16, "org.example.driver", KEXT, 0x3000, 0);
	put_table(table + 0x200, 2, 120, 2);
	put_kext(table + 0x210, "org.example.driver", KEXT, 0x3000, 0);
	put_kext(table + 0x288, "org.example.other", KEXT - 0x10000, 0x3000, 0);
	open_core();
	assert_null(core_kexts_find(&core, &forever, &kexts));
	assert_int_equal(kexts.count, 2);
}

/* libkern/OSKextVersion.c */
static void prints_versions(void **state)
{
	char out[24];

	(void)state;
	assert_string_equal(core_kext_version(102039000, out), "1.2.3");
	assert_string_equal(core_kext_version(102009000, out), "1.2");
	assert_string_equal(core_kext_version(1900009000, out), "19.0");
	assert_string_equal(core_kext_version(200005004, out), "2.0b4");
	assert_string_equal(core_kext_version(200001001, out), "2.0d1");
	assert_string_equal(core_kext_version(200007012, out), "2.0f12");
	assert_string_equal(core_kext_version(INT64_C(1000000009000), out), "");
	assert_string_equal(core_kext_version(0, out), "");
	assert_string_equal(core_kext_version(-1, out), "");
	assert_string_equal(core_kext_version(102036000, out), ""); /* no such stage */
	assert_string_equal(core_kext_version(INT64_MAX, out), "");
}

/* ---- boot-args ---- */

static void put_boot_args(uint8_t *p, unsigned version, const char *text)
{
	memset(p, 0xee, 1040);
	w32(p, version << 16);
	w32(p + 4, 64);
	put_text(p + (version == 1 ? 4 : 8), text);
}

static void reads_boot_args(void **state)
{
	char out[CORE_BOOT_ARGS_MAX];

	(void)state;
	core_begin(&bytes);
	uint8_t *page = core_pages(&bytes, TABLE, 2);
	w64(page + 160, TABLE + 0x200);
	w64(page + 0x800 + 160, TABLE + 0x1000);
	put_boot_args(page + 0x200, 2, "debug=0x144 -v");
	put_boot_args(page + 0x1000, 1, "keepsyms=1");
	open_core();
	assert_true(core_boot_args(&core, TABLE, out));
	assert_string_equal(out, "debug=0x144 -v");
	assert_true(core_boot_args(&core, TABLE + 0x800, out));
	assert_string_equal(out, "keepsyms=1");
	assert_false(core_boot_args(&core, TABLE + 8, out)); /* no pointer there */
	assert_false(core_boot_args(&core, TABLE - 160, out));
}

static void believes_no_other_boot_args(void **state)
{
	char out[CORE_BOOT_ARGS_MAX], unending[1025];

	(void)state;
	memset(unending, 'x', sizeof unending);
	unending[1024] = '\0';
	for (int wrong = 0; wrong < 4; wrong++) {
		core_begin(&bytes);
		uint8_t *page = core_pages(&bytes, TABLE, 1);
		w64(page + 160, TABLE + 0x200);
		put_boot_args(page + 0x200, wrong == 0 ? 7 : 2,
			wrong == 1   ? "a\033[2J"
			: wrong == 2 ? unending
				     : "-v");
		if (wrong == 3)
			page[0x200 + 4] = 17; /* EFI has 32 bits or 64 */
		open_core();
		assert_false(core_boot_args(&core, TABLE, out));
		core_file_close(&core);
	}
	core_begin(&bytes);
	open_core();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(walks_a_stack, done),
		cmocka_unit_test_teardown(ends_where_a_stack_goes_wrong, done),
		cmocka_unit_test_teardown(is_bounded, done),
		cmocka_unit_test_teardown(sees_functions_without_a_frame, done),
		cmocka_unit_test_teardown(walks_32_bits, done),
		cmocka_unit_test_teardown(walks_arm64, done),
		cmocka_unit_test_teardown(reads_each_version, done),
		cmocka_unit_test_teardown(leaves_out_what_makes_no_sense, done),
		cmocka_unit_test_teardown(is_not_taken_in_by_looks, done),
		cmocka_unit_test(prints_versions),
		cmocka_unit_test_teardown(reads_boot_args, done),
		cmocka_unit_test_teardown(believes_no_other_boot_args, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
