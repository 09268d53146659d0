#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/macos/kdk_generation.h"

static void test_releases(void **state)
{
	(void)state;
	static const struct {
		struct macos_version macos;
		const char *name;
	} known[] = {
		{{0, 0, 0}, "none"},
		{{10, 6, 8}, "none"},
		{{10, 7, 0}, "root-kernel"},
		{{10, 9, 5}, "root-kernel"},
		{{10, 10, 0}, "kextcache"},
		{{10, 14, 6}, "kextcache"},
		{{10, 15, 7}, "kextcache-mount"},
		{{11, 0, 1}, "kmutil-install"},
		{{12, 7, 6}, "kmutil-install"},
		{{13, 0, 0}, "kmutil-create"},
		{{15, 3, 0}, "kmutil-create"},
		{{26, 0, 0}, "kmutil-create"},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		assert_string_equal(kdk_generation_name(kdk_generation_of(&known[i].macos)), known[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases),
	};
	return cmocka_run_group_tests_name("kdk_generation", tests, NULL, NULL);
}
