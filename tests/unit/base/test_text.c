#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/wait.h"

static void test_escape(void **state)
{
	(void)state;
	char out[64];
	assert_string_equal(pl_escape_str("plain é", out, sizeof out), "plain é");
	assert_string_equal(pl_escape_str("a\033[31m\n\t\\", out, sizeof out), "a\\x1b[31m\\n\\t\\\\");
	/* C1 control U+009B, an overlong slash, a lone continuation, RLO U+202E. */
	assert_string_equal(pl_escape_str("\xc2\x9b\xc0\xaf\x80\xe2\x80\xae", out, sizeof out),
		"\\xc2\\x9b\\xc0\\xaf\\x80\\xe2\\x80\\xae");
	assert_string_equal(pl_escape_str("0123456789", out, 8), "0123...");
	assert_string_equal(pl_escape_str("0123456", out, 8), "0123456");
	assert_string_equal(pl_escape("a\0b", 3, out, sizeof out), "a\\x00b");
}

static void test_escape_lines(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	assert_null(pl_escape_lines("a\tb\r\nc\rd\n\033", 10, &b));
	assert_string_equal(pl_buf_text(&b), "a\tb\nc\\x0dd\n\\x1b");
	pl_buf_deinit(&b);
}

static void quoted(const char *word, const char *expected)
{
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	assert_null(pl_shell_quote(word, &b));
	assert_string_equal(pl_buf_text(&b), expected);
	pl_buf_deinit(&b);
}

static void test_shell_quote(void **state)
{
	(void)state;
	quoted("plain-1.0/x:y=z", "plain-1.0/x:y=z");
	quoted("", "''");
	quoted("a b", "'a b'");
	quoted("it's", "'it'\\''s'");
	quoted("'", "''\\'''");
	quoted("$(reboot)`x`;\n", "'$(reboot)`x`;\n'");
	/* A tilde and a glob mean something to a shell. */
	quoted("~", "'~'");
	quoted("*", "'*'");
}

static void test_numbers(void **state)
{
	(void)state;
	uint64_t n = 0;
	int64_t t = 0;
	assert_true(pl_parse_size("64M", &n) && n == UINT64_C(64) << 20);
	assert_true(pl_parse_size("3", &n) && n == 3);
	assert_true(pl_parse_size("1g", &n) && n == UINT64_C(1) << 30);
	assert_false(pl_parse_size("", &n) || pl_parse_size("M", &n) || pl_parse_size("1T", &n) ||
		     pl_parse_size("-1", &n));
	assert_false(pl_parse_size("18014398509481984M", &n) || pl_parse_size("99999999999999999999", &n));
	assert_true(pl_parse_time("90", &t) && t == 90 * PL_SECOND);
	assert_true(pl_parse_time("250ms", &t) && t == 250 * PL_MS);
	assert_true(pl_parse_time("200us", &t) && t == 200000);
	assert_true(pl_parse_time("2h", &t) && t == 7200 * PL_SECOND);
	assert_false(
		pl_parse_time("1d", &t) || pl_parse_time(" 1s", &t) || pl_parse_time("9999999999999h", &t));
	assert_true(pl_parse_u64("0x10", 100, &n) && n == 16);
	assert_true(pl_parse_u64("010", 100, &n) && n == 10);
	assert_false(
		pl_parse_u64("101", 100, &n) || pl_parse_u64("+1", 100, &n) || pl_parse_u64("1x", 100, &n));
}

static void test_formats(void **state)
{
	(void)state;
	char out[32];
	assert_string_equal(pl_format_size(1023, out, sizeof out), "1023 B");
	assert_string_equal(pl_format_size(1536, out, sizeof out), "1.5 KiB");
	assert_string_equal(pl_format_size(UINT64_C(3) << 30, out, sizeof out), "3.0 GiB");
	assert_string_equal(pl_format_time(12340 * PL_MS, out, sizeof out), "12.3s");
	assert_string_equal(pl_format_time(245 * PL_SECOND, out, sizeof out), "4m05s");
	static const char *const exact[] = {"90s", "5m", "250ms", "2h", "0ms", "1500us"};
	for (size_t i = 0; i < 6; i++) {
		int64_t t = 0;
		assert_true(pl_parse_time(exact[i], &t));
		assert_string_equal(pl_format_time_exact(t, out, sizeof out), exact[i]);
	}
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const keys[] = {"port", "user", "key", "known_hosts"};
	assert_string_equal(pl_nearest("prot", keys, 4), "port");
	assert_string_equal(pl_nearest("Known-hosts", keys, 4), "known_hosts");
	assert_null(pl_nearest("zzzzzz", keys, 4));
	assert_null(pl_nearest("x", keys, 0));
}

static void test_hex_digit(void **state)
{
	(void)state;
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	for (int i = 0; i < 32; i++)
		assert_int_equal(pl_hex_digit(digits[i]), i % 16);
	for (const char *c = "/:@G`g \xb0"; *c; c++)
		assert_int_equal(pl_hex_digit(*c), -1);
	assert_int_equal(pl_hex_digit('\0'), -1);
}

/* First and last of each length, and what RFC 3629 takes out. */
static void test_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		uint32_t c;
		size_t n;
	} good[] = {{"\x7f", 0x7f, 1}, {"\xc2\x80", 0x80, 2}, {"\xdf\xbf", 0x7ff, 2},
		{"\xe0\xa0\x80", 0x800, 3}, {"\xed\x9f\xbf", 0xd7ff, 3}, {"\xee\x80\x80", 0xe000, 3},
		{"\xef\xbf\xbf", 0xffff, 3}, {"\xf0\x90\x80\x80", 0x10000, 4},
		{"\xf4\x8f\xbf\xbf", 0x10ffff, 4}};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xff", "\xc2 ", "\xe2\x82 ", "\xf0\x9f\x98 "};
	char out[4];
	uint32_t c;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(pl_utf8_decode(good[i].bytes, 4, &c), good[i].n);
		assert_int_equal(c, good[i].c);
		assert_int_equal(pl_utf8_encode(good[i].c, out), good[i].n);
		assert_memory_equal(out, good[i].bytes, good[i].n);
		for (size_t left = 1; left < good[i].n; left++)
			assert_int_equal(pl_utf8_decode(good[i].bytes, left, &c), 0);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(pl_utf8_decode(bad[i], strlen(bad[i]), &c), 0);
	assert_int_equal(pl_utf8_encode(0xd800, out), 0);
	assert_int_equal(pl_utf8_encode(0xdfff, out), 0);
	assert_int_equal(pl_utf8_encode(0x110000, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex_digit),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_lines),
		cmocka_unit_test(test_shell_quote),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
