/* .vmx files: well written, badly written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/fusion/vmx.h"

static void expect(const char *text, const char *key, const char *value)
{
	struct vmx v;
	const char *got;

	assert_null(vmx_parse(text, strlen(text), &v));
	got = vmx_get(&v, key);
	if (value) {
		assert_non_null(got);
		assert_string_equal(got, value);
	} else {
		assert_null(got);
	}
	vmx_deinit(&v);
}

static void values(void **state)
{
	(void)state;
	expect("\xef\xbb\xbf.encoding = \"UTF-8\"\r\ndisplayName = \"macOS 11\"\r\n", ".encoding", "UTF-8");
	expect("displayName = \"macOS 11\"\r\n", "displayname", "macOS 11");
	expect("a=\"1\"", "A", "1");
	expect("  a\t=  \"1\"  # more\n", "a", "1");
	expect("a = 12 \n", "a", "12");
	expect("a = \"\"\n", "a", "");
	expect("a = \"x = y\"\n", "a", "x = y");
	expect("a = \"1\"\nA = \"2\"\n", "a", "2");
	expect("# a = \"1\"\n", "a", NULL);
	expect("a\n= \"1\"\n", "a", NULL);
	expect("a = \"1\"\n", "b", NULL);
	expect("a = \"open\nb = \"2\"\n", "b", "2");
	expect("", "a", NULL);
}

static void escapes(void **state)
{
	(void)state;
	expect("a = \"say |22hi|22\"\n", "a", "say \"hi\"");
	expect("a = \"|7C|7c\"\n", "a", "||");
	expect("a = \"|\"\n", "a", "|");
	expect("a = \"|2\"\n", "a", "|2");
	expect("a = \"|zz|22\"\n", "a", "|zz\"");
	expect("a = \"x|00y\"\n", "a", "x|00y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
