/* Which build an image of a Kernel Debug Kit is of, by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/run/kernel_kit.h"

/* Names as Apple's downloads have had them since 10.7, and others. */
static void reads_builds(void **state)
{
	static const struct {
		const char *name, *build;
	} cases[] = {
		{"Kernel_Debug_Kit_10.12.6_build_16G29.dmg", "16G29"},
		{"Kernel_Debug_Kit_15.1_build_24B82.dmg", "24B82"},
		{"kernel_debug_kit_10.9.5_13f34.dmg", "13F34"},
		{"KDK_14.0_23A5257q.pkg", "23A5257q"},
		{"KernelDebugKit.pkg", ""},
		{"some 10.12.6.dmg", ""},
		{"16G29", "16G29"},
		{"x16G29y_16G.dmg", ""},
		{"0123456789012345678901234567890123456789A1.dmg", ""},
		{"", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char build[32];
		kernel_kit_build_of_name(cases[i].name, build);
		assert_string_equal(build, cases[i].build);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads_builds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
