#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/macos/macos_version.h"

static struct macos_version parsed(const char *text)
{
	struct macos_version v;
	assert_true(macos_version_parse(text, &v));
	return v;
}

static void is(struct macos_version v, unsigned major, unsigned minor, unsigned patch)
{
	assert_int_equal(v.major, major);
	assert_int_equal(v.minor, minor);
	assert_int_equal(v.patch, patch);
}

static void test_parse(void **state)
{
	(void)state;
	is(parsed("10.15.4"), 10, 15, 4);
	is(parsed("11.7.10"), 11, 7, 10);
	is(parsed("13"), 13, 0, 0);
	static const char *const bad[] = {
		"", "x", "10.", "10.15.4.1", "10.15b", ".5", "-1", "0", " 11", "11 ", "99999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct macos_version v = {1, 2, 3};
		assert_false(macos_version_parse(bad[i], &v));
		assert_false(macos_version_known(&v));
	}
}

static void test_parse_xnu(void **state)
{
	(void)state;
	struct macos_version v;
	assert_true(macos_version_parse_xnu("3789.70.16~2", &v));
	is(v, 3789, 70, 16);
	assert_true(macos_version_parse_xnu("xnu-8020.240.18.701.6~1", &v));
	is(v, 8020, 240, 18);
	assert_true(macos_version_parse_xnu("7195", &v));
	is(v, 7195, 0, 0);
	assert_false(macos_version_parse_xnu("custom", &v));
	assert_false(macos_version_parse_xnu("", &v));
}

static void test_compare(void **state)
{
	(void)state;
	struct macos_version a = parsed("10.9.5"), b = parsed("10.10"), c = parsed("11.0.1");
	assert_int_equal(macos_version_compare(&a, &b), -1);
	assert_int_equal(macos_version_compare(&c, &b), 1);
	assert_int_equal(macos_version_compare(&b, &b), 0);
	assert_true(macos_version_at_least(&b, 10, 10, 0));
	assert_false(macos_version_at_least(&a, 10, 10, 0));
	assert_false(macos_version_at_least(&(struct macos_version){0}, 0, 0, 0));
}

static void test_text(void **state)
{
	(void)state;
	char out[MACOS_VERSION_TEXT];
	static const char *const same[] = {"10.15.4", "11", "10.9", "13.0.1", "3789.70.16"};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct macos_version v = parsed(same[i]);
		assert_string_equal(macos_version_text(&v, out), same[i]);
	}
	assert_string_equal(macos_version_text(&(struct macos_version){0}, out), "?");
}

/* Kernels of panic reports that their owners have posted: `Mac OS version` beside `Kernel version`. */
static void test_kernels(void **state)
{
	(void)state;
	static const struct {
		const char *macos;
		unsigned xnu_major, xnu_minor;
	} known[] = {
		{"10.7.5", 1699, 32},
		{"10.9.5", 2422, 115},
		{"10.12.6", 3789, 70},
		{"10.13.6", 4570, 71},
		{"10.14.6", 4903, 270},
		{"10.15.7", 6153, 141},
		{"11.7.10", 7195, 141},
		{"14.5", 10063, 121},
		{"15.3", 11215, 81},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct macos_version release = parsed(known[i].macos);
		is(macos_version_xnu(&release), known[i].xnu_major, known[i].xnu_minor, 0);
	}
	struct macos_version old = parsed("10.6.8");
	assert_false(macos_version_known(&(struct macos_version){macos_version_xnu(&old).major, 0, 0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_xnu),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_kernels),
	};
	return cmocka_run_group_tests_name("macos_version", tests, NULL, NULL);
}
