/* Headers of on-disk core files, made byte by byte in image_bytes.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "image_bytes.h"
#include "orchestrator/core/kdumpimg.h"

static struct kdumpimg k;

/* From memory of exactly that size, so that the sanitizers see a byte too far. */
static bool decode(const void *bytes, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	memcpy(exact, bytes, size);
	bool is = kdumpimg_decode(exact, size, &k);
	free(exact);
	return is;
}

static void reads_version_1_in_both_orders(void **state)
{
	(void)state;
	uint8_t b[544];

	for (int big = 0; big < 2; big++) {
		image_v1(b, big, 0x1000, 0x123, 2);
		image_v1_file(b, big, 0, 0x2000, 0x345678, "kernel");
		image_v1_file(b, big, 1, UINT64_MAX, UINT64_MAX - 1, "panic_stackshot.");
		assert_true(decode(b, sizeof b));
		assert_int_equal(k.version, 1);
		assert_int_equal(k.declared_version, 1);
		assert_int_equal(k.big_endian, big);
		assert_true(k.complete);
		assert_int_equal(k.size, 544);
		assert_int_equal(k.log_offset, 0x1000);
		assert_int_equal(k.log_length, 0x123);
		assert_int_equal(k.claimed, 2);
		assert_int_equal(k.file_count, 2);
		assert_string_equal(k.files[0].name, "kernel");
		assert_int_equal(k.files[0].offset, 0x2000);
		assert_int_equal(k.files[0].length, 0x345678);
		assert_string_equal(k.files[1].name, "panic_stackshot.");
		assert_true(k.files[1].offset == UINT64_MAX && k.files[1].length == UINT64_MAX - 1);
	}
}

static void reads_version_2(void **state)
{
	(void)state;
	uint8_t b[64 + 2 * 40];

	image_v2(b, 0x101, 0x4000, 0x55, 2);
	image_v2_key(b, 0x7000, 97);
	image_v2_file(b, 0, 0x100, 0x5000, 0x66, "kernel");
	image_v2_file(b, 1, 0x201, 0x6000, 0x77, "AOP");
	assert_true(decode(b, sizeof b));
	assert_int_equal(k.version, 2);
	assert_int_equal(k.declared_version, 2);
	assert_false(k.big_endian);
	assert_true(k.complete);
	assert_int_equal(k.size, sizeof b);
	assert_int_equal(k.flags, 0x101);
	assert_int_equal(k.key_offset, 0x7000);
	assert_int_equal(k.key_length, 97);
	assert_int_equal(k.log_offset, 0x4000);
	assert_int_equal(k.log_length, 0x55);
	assert_string_equal(k.files[0].name, "kernel");
	assert_int_equal(k.files[0].flags, 0x100);
	assert_int_equal(k.files[1].flags, 0x201);
	assert_int_equal(k.files[1].offset, 0x6000);
	assert_int_equal(k.files[1].length, 0x77);
	image_put(b + 8, 3, 4, false);
	assert_true(decode(b, sizeof b));
	assert_int_equal(k.declared_version, 3);
}

static void stops_at_the_end_of_the_bytes(void **state)
{
	(void)state;
	uint8_t b[544], c[64 + 3 * 40];

	image_v1(b, false, 0x1000, 0x123, 2);
	for (size_t size = 0; size < sizeof b; size++) {
		assert_int_equal(decode(b, size), size >= 32);
		assert_false(k.complete);
		assert_int_equal(k.file_count, size < 32 ? 0 : size < 64 ? 0 : size < 96 ? 1 : 2);
	}
	image_v2(c, 0, 0, 0, 3);
	for (size_t size = 0; size <= sizeof c; size++) {
		assert_int_equal(decode(c, size), size >= 64);
		assert_int_equal(k.file_count, size < 64 ? 0 : (size - 64) / 40);
		assert_int_equal(k.complete, size == sizeof c);
	}
}

static void takes_no_more_files_than_there_can_be(void **state)
{
	(void)state;
	static const uint64_t claims[] = {17, UINT32_MAX, UINT64_MAX};
	uint8_t *b = calloc(1, KDUMPIMG_HEAD + 4096);

	for (size_t i = 0; i < 3; i++) {
		image_v1(b, i == 1, 0, 0, claims[i]);
		assert_true(decode(b, KDUMPIMG_HEAD + 4096));
		assert_int_equal(k.file_count, 16);
		assert_false(k.complete);
		assert_true(k.claimed == claims[i]);
	}
	image_v2(b, 0, 0, 0, UINT64_MAX);
	assert_true(decode(b, KDUMPIMG_HEAD + 4096));
	assert_int_equal(k.file_count, 256);
	assert_false(k.complete);
	image_v2(b, 0, 0, 0, 256);
	assert_true(decode(b, 64 + 256 * 40));
	assert_true(k.complete);
	free(b);
}

static void knows_what_is_not_one(void **state)
{
	(void)state;
	uint8_t b[544];

	image_v1(b, false, 0, 0, 0);
	b[7] = 1;
	assert_false(decode(b, sizeof b));
	memset(b, 0, sizeof b);
	assert_false(decode(b, sizeof b));
	memcpy(b, "caM ssoB", 8); /* version 2 is little-endian only */
	assert_false(decode(b, sizeof b));
	assert_false(decode("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_version_1_in_both_orders),
		cmocka_unit_test(reads_version_2),
		cmocka_unit_test(stops_at_the_end_of_the_bytes),
		cmocka_unit_test(takes_no_more_files_than_there_can_be),
		cmocka_unit_test(knows_what_is_not_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
