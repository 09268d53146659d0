/* The core as a file, read back by the Mach-O layout (<mach-o/loader.h>), not by the code that wrote it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/reader.h"
#include "tests/simlab/core_build.h"

#define assert_ok(e) assert_null(e)

struct file {
	uint8_t *bytes;
	size_t size; /* so far */
	size_t at;
	size_t max;
	unsigned seeks;
	bool went_back;
};

static struct pl_error *file_write(void *arg, const void *bytes, size_t size)
{
	struct file *f = arg;
	assert_true(f->at + size <= f->max);
	memcpy(f->bytes + f->at, bytes, size);
	f->at += size;
	if (f->at > f->size)
		f->size = f->at;
	return NULL;
}

static struct pl_error *file_seek(void *arg, uint64_t offset)
{
	struct file *f = arg;
	f->went_back = f->went_back || offset < f->at;
	f->at = (size_t)offset;
	f->seeks++;
	return NULL;
}

static struct kernel_desc desc;
static struct panic panic;
static struct core_places places;
static struct file file;

static void build(bool seeks)
{
	struct core *core = NULL;
	struct core_stats stats;
	memset(&file, 0, sizeof(file));
	assert_ok(panic_make(&desc, PANIC_DTRACE, NULL, NULL, &panic));
	assert_ok(core_create(&desc, &panic, &core));
	core_stats(core, &stats);
	core_places(core, &places);
	file.max = (size_t)stats.file_size;
	file.bytes = calloc(1, file.max);
	const struct core_sink sink = {.write = file_write, .seek = seeks ? file_seek : NULL, .arg = &file};
	assert_ok(core_write(core, &sink));
	assert_int_equal(file.size, stats.file_size);
	core_destroy(core);
}

static void discard(void)
{
	free(file.bytes);
	panic_deinit(&panic);
}

static int setup(void **state)
{
	(void)state;
	kernel_desc_default(&desc);
	desc.core_size = 4 << 20;
	return 0;
}

/* A reader at the n-th load command with that number; false when there is none. */
static bool command(uint32_t number, unsigned n, struct pl_reader *ret)
{
	struct pl_reader r = pl_reader_le(file.bytes, file.size);
	pl_read_skip(&r, 16);
	uint32_t count = pl_read_u32(&r);
	pl_read_seek(&r, 32);
	for (uint32_t i = 0; i < count; i++) {
		size_t at = r.pos;
		uint32_t cmd = pl_read_u32(&r);
		uint32_t size = pl_read_u32(&r);
		if (cmd == number && n-- == 0) {
			pl_read_seek(&r, at);
			*ret = r;
			return true;
		}
		pl_read_seek(&r, at + size);
	}
	return false;
}

/* Memory through the segments, as a debugger sees it. */
static const uint8_t *memory(uint64_t address, size_t size)
{
	struct pl_reader r;
	for (unsigned i = 0; command(0x19, i, &r); i++) {
		pl_read_skip(&r, 24);
		uint64_t vmaddr = pl_read_u64(&r);
		uint64_t vmsize = pl_read_u64(&r);
		uint64_t offset = pl_read_u64(&r);
		if (address >= vmaddr && address + size <= vmaddr + vmsize) {
			assert_true(offset + vmsize <= file.size);
			return file.bytes + offset + (address - vmaddr);
		}
	}
	fail_msg("no memory at 0x%llx", (unsigned long long)address);
	return NULL;
}

static uint64_t memory_u64(uint64_t address)
{
	struct pl_reader r = pl_reader_le(memory(address, 8), 8);
	return pl_read_u64(&r);
}

static void test_header(void **state)
{
	(void)state;
	build(false);
	struct pl_reader r = pl_reader_le(file.bytes, file.size);
	assert_int_equal(pl_read_u32(&r), 0xfeedfacf);
	assert_int_equal(pl_read_u32(&r), 0x01000007);
	pl_read_skip(&r, 4);
	assert_int_equal(pl_read_u32(&r), 4); /* MH_CORE */
	pl_read_skip(&r, 4);
	uint32_t size = pl_read_u32(&r);
	assert_int_equal(pl_read_u32(&r), 0); /* flags */
	/* data begins at the next page */
	assert_true(command(0x19, 0, &r));
	pl_read_skip(&r, 40);
	assert_int_equal(pl_read_u64(&r), (32 + size + 4095) / 4096 * 4096);
	assert_true(file.size >= (4 << 20) - (1 << 16) && file.size <= (4 << 20) + (1 << 16));
	discard();
}

static void test_segments(void **state)
{
	(void)state;
	static const uint8_t no_name[16];
	struct pl_reader r;
	uint64_t last = 0, offset = 0;
	build(false);
	for (unsigned i = 0; command(0x19, i, &r); i++) {
		pl_read_skip(&r, 4);
		assert_int_equal(pl_read_u32(&r), 72);
		assert_memory_equal(pl_read_bytes(&r, 16), no_name, 16);
		uint64_t address = pl_read_u64(&r), size = pl_read_u64(&r), at = pl_read_u64(&r);
		assert_true(address >= last);
		assert_int_equal(address % 4096 | size % 4096 | at % 4096, 0);
		if (i > 0)
			assert_int_equal(at, offset);
		assert_int_equal(pl_read_u64(&r), size);
		assert_int_equal(pl_read_u32(&r), 1);
		assert_int_equal(pl_read_u32(&r), 1);
		assert_int_equal(pl_read_u32(&r), 0);
		last = address + size;
		offset = at + size;
	}
	assert_int_equal(offset, file.size);
	discard();
}

static void test_ident(void **state)
{
	(void)state;
	struct pl_reader r;
	build(false);
	assert_true(command(8, 0, &r));
	pl_read_skip(&r, 4);
	assert_int_equal(pl_read_u32(&r), 264);
	assert_string_equal(pl_read_cstr(&r, 256, NULL),
		"Darwin Kernel Version 16.7.0: Thu Jun 15 17:36:27 PDT 2017; "
		"root:xnu-3789.70.16~2/RELEASE_X86_64"
		"; UUID=01234567-89AB-3CDE-8F01-23456789ABCD; stext=0xffffff8017400000");
	assert_false(command(0x31, 0, &r));
	discard();
}

static int setup_uuid(void **state)
{
	setup(state);
	return kernel_desc_set(&desc, "uuid", "01234567-89AB-3CDE-8F01-23456789ABCD") != NULL;
}

static void test_main_bin_spec(void **state)
{
	(void)state;
	struct pl_reader r;
	assert_ok(kernel_desc_set(&desc, "version",
		"Darwin Kernel Version 21.6.0: now; root:xnu-8020.140.41~1/RELEASE_X86_64"));
	build(false);
	assert_false(command(8, 0, &r));
	assert_true(command(0x31, 0, &r));
	pl_read_skip(&r, 4);
	assert_int_equal(pl_read_u32(&r), 40);
	assert_memory_equal(pl_read_bytes(&r, 16), "main bin spec\0\0\0", 16);
	uint64_t offset = pl_read_u64(&r), size = pl_read_u64(&r);
	assert_int_equal(offset + size, file.size); /* payloads come last */
	r = pl_reader_le(file.bytes + offset, (size_t)size);
	assert_int_equal(pl_read_u32(&r), 1);
	assert_int_equal(pl_read_u32(&r), 1);
	assert_int_equal(pl_read_u64(&r), UINT64_C(0xffffff8017400000));
	assert_memory_equal(pl_read_bytes(&r, 16), desc.uuid, 16);
	assert_int_equal(pl_read_u32(&r), 12);
	discard();
}

static void test_kernel_header_in_memory(void **state)
{
	(void)state;
	build(false);
	assert_int_equal(places.header, UINT64_C(0xffffff8000200000) + 0x17200000);
	struct pl_reader r = pl_reader_le(memory(places.header, 4096), 4096);
	assert_int_equal(pl_read_u32(&r), 0xfeedfacf);
	pl_read_skip(&r, 8);
	assert_int_equal(pl_read_u32(&r), 2); /* MH_EXECUTE */
	uint32_t count = pl_read_u32(&r);
	pl_read_skip(&r, 4);
	assert_int_equal(pl_read_u32(&r) & 4, 0); /* MH_DYLDLINK */
	pl_read_seek(&r, 32);
	bool kld = false, uuid = false;
	for (uint32_t i = 0; i < count; i++) {
		size_t at = r.pos;
		uint32_t cmd = pl_read_u32(&r), size = pl_read_u32(&r);
		if (cmd == 0x19) {
			kld = kld || memcmp(pl_read_bytes(&r, 16), "__KLD\0", 6) == 0;
			pl_read_seek(&r, at + 24);
			uint64_t address = pl_read_u64(&r);
			assert_non_null(
				memory(address, (size_t)pl_read_u64(&r))); /* all of it present, slid */
		} else if (cmd == 0x1b) {
			uuid = memcmp(pl_read_bytes(&r, 16), desc.uuid, 16) == 0;
		}
		pl_read_seek(&r, at + size);
	}
	assert_true(kld);
	assert_true(uuid);
	discard();
}

static void test_strings_in_memory(void **state)
{
	(void)state;
	build(false);
	assert_string_equal((const char *)memory(places.version, 192), desc.version);
	assert_string_equal((const char *)memory(places.boot_args, 64), desc.boot_args);
	uint64_t base = memory_u64(places.debug_buf_base), end = memory_u64(places.debug_buf_ptr);
	assert_int_equal(end - base, strlen(panic.text));
	assert_memory_equal(memory(base, (size_t)(end - base)), panic.text, end - base);
	assert_memory_equal(memory(base, 10), "panic(cpu ", 10);
	discard();
}

static void test_panic_header_since_10_13(void **state)
{
	(void)state;
	assert_ok(kernel_desc_set(
		&desc, "version", "Darwin Kernel Version 17.7.0: now; root:xnu-4570.71.2~1/RELEASE_X86_64"));
	build(false);
	uint64_t base = memory_u64(places.debug_buf_base);
	struct pl_reader r = pl_reader_le(memory(base, 4096), 4096);
	assert_memory_equal(memory(base, 4), "DEED", 4);
	pl_read_seek(&r, 24);
	uint32_t offset = pl_read_u32(&r), size = pl_read_u32(&r);
	assert_int_equal(size, strlen(panic.text));
	assert_memory_equal(memory(base + offset, size), panic.text, size);
	discard();
}

/* What a debugger does: rbp of the first LC_THREAD, then pairs of (next, return address). */
static void test_frame_walk_gives_the_backtrace(void **state)
{
	(void)state;
	struct pl_reader r;
	build(false);
	assert_true(command(4, 0, &r));
	pl_read_skip(&r, 4);
	assert_int_equal(pl_read_u32(&r), 184);
	assert_int_equal(pl_read_u32(&r), 4);
	assert_int_equal(pl_read_u32(&r), 42);
	pl_read_skip(&r, 6 * 8);
	uint64_t rbp = pl_read_u64(&r);
	char *line = strstr(panic.text, "Return Address\n");
	assert_non_null(line);
	unsigned frames = 0;
	for (line = strchr(line, '\n') + 1; strncmp(line, "0x", 2) == 0; line = strchr(line, '\n') + 1) {
		assert_int_equal(rbp, strtoull(line, NULL, 16));
		assert_int_equal(memory_u64(rbp + 8), strtoull(strstr(line, ": ") + 2, NULL, 16));
		rbp = memory_u64(rbp);
		frames++;
	}
	assert_true(frames >= 10);
	assert_true(rbp < UINT64_C(0x800000000000)); /* out of the kernel */
	assert_true(command(4, 1, &r));              /* a thread for each CPU */
	assert_false(command(4, 2, &r));
	discard();
}

static void test_kext_summaries(void **state)
{
	(void)state;
	build(false);
	uint64_t header = memory_u64(places.kext_summaries);
	struct pl_reader r = pl_reader_le(memory(header, 4096), 4096);
	assert_int_equal(pl_read_u32(&r), 2);
	assert_int_equal(pl_read_u32(&r), 120);
	assert_int_equal(pl_read_u32(&r), desc.kext_count);
	pl_read_skip(&r, 4);
	assert_string_equal(pl_read_cstr(&r, 64, NULL), "com.apple.iokit.IOPCIFamily");
	pl_read_seek(&r, 16 + 64);
	assert_memory_equal(pl_read_bytes(&r, 16), desc.kexts[0].uuid, 16);
	uint64_t address = pl_read_u64(&r);
	assert_int_equal(address, desc.kexts[0].address);
	assert_memory_equal(memory(address, 4), "\xcf\xfa\xed\xfe", 4); /* its own header */
	discard();
}

static void test_seeking_writes_the_same_file(void **state)
{
	(void)state;
	build(false);
	struct file plain = file;
	panic_deinit(&panic);
	build(true);
	assert_true(file.seeks > 20);
	assert_true(file.went_back);
	assert_int_equal(file.size, plain.size);
	assert_memory_equal(file.bytes, plain.bytes, plain.size);
	free(plain.bytes);
	discard();
}

static void test_seed_decides(void **state)
{
	(void)state;
	build(false);
	struct file first = file;
	panic_deinit(&panic);
	build(false);
	assert_memory_equal(file.bytes, first.bytes, first.size);
	discard();
	desc.seed = 2;
	build(false);
	assert_true(memcmp(file.bytes, first.bytes, 1 << 20) != 0);
	free(first.bytes);
	discard();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_header, setup),
		cmocka_unit_test_setup(test_segments, setup),
		cmocka_unit_test_setup(test_ident, setup_uuid),
		cmocka_unit_test_setup(test_main_bin_spec, setup),
		cmocka_unit_test_setup(test_kernel_header_in_memory, setup),
		cmocka_unit_test_setup(test_strings_in_memory, setup),
		cmocka_unit_test_setup(test_panic_header_since_10_13, setup),
		cmocka_unit_test_setup(test_frame_walk_gives_the_backtrace, setup),
		cmocka_unit_test_setup(test_kext_summaries, setup),
		cmocka_unit_test_setup(test_seeking_writes_the_same_file, setup),
		cmocka_unit_test_setup(test_seed_decides, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
