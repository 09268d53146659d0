/* Mach-O files, thin and fat, by hand-made bytes (mach-o/loader.h, mach-o/fat.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kdk_bytes.h"
#include "orchestrator/core/macho_file.h"

static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
static struct macho_file f;

static void be32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* One entry of a fat file's table: cputype, cpusubtype, offset, size, align. */
static void put_slice(uint8_t *fat, size_t i, uint32_t cpu, uint32_t offset, uint32_t size)
{
	uint8_t *p = fat + 8 + 20 * i;
	be32(p, cpu);
	be32(p + 4, 3);
	be32(p + 8, offset);
	be32(p + 12, size);
	be32(p + 16, 12);
}

static void refuse(const char *what)
{
	struct pl_error *e = macho_file_read(kit_path("f"), &f);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	assert_non_null(strstr(pl_error_what(e), what));
	pl_error_free(e);
}

static void reads_each_architecture(void **state)
{
	(void)state;
	static uint8_t fat[4 * PAGE];

	memset(fat, 0, sizeof fat);
	be32(fat, 0xcafebabe);
	be32(fat + 4, 2);
	put_slice(fat, 0, 7, PAGE, PAGE);
	put_slice(fat, 1, 0x01000007, 2 * PAGE, 2 * PAGE);
	put_kernel_header(fat + PAGE, 0x200000);
	w32(fat + PAGE + 4, 7);
	fat[PAGE + 32 + 72 + 72 + 8 + 15] = 0x07;
	put_kernel_header(fat + 2 * PAGE, 0xffffff8000200000);
	fat[2 * PAGE + 32 + 72 + 72 + 8 + 15] = 0x64;
	put_text(fat + 3 * PAGE, KERNEL);
	kit_file("f", fat, sizeof fat);
	assert_null(macho_file_read(kit_path("f"), &f));
	assert_int_equal(f.count, 2);
	assert_int_equal(f.bytes, sizeof fat);
	assert_string_equal(f.parts[0].uuid, KIT_UUID("07"));
	assert_string_equal(macho_arch(f.parts[0].header.cpu_type), "i386");
	assert_int_equal(f.parts[1].offset, 2 * PAGE);
	assert_int_equal(f.parts[1].text, 0xffffff8000200000);
	assert_ptr_equal(macho_file_uuid(&f, KIT_UUID("64")), &f.parts[1]);
	assert_null(macho_file_uuid(&f, KIT_UUID("65")));
	assert_null(macho_file_uuid(&f, ""));

	struct kernel_version v;
	FILE *in = fopen(kit_path("f"), "rb");
	assert_non_null(in);
	assert_null(macho_find_version(fileno(in), PAGE, 2 * PAGE, &forever, &v));
	assert_string_equal(v.text, "");
	assert_null(macho_find_version(fileno(in), 2 * PAGE, sizeof fat, &forever, &v));
	assert_string_equal(v.text, KERNEL);
	fclose(in);
	/* the format that a kernel prints it with */
	static const char format[] = "Darwin Kernel Version %d.%d.%d: root:xnu-%s/RELEASE";
	assert_false(kernel_version_parse(format, strlen(format), &v));
	assert_string_equal(v.text, "");

	put_slice(fat, 1, 0x01000007, 2 * PAGE, 2 * PAGE + 1);
	kit_file("f", fat, sizeof fat);
	refuse("cut short");
	put_slice(fat, 1, 0x01000007, 3 * PAGE, PAGE);
	kit_file("f", fat, sizeof fat);
	refuse("not a Mach-O file");
	be32(fat + 4, 33);
	kit_file("f", fat, sizeof fat);
	refuse("not a Mach-O file");
}

/* A segment's command with two sections in it. */
static void finds_where_the_code_is(void **state)
{
	(void)state;
	static uint8_t b[PAGE];

	memset(b, 0, sizeof b);
	put_header(b, 0xb, 1, 72 + 2 * 80);
	uint8_t *p = b + 32;
	w32(p, 0x19);
	w32(p + 4, 72 + 2 * 80);
	put_segment(p + 8, "__TEXT", 0x1000, PAGE, 0, PAGE);
	w32(p + 64, 2);
	for (size_t i = 0; i < 2; i++) {
		uint8_t *s = p + 72 + 80 * i;
		memcpy(s, i == 0 ? "__const" : "__text", 7);
		memcpy(s + 16, "__TEXT", 7);
		w64(s + 32, 0x1200 + 0x200 * i);
	}
	kit_file("f", b, sizeof b);
	assert_null(macho_file_read(kit_path("f"), &f));
	assert_int_equal(f.parts[0].text, 0x1000);
	assert_int_equal(f.parts[0].code, 0x1400);
	/* without the second one: the segment's start */
	w32(p + 64, 1);
	kit_file("f", b, sizeof b);
	assert_null(macho_file_read(kit_path("f"), &f));
	assert_int_equal(f.parts[0].code, 0x1000);
	/* more than there are: no further than the command */
	memcpy(p + 72 + 80, "__data", 7);
	w32(p + 64, UINT32_MAX);
	kit_file("f", b, sizeof b);
	assert_null(macho_file_read(kit_path("f"), &f));
	assert_int_equal(f.parts[0].code, 0x1000);
}

static void reads_no_other_things(void **state)
{
	(void)state;
	struct pl_error *e = macho_file_read(kit_path("none"), &f);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_free(e);
	assert_int_equal(mkfifo(kit_path("f"), 0600), 0);
	refuse("not a regular file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_each_architecture),
		TEST(finds_where_the_code_is),
		TEST(reads_no_other_things),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
