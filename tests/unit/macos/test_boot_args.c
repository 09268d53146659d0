#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "orchestrator/macos/boot_args.h"

static uint32_t number(const char *args)
{
	return boot_args_number(args, "debug");
}

/* The values that xnu's own test (pexpert/gen/bootargs.c, parse_boot_arg_test) expects. */
static void test_xnu_values(void **state)
{
	(void)state;
	const char *args = "hello=world -foobar abc debug=0xBAADF00D";
	struct boot_arg a;
	assert_false(boot_args_get(args, "notarealthing", &a));
	assert_int_equal(boot_args_number(args, "hello"), 0x00726F77);
	assert_int_equal(boot_args_number(args, "debug"), 0xBAADF00D);
	assert_int_equal(boot_args_number(args, "-foobar"), 1);
	assert_int_equal(boot_args_number(args, "abc"), 1);
	assert_int_equal(boot_args_number("-x -a ba=3 b=2 y=42", "b"), 2);
	assert_int_equal(boot_args_number("-x -a b=2 ba=3 y=42", "ba"), 3);
	assert_false(boot_args_get("-x -ab -aa y=42", "-a", &a));
	assert_false(boot_args_get("-x ab=96 y=42", "a", &a));
}

static void test_numbers(void **state)
{
	(void)state;
	assert_int_equal(number("debug=0x144"), 0x144);
	assert_int_equal(number("-v debug=324 x"), 324);
	assert_int_equal(number("debug=0504"), 0504);
	assert_int_equal(number("debug=0b101"), 5);
	assert_int_equal(number("debug=-1"), UINT32_MAX);
	assert_int_equal(number("debug=2k"), 2048);
	assert_int_equal(number("debug=0x1M"), 1048576);
	assert_int_equal(number("debug=1g"), 1073741824);
	assert_int_equal(number("debug=0"), 0);
	assert_int_equal(number("debug"), 1);
	assert_int_equal(number("xdebug=1"), 0);
	assert_int_equal(number("debug=0x1234567890"), 0x34567890);
	assert_int_equal(number(""), 0);
}

/* What getval() calls a string is stored as one: its first three letters. */
static void test_no_numbers(void **state)
{
	(void)state;
	static const char *const words[] = {"debug=0X144", "debug=09", "debug=0k", "debug=12a", "debug=0x14q",
		"debug=1kk", "debug=-", "debug=--1", "debug=", "debug=0b2"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct boot_arg a;
		uint32_t value;
		assert_true(boot_args_get(words[i], "debug", &a));
		assert_false(boot_arg_number(&a, &value));
	}
	assert_int_equal(number("debug=0X144"), '0' | 'X' << 8 | '1' << 16);
}

static void test_doubles(void **state)
{
	(void)state;
	struct boot_arg a;
	assert_int_equal(number("debug=0x8 debug=0x4"), 4);
	assert_true(boot_args_get("_panicd_ip=10.0.0.1 _panicd_ip=10.0.0.2", "_panicd_ip", &a));
	assert_int_equal(a.value_size, 8);
	assert_memory_equal(a.value, "10.0.0.1", 8);
	assert_int_equal(boot_args_count("a=1 b a=2 a ab=1", "a"), 3);
}

static void becomes(struct pl_error *e, char *text, const char *expected)
{
	assert_null(e);
	assert_string_equal(text, expected);
	free(text);
}

static void test_set(void **state)
{
	(void)state;
	static const struct {
		const char *args, *word, *expected;
	} cases[] = {
		{"", "debug=1", "debug=1"},
		{"-v", "debug=1", "-v debug=1"},
		{"-v ", "debug=1", "-v debug=1"},
		{"  -v\tx=\"a  b\"  debug=2  y", "debug=1", "  -v\tx=\"a  b\"  debug=1  y"},
		{"debug=1 x debug=2 y debug=3", "debug=9", "debug=9 x y"},
		{"xdebug=1 debug.x=2", "debug=9", "xdebug=1 debug.x=2 debug=9"},
		{"debug", "debug=9", "debug=9"},
		{"-v -x -v", "-v", "-v -x"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = NULL;
		struct pl_error *e = boot_args_set(cases[i].args, cases[i].word, &text);
		becomes(e, text, cases[i].expected);
	}
}

static void test_remove(void **state)
{
	(void)state;
	static const struct {
		const char *args, *key, *expected;
	} cases[] = {
		{"", "debug", ""},
		{"debug=1", "debug", ""},
		{"debug=1 x", "debug", "x"},
		{"x debug=1", "debug", "x"},
		{"x  debug=1  y", "debug", "x  y"},
		{"debug=1 debug=2 x", "debug", "x"},
		{" a  b ", "debug", " a  b "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text = NULL;
		struct pl_error *e = boot_args_remove(cases[i].args, cases[i].key, &text);
		becomes(e, text, cases[i].expected);
	}
}

static void test_merge(void **state)
{
	(void)state;
	char *text = NULL;
	struct pl_error *e = boot_args_merge("a=1 b  c=3 a=1", "c=4 d b=2", &text);
	becomes(e, text, "a=1 b=2  c=4 a=1 d");
	e = boot_args_merge(" a ", "", &text);
	becomes(e, text, " a ");
}

static void test_too_long(void **state)
{
	(void)state;
	char args[BOOT_ARGS_LENGTH_MAX + 1], *text = NULL;
	memset(args, 'x', sizeof args - 1);
	args[sizeof args - 1] = '\0';
	struct pl_error *e = boot_args_remove(args, "a", &text);
	assert_null(e);
	assert_string_equal(text, args);
	free(text);
	text = NULL;
	e = boot_args_set(args, "a", &text);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	assert_null(text);
	pl_error_free(e);
}

static void is_missing(const char *actual, const char *wanted, const char *expected)
{
	char *missing = NULL;
	assert_null(boot_args_missing(actual, wanted, &missing));
	if (expected == NULL)
		assert_null(missing);
	else
		assert_string_equal(missing, expected);
	free(missing);
}

static void test_missing(void **state)
{
	(void)state;
	is_missing("a=1 b=2", "b=2 c=3 d=4", "c=3");
	is_missing("a=1 b=2", "b=2", NULL);
	is_missing("-v debug=0x4 x", "debug=0x4", NULL);
	is_missing("debug=0x44", "debug=0x4", "debug=0x4");
	is_missing("debug=0x4 debug=0x8", "debug=0x4", "debug=0x4");
	is_missing("_panicd_ip=1 _panicd_ip=2", "_panicd_ip=1", NULL);
	/* Doubles of the user's own: only the one that counts has to be there. */
	is_missing("a=1 a=2", "a=1 a=2", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xnu_values),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_no_numbers),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_missing),
	};
	return cmocka_run_group_tests_name("boot_args", tests, NULL, NULL);
}
