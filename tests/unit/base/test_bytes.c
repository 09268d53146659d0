#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/reader.h"

static void test_buf_limit(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 5);
	assert_string_equal(pl_buf_text(&b), "");
	assert_null(pl_buf_puts(&b, "abc"));
	struct pl_error *e = pl_buf_puts(&b, "def");
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	pl_error_free(e);
	assert_string_equal(pl_buf_text(&b), "abc");
	assert_false(pl_buf_append_capped(&b, "def", 3));
	assert_string_equal(pl_buf_text(&b), "abcde");
	assert_true(pl_buf_append_capped(&b, "", 0));
	pl_buf_consume(&b, 2);
	assert_string_equal(pl_buf_text(&b), "cde");
	pl_buf_consume(&b, 99);
	assert_int_equal(b.size, 0);
	pl_buf_deinit(&b);
}

static void test_buf_take(void **state)
{
	(void)state;
	struct pl_buf b;
	char *text = NULL;
	pl_buf_init(&b, 1000);
	assert_null(pl_buf_printf(&b, "%d-%s", 7, "x"));
	assert_null(pl_buf_take(&b, &text));
	assert_string_equal(text, "7-x");
	assert_int_equal(b.size, 0);
	free(text);
	assert_null(pl_buf_take(&b, &text));
	assert_string_equal(text, "");
	free(text);
	pl_buf_deinit(&b);
}

static void test_reader_orders(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct pl_reader r = pl_reader_be(bytes, sizeof bytes);
	assert_int_equal(pl_read_u16(&r), 0x0102);
	assert_int_equal(pl_read_u32(&r), 0x03040506);
	assert_int_equal(pl_reader_left(&r), 2);
	r = pl_reader_le(bytes, sizeof bytes);
	assert_true(pl_read_u64(&r) == UINT64_C(0x0807060504030201));
	assert_true(pl_reader_ok(&r));
	assert_int_equal(pl_read_u8(&r), 0);
	assert_false(pl_reader_ok(&r));
}

static void test_reader_past_the_end(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {'a', 'b', 0, 'c'};
	struct pl_reader r = pl_reader_be(bytes, sizeof bytes);
	size_t length = 0;
	assert_string_equal(pl_read_cstr(&r, 10, &length), "ab");
	assert_int_equal(length, 2);
	/* No NUL after the c. */
	assert_null(pl_read_cstr(&r, 10, NULL));
	assert_false(pl_reader_ok(&r));
	/* Bad stays bad, even for what would fit. */
	assert_null(pl_read_bytes(&r, 1));
	r = pl_reader_be(bytes, sizeof bytes);
	assert_null(pl_read_cstr(&r, 2, NULL));
	r = pl_reader_be(bytes, sizeof bytes);
	pl_read_skip(&r, SIZE_MAX);
	assert_false(pl_reader_ok(&r));
	r = pl_reader_be(bytes, sizeof bytes);
	pl_read_seek(&r, 4);
	assert_true(pl_reader_ok(&r));
	pl_read_seek(&r, 5);
	assert_false(pl_reader_ok(&r));
	r = pl_reader_be(NULL, 0);
	assert_null(pl_read_cstr(&r, 1, NULL));
}

static void test_put(void **state)
{
	(void)state;
	uint8_t out[14];
	pl_put_be16(out, 0x0102);
	pl_put_be32(out + 2, 0x03040506);
	pl_put_be64(out + 6, UINT64_C(0x0708090a0b0c0d0e));
	static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
	assert_memory_equal(out, expected, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_limit),
		cmocka_unit_test(test_buf_take),
		cmocka_unit_test(test_reader_orders),
		cmocka_unit_test(test_reader_past_the_end),
		cmocka_unit_test(test_put),
	};
	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
