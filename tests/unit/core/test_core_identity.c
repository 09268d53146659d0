#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core_bytes.h"
#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/core_scan.h"

#define PANIC_HEAD "panic(cpu 1 caller 0xffffff8017a00000): test\nBacktrace (CPU 1), Frame : Return Address\n"
#define PANIC_TAIL "Kernel version:\n" KERNEL "\nSystem uptime in nanoseconds: 12\n"
#define STEXT "stext=0xffffff8017400000"

static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};

static struct core_bytes bytes;
static struct core_file core;
static struct core_identity id;

static int file_of(const void *data, size_t size)
{
	char name[] = "/tmp/test_core.XXXXXX";
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	return fd;
}

static void open_core(size_t size)
{
	assert_null(core_file_open_fd(file_of(bytes.b, size), &core));
}

static void identify(void)
{
	open_core(bytes.end);
	assert_null(core_identify(&core, &forever, &id));
}

static int done(void **state)
{
	(void)state;
	core_identity_deinit(&id);
	core_file_close(&core);
	return 0;
}

static void assert_kernel(void)
{
	assert_string_equal(id.version.text, KERNEL);
	assert_string_equal(id.version.xnu, "7195.141.2~5");
	assert_string_equal(id.version.variant, "RELEASE_X86_64");
	assert_string_equal(id.uuid, UUID);
	assert_true(id.has_load_address && id.has_slide);
	assert_true(id.load_address == TEXT);
	assert_int_equal(id.slide, SLIDE);
}

static void reads_memory_across_segments(void **state)
{
	(void)state;
	char back[16];
	core_begin(&bytes);
	uint8_t *high = core_pages(&bytes, TEXT + PAGE, 1); /* not sorted in the file */
	uint8_t *low = core_pages(&bytes, TEXT, 1);
	core_pages(&bytes, TEXT + 4 * PAGE, 1);
	memcpy(low + PAGE - 4, "abcd", 4);
	memcpy(high, "efgh", 4);
	memcpy(high + PAGE - 4, "last", 4);
	core_thread(&bytes, 0x1000);
	core_thread(&bytes, 0x2000);
	open_core(bytes.end);
	assert_int_equal(core.segment_count, 3);
	assert_int_equal(core.memory, 3 * PAGE);
	assert_false(core.truncated);
	assert_int_equal(core_file_read(&core, TEXT + PAGE - 4, back, 8), 8);
	assert_memory_equal(back, "abcdefgh", 8);
	assert_int_equal(core_file_read(&core, TEXT + 2 * PAGE - 4, back, 8), 4); /* a gap follows */
	assert_memory_equal(back, "last", 4);
	assert_int_equal(core_file_read(&core, TEXT - 1, back, 8), 0);
	assert_int_equal(core_file_read(&core, UINT64_MAX - 3, back, 8), 0);
	assert_int_equal(core.thread_count, 2);
	assert_int_equal(core.threads[1].count, 21);
	assert_int_equal(core.threads[1].registers[16], 0x2010);
	assert_string_equal(core.threads[0].names[16], "rip");
	assert_string_equal(core.threads[0].names[7], "rsp");
}

static void takes_lc_ident(void **state)
{
	(void)state;
	core_begin(&bytes);
	core_ident(&bytes, KERNEL "; UUID=" UUID "; " STEXT);
	put_kernel_header(core_pages(&bytes, TEXT, 1), TEXT);
	identify();
	assert_kernel();
	assert_string_equal(id.source, "LC_IDENT");
	assert_true(id.header_seen);
	assert_string_equal(id.memory_uuid, UUID);
	assert_false(id.uuid_mismatch);
}

static void takes_notes(void **state)
{
	(void)state;
	char version[300] = {1, 0, 0, 0};
	uint8_t spec[40] = {1, 0, 0, 0, 1, 0, 0, 0};

	put_text(version + 4, KERNEL "; UUID=" UUID "; " STEXT);
	w64(spec + 8, TEXT);
	memcpy(spec + 16, uuid_bytes, 16);
	core_begin(&bytes);
	core_pages(&bytes, 0xffffff8020000000, 1);
	core_note(&bytes, "kern ver str", version, 4 + strlen(version + 4) + 1);
	identify();
	assert_kernel();
	assert_false(id.header_seen); /* it was not dumped */
	done(NULL);

	core_begin(&bytes);
	core_pages(&bytes, 0xffffff8020000000, 1);
	core_note(&bytes, "main bin spec", spec, sizeof spec);
	identify();
	assert_string_equal(id.source, "main bin spec");
	assert_string_equal(id.uuid, UUID);
	assert_true(id.load_address == TEXT);
	done(NULL);

	w64(spec + 8, UINT64_MAX); /* address not known: memory says */
	core_begin(&bytes);
	core_note(&bytes, "main bin spec", spec, sizeof spec);
	bytes.end = 2 * PAGE;
	put_kernel_header(core_pages(&bytes, TEXT, 1), TEXT);
	identify();
	assert_true(id.load_address == TEXT);
	done(NULL);

	spec[4] = 2; /* not a kernel's */
	core_begin(&bytes);
	core_note(&bytes, "main bin spec", spec, sizeof spec);
	identify();
	assert_string_equal(id.uuid, "");
	assert_false(id.has_load_address);
}

static void searches_memory_without_notes(void **state)
{
	(void)state;
	core_begin(&bytes);
	uint8_t *other = core_pages(&bytes, 0xffffff8010000000, 2);
	put_text(other + 100, "Darwin Kernel Version %s"); /* a format string is not a version */
	put_header(other + PAGE, 2, 0, 0);                 /* a program, not the kernel */
	uint8_t *text = core_pages(&bytes, TEXT, 2);
	put_kernel_header(text, TEXT);
	put_text(text + PAGE - 20, KERNEL);
	identify();
	assert_kernel();
	assert_string_equal(id.source, "memory");
	assert_null(id.panic_text);
}

static void tells_a_different_uuid(void **state)
{
	(void)state;
	core_begin(&bytes);
	core_ident(&bytes, KERNEL "; UUID=00000000-1111-3222-8333-0123456789AB; " STEXT);
	put_kernel_header(core_pages(&bytes, TEXT, 1), TEXT);
	identify();
	assert_true(id.uuid_mismatch);
	assert_string_equal(id.memory_uuid, UUID);
	assert_string_equal(id.uuid, "00000000-1111-3222-8333-0123456789AB");
}

static void prefers_the_most_complete_panic_text(void **state)
{
	(void)state;
	core_begin(&bytes);
	uint8_t *p = core_pages(&bytes, 0xffffff8020000000, 4);
	put_text(p + 16, "panic(cpu %d caller 0x%016llx): "); /* the kernel's format string */
	put_text(p + 200, "panic(cpu 0 caller 0xffffff8000000001): old scrap");
	put_text(p + PAGE - 30, PANIC_HEAD PANIC_TAIL);
	put_text(p + 3 * PAGE, PANIC_HEAD);
	identify();
	assert_string_equal(id.panic_text, PANIC_HEAD PANIC_TAIL);
	assert_int_equal(id.panic_size, strlen(PANIC_HEAD PANIC_TAIL));
	assert_true(id.panic_address == 0xffffff8020000000 + PAGE - 30);
	assert_false(id.panic_header);
	assert_int_equal(id.panic_hits, 3);
}

/* struct macos_panic_header: 0 magic, 4 crc, 8 version, 16 flags, 24 log offset, 28 log length */
static void takes_the_panic_header(void **state)
{
	(void)state;
	static const char noise[] = "mp_kdp_enter() timed-out on cpu 3\n";
	core_begin(&bytes);
	uint8_t *p = core_pages(&bytes, 0xffffff8020000000, 2);
	put_text(p, PANIC_HEAD PANIC_TAIL); /* the message buffer's copy */
	memcpy(p + 2048, "DEED", 4);        /* a stray magic: offset 0 */
	uint8_t *head = p + PAGE;
	memcpy(head, "DEED", 4);
	w32(head + 8, 2);
	w32(head + 24, 0x80);
	w32(head + 28, (uint32_t)strlen(PANIC_HEAD PANIC_TAIL) + sizeof noise - 1);
	put_text(head + 0x80, noise);
	put_text(head + 0x80 + strlen(noise), PANIC_HEAD PANIC_TAIL "beyond the length");
	identify();
	assert_true(id.panic_header);
	assert_true(id.panic_address == 0xffffff8020000000 + PAGE + 0x80);
	assert_memory_equal(id.panic_text, noise, sizeof noise - 1);
	assert_string_equal(id.panic_text + sizeof noise - 1, PANIC_HEAD PANIC_TAIL);
	done(NULL);

	w32(head + 28, 0); /* died before the length was filled in */
	identify();
	assert_true(id.panic_header);
	assert_non_null(strstr(id.panic_text, "beyond the length"));
}

static void flags_cut_cores_at_every_point(void **state)
{
	(void)state;
	struct pl_error *e;
	core_begin(&bytes);
	core_ident(&bytes, KERNEL "; UUID=" UUID "; " STEXT);
	put_kernel_header(core_pages(&bytes, TEXT, 3), TEXT);
	core_thread(&bytes, 1);
	for (size_t cut = 0; cut < bytes.end; cut += cut < PAGE ? 7 : 777) {
		e = core_file_open_fd(file_of(bytes.b, cut), &core);
		if (cut < 32) {
			assert_non_null(e);
			assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
			pl_error_free(e);
			continue;
		}
		assert_null(e);
		assert_true(core.truncated);
		if (cut >= PAGE)
			assert_int_equal(core.missing, bytes.end - cut);
		assert_null(core_identify(&core, &forever, &id));
		if (cut >= 2 * PAGE)
			assert_kernel();
		done(NULL);
	}
}

static void survives_hostile_headers(void **state)
{
	(void)state;
	struct pl_error *e;

	core_begin(&bytes);
	core_pages(&bytes, UINT64_MAX - PAGE + 2, 1); /* wraps */
	core_pages(&bytes, TEXT, 1);
	uint8_t *p = core_command(&bytes, 0x19, 72);
	put_segment(p, "", TEXT + 64 * PAGE, UINT64_MAX, UINT64_MAX - 5, UINT64_MAX); /* offset past all */
	p = core_command(&bytes, 0x31, 40);
	memcpy(p, "kern ver str", 12);
	w64(p + 16, UINT64_MAX);
	w64(p + 24, UINT64_MAX);
	w32(core_command(&bytes, 4, 16), 4);          /* a thread with no registers */
	w32(core_command(&bytes, 4, 16) + 4, 0xffff); /* and one that claims too many */
	core_command(&bytes, 0x99, 7);                /* smaller than its own head */
	identify();
	assert_int_equal(core.segment_count, 1);
	assert_true(core.thread_count <= 1);
	assert_non_null(core.damage);
	done(NULL);

	w32(bytes.b + 20, 0xffffffff);
	e = core_file_open_fd(file_of(bytes.b, bytes.end), &core);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	pl_error_free(e);
	w32(bytes.b + 20, 100);
	w32(bytes.b + 12, 2);
	e = core_file_open_fd(file_of(bytes.b, bytes.end), &core);
	assert_non_null(strstr(pl_error_what(e), "not a core"));
	pl_error_free(e);
}

static bool count_bytes(void *arg, const struct core_window *w)
{
	*(uint64_t *)arg += w->size;
	return false;
}

/* Many segments over the same bytes: bounded by the file's size. */
static void overlapping_segments_end(void **state)
{
	(void)state;
	uint64_t seen = 0;
	core_begin(&bytes);
	for (uint64_t i = 0; i < 50; i++)
		put_segment(core_command(&bytes, 0x19, 72), "", TEXT + i * 16 * PAGE, 8 * PAGE, 0, 8 * PAGE);
	bytes.end = 8 * PAGE;
	identify();
	assert_int_equal(core.segment_count, 50);
	assert_null(core_scan(&core, &forever, count_bytes, &seen));
	assert_int_equal(seen, 16 * PAGE);
}

/* Format strings, however many, do not use up what is tried. */
static void format_strings_do_not_hide_the_panic(void **state)
{
	(void)state;
	core_begin(&bytes);
	uint8_t *p = core_pages(&bytes, 0xffffff8020000000, 20);
	for (size_t i = 0; i < 4000; i++)
		memcpy(p + i * 16, "panic(cpu %d", 13);
	put_text(p + 18 * PAGE, PANIC_HEAD);
	identify();
	assert_string_equal(id.panic_text, PANIC_HEAD);
}

static void decodes_i386(void **state)
{
	(void)state;
	uint8_t b[28 + 56 + 16 + 64] = {0};
	w32(b, 0xfeedface);
	w32(b + 4, 7);
	w32(b + 12, 4);
	w32(b + 16, 2);
	w32(b + 20, 56 + 80);
	w32(b + 28, 1); /* LC_SEGMENT */
	w32(b + 32, 56);
	w32(b + 52, 0x200000);
	w32(b + 56, 16);
	w32(b + 60, 28);
	w32(b + 64, 16);
	w32(b + 84, 4); /* LC_THREAD */
	w32(b + 88, 80);
	w32(b + 92, 1); /* x86_THREAD_STATE32, 16 words */
	w32(b + 96, 16);
	for (uint32_t i = 0; i < 16; i++)
		w32(b + 100 + 4 * i, 0x500 + i);
	assert_null(core_file_open_fd(file_of(b, sizeof b), &core));
	assert_string_equal(macho_arch(core.header.cpu_type), "i386");
	assert_int_equal(core.segment_count, 1);
	assert_true(core.segments[0].vmaddr == 0x200000);
	assert_int_equal(core.thread_count, 1);
	assert_int_equal(core.threads[0].registers[10], 0x50a);
	assert_string_equal(core.threads[0].names[10], "eip");
	assert_null(core_identify(&core, &forever, &id));
	assert_false(id.has_slide);
}

/* core_kernel_uuid() of the first `size` bytes, which leaves the descriptor open. */
static bool uuid_of(size_t size, char uuid[static 37])
{
	int fd = file_of(bytes.b, size);
	bool known = core_kernel_uuid(fd, uuid);
	assert_int_equal(close(fd), 0);
	return known;
}

static void finds_the_uuid_alone(void **state)
{
	(void)state;
	char uuid[37];
	uint8_t spec[40] = {1, 0, 0, 0, 1, 0, 0, 0};
	core_begin(&bytes);
	core_ident(&bytes, KERNEL "; UUID=" UUID "; " STEXT);
	core_pages(&bytes, TEXT, 1);
	assert_true(uuid_of(bytes.end, uuid));
	assert_string_equal(uuid, UUID);

	memcpy(spec + 16, uuid_bytes, 16);
	core_begin(&bytes);
	core_note(&bytes, "main bin spec", spec, sizeof spec);
	assert_true(uuid_of(bytes.end, uuid));
	assert_string_equal(uuid, UUID);

	core_begin(&bytes);
	core_pages(&bytes, 0xffffff8010000000, 5);
	put_kernel_header(core_pages(&bytes, TEXT, 1), TEXT);
	assert_true(uuid_of(bytes.end, uuid));
	assert_string_equal(uuid, UUID);
}

static void finds_no_uuid(void **state)
{
	(void)state;
	char uuid[37];
	core_begin(&bytes);
	put_header(core_pages(&bytes, TEXT, 2), 2, 0, 0); /* a program, not the kernel */
	assert_false(uuid_of(bytes.end, uuid));
	assert_string_equal(uuid, "");
	assert_false(uuid_of(0, uuid));
	put_text(bytes.b, "no core at all, but longer than a Mach header");
	assert_false(uuid_of(100, uuid));
	assert_string_equal(uuid, "");
	put_text(uuid, UUID);
	assert_false(core_kernel_uuid(-1, uuid));
	assert_string_equal(uuid, "");
}

/* While it grows the UUID is unknown or right, and once known it stays. */
static void finds_the_uuid_of_a_growing_core(void **state)
{
	(void)state;
	char uuid[37];
	for (int ident = 0; ident < 2; ident++) {
		bool before = false;
		core_begin(&bytes);
		if (ident)
			core_ident(&bytes, KERNEL "; UUID=" UUID "; " STEXT);
		core_pages(&bytes, 0xffffff8010000000, 1);
		put_kernel_header(core_pages(&bytes, TEXT, 2), TEXT);
		for (size_t size = 0; size <= bytes.end; size += 7) {
			bool known = uuid_of(size, uuid);
			assert_string_equal(uuid, known ? UUID : "");
			assert_true(known || !before);
			before = known;
		}
		assert_true(before);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, done)
	const struct CMUnitTest tests[] = {
		T(reads_memory_across_segments),
		T(takes_lc_ident),
		T(takes_notes),
		T(searches_memory_without_notes),
		T(tells_a_different_uuid),
		T(prefers_the_most_complete_panic_text),
		T(takes_the_panic_header),
		T(flags_cut_cores_at_every_point),
		T(survives_hostile_headers),
		T(overlapping_segments_end),
		T(format_strings_do_not_hide_the_panic),
		T(decodes_i386),
		cmocka_unit_test(finds_the_uuid_alone),
		cmocka_unit_test(finds_no_uuid),
		cmocka_unit_test(finds_the_uuid_of_a_growing_core),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
