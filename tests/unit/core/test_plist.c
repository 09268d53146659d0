/* Property lists by Apple's DTD, as Xcode, PlistBuddy and people write them, and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orchestrator/core/plist.h"

static char id[32], version[32];
static const struct plist_wanted wanted[] = {
	{"CFBundleIdentifier", id, sizeof id}, {"CFBundleVersion", version, sizeof version}};

static struct pl_error *read_it(const char *text)
{
	return plist_read(text, strlen(text), wanted, 2);
}

static void expect(const char *text, const char *want_id, const char *want_version)
{
	assert_null(read_it(text));
	assert_string_equal(id, want_id);
	assert_string_equal(version, want_version);
}

static void refuse(const char *text, const char *what)
{
	struct pl_error *e = read_it(text);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	assert_non_null(strstr(pl_error_what(e), what));
	pl_error_free(e);
}

static void reads_strings_of_the_outermost_dictionary(void **state)
{
	(void)state;
	expect("<?xml version=\"1.0\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"x\">\n"
	       "<plist version=\"1.0\"><dict>\n<key>Other</key><true/>\n"
	       "<key>CFBundleIdentifier</key>\n<string>com.example.a</string>"
	       "<key>CFBundleVersion</key><string>1.0</string></dict></plist>",
		"com.example.a", "1.0");
	expect("<dict/>", "", "");
	expect("<plist><dict></dict></plist>", "", "");
}

static void passes_over_nested_values_and_comments(void **state)
{
	(void)state;
	expect("<plist><!-- <dict><key>CFBundleVersion</key><string>no</string> --><dict>"
	       "<key>A</key><dict><key>CFBundleVersion</key><string>inner</string></dict>"
	       "<key>B</key><array><string>CFBundleIdentifier</string><array/></array>"
	       "<key>CFBundleVersion</key><string>outer</string>"
	       "<key>CFBundleIdentifier</key><array><string>x</string></array></dict></plist>",
		"", "outer");
	/* a value that looks like a key, and the first of two values */
	expect("<dict><key>A</key><string>CFBundleVersion</string><key>CFBundleVersion</key><string>1</"
	       "string>"
	       "<key>CFBundleVersion</key><string>2</string></dict>",
		"", "1");
}

static void writes_out_entities(void **state)
{
	(void)state;
	expect("<dict><key>CFBundleIdentifier</key><string>a&amp;b&lt;c&gt;&quot;&apos;&#65;&#x42;&#xe9;</"
	       "string>"
	       "<key>CFBundleVersion</key><string>&mine;&#0;&#xd800;&#x110000;&</string></dict>",
		"a&b<c>\"'AB\xc3\xa9", "&mine;&#0;&#xd800;&#x110000;&");
}

static void takes_no_value_that_is_too_long(void **state)
{
	(void)state;
	expect("<dict><key>CFBundleIdentifier</key><string>1234567890123456789012345678901</string>"
	       "<key>CFBundleVersion</key><string>12345678901234567890123456789012</string></dict>",
		"1234567890123456789012345678901", "");
}

static void says_what_it_cannot_read(void **state)
{
	(void)state;
	refuse("bplist00\xd1\x01\x02", "binary");
	refuse("", "not an XML property list");
	refuse("{ CFBundleIdentifier = \"x\"; }", "not an XML property list");
	refuse("<plist><array/></plist>", "not an XML property list");
	refuse("<dict><key>CFBundleVersion</key><string>1</string>", "damaged");
	refuse("<dict><key>CFBundleVersion</key></dict>", "damaged");
	refuse("<dict><key>CFBundleVersion", "damaged");
	refuse("<dict><string>1</string></dict>", "damaged");
	refuse("<dict><key>A</key><array>", "damaged");
}

static void keeps_what_it_read_before_the_damage(void **state)
{
	(void)state;
	refuse("<dict><key>CFBundleVersion</key><string>1</string><key>", "damaged");
	assert_string_equal(version, "1");
}

/* Well-formed, so that nothing but its depth is against it. */
static const char *nested(size_t depth)
{
	static char text[20000];
	char *p = text + sprintf(text, "<dict><key>A</key>");

	for (size_t i = 0; i < depth; i++)
		p += sprintf(p, "<array>");
	for (size_t i = 0; i < depth; i++)
		p += sprintf(p, "</array>");
	sprintf(p, "<key>CFBundleVersion</key><string>1</string></dict>");
	return text;
}

static void gives_up_on_absurd_depth(void **state)
{
	(void)state;
	expect(nested(PLIST_DEPTH_MAX), "", "1");
	refuse(nested(PLIST_DEPTH_MAX + 1), "damaged");
	refuse(nested(1000), "damaged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_strings_of_the_outermost_dictionary),
		cmocka_unit_test(passes_over_nested_values_and_comments),
		cmocka_unit_test(writes_out_entities),
		cmocka_unit_test(takes_no_value_that_is_too_long),
		cmocka_unit_test(says_what_it_cannot_read),
		cmocka_unit_test(keeps_what_it_read_before_the_damage),
		cmocka_unit_test(gives_up_on_absurd_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
