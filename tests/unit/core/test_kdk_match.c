/* The rules of matching, by Apple's builds: 14.3 is 23D56, 14.3.1 is 23D60, of one kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "orchestrator/core/kdk_match.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define SONOMA_DATE "Darwin Kernel Version 23.3.0: Wed Dec 20 21:28:58 PST 2023; "
#define RELEASE SONOMA_DATE "root:xnu-10002.81.5~7/RELEASE_X86_64"
#define DEVELOPMENT SONOMA_DATE "root:xnu_development-10002.81.5~7/DEVELOPMENT_X86_64"

static struct kdk_candidate_kernel kernels[][2] = {
	{{.name = "kernel", .version = RELEASE, .uuids = {"AA", "AB"}, .uuid_count = 2},
		{.name = "kernel.development", .version = DEVELOPMENT, .uuids = {"AC"}, .uuid_count = 1}},
	{{.name = "kernel", .version = RELEASE}, {.name = "kernel.development", .version = DEVELOPMENT}},
	{{.name = "kernel", .version = "", .uuids = {"BA"}, .uuid_count = 1},
		{.name = "kernel.kasan", .version = "", .uuids = {"BB"}, .uuid_count = 1}},
};

#define KIT(build_, i, installed_)                                                                           \
	{                                                                                                    \
		.build = (build_), .installed = (installed_), .kernels = kernels[i], .kernel_count = 2       \
	}

static struct kdk_verdict v[8];

static void the_exact_build_comes_first(void **state)
{
	(void)state;
	const struct kdk_candidate c[] = {
		KIT("23D56", 0, true), KIT("23D60", 2, true), KIT("23C64", 2, true)};
	struct kdk_wanted w = {.build = "23D60", .kernel_uuid = "BA", .version = RELEASE};

	assert_int_equal(kdk_match(&w, c, COUNT(c), false, v), 1);
	assert_int_equal(v[1].fit, KDK_FIT_BUILD);
	assert_int_equal(v[1].kernel, 0);
	assert_false(v[1].other_kernels);
	/* also where another kit has the kernel, and it has not: but it says so */
	w.kernel_uuid = "AC";
	assert_int_equal(kdk_match(&w, c, COUNT(c), false, v), 1);
	assert_true(v[1].other_kernels);
	assert_non_null(strstr(v[1].why, "none of its kernels has the UUID"));
	assert_int_equal(v[0].fit, KDK_FIT_KERNEL);
	assert_int_equal(v[0].kernel, 1);
	assert_int_equal(v[2].fit, KDK_FIT_NONE);
}

static void the_same_kernel_fits_whatever_the_build(void **state)
{
	(void)state;
	const struct kdk_candidate c[] = {KIT("23C64", 2, true), KIT("23D56", 0, true), KIT("", 2, true)};
	struct kdk_wanted uuid = {.build = "23D60", .kernel_uuid = "AB"};
	struct kdk_wanted text = {.build = "23D60", .version = DEVELOPMENT};
	struct kdk_wanted xnu = {.xnu = "10002.81.5~7"};
	struct kdk_wanted none = {.xnu = "10002.81.5~6"};

	assert_int_equal(kdk_match(&uuid, c, COUNT(c), false, v), 1);
	assert_int_equal(v[1].fit, KDK_FIT_KERNEL);
	assert_int_equal(v[1].kernel, 0);
	assert_int_equal(kdk_match(&text, c, COUNT(c), false, v), 1);
	assert_int_equal(v[1].kernel, 1);
	assert_int_equal(kdk_match(&xnu, c, COUNT(c), false, v), 1);
	assert_int_equal(kdk_match(&none, c, COUNT(c), true, v), 3);
}

/* The same sources built at another time are another kernel. */
static void a_whole_text_has_to_be_the_same(void **state)
{
	(void)state;
	const struct kdk_candidate c[] = {KIT("23D56", 1, false)};
	struct kdk_wanted w = {.xnu = "10002.81.5~7",
		.version = "Darwin Kernel Version 23.3.0: Thu Dec 21 02:29:41 PST 2023; "
			   "root:xnu-10002.81.5~7/RELEASE_X86_64"};

	assert_int_equal(kdk_match(&w, c, 1, false, v), 1);
}

static void a_text_says_nothing_against_a_uuid(void **state)
{
	(void)state;
	const struct kdk_candidate c[] = {KIT("23D56", 0, true), KIT("23D56", 1, false)};
	struct kdk_wanted w = {.build = "23D60", .kernel_uuid = "FF", .version = RELEASE};

	/* the kit on disk has the text, and another UUID; the list knows no UUIDs */
	assert_int_equal(kdk_match(&w, c, 2, false, v), 1);
	assert_int_equal(v[0].fit, KDK_FIT_NONE);
	assert_int_equal(v[1].fit, KDK_FIT_KERNEL);
}

static void the_nearest_lower_build_only_when_asked(void **state)
{
	(void)state;
	const struct kdk_candidate c[] = {KIT("24B5077a", 2, true), KIT("24A348", 2, true),
		KIT("24B82", 2, true), KIT("24B91", 2, true), KIT("24C101", 2, true),
		KIT("not one", 2, true)};
	struct kdk_wanted w = {.build = "24B83"};

	assert_int_equal(kdk_match(&w, c, COUNT(c), false, v), COUNT(c));
	assert_non_null(strstr(v[2].why, "--accept-mismatch"));
	assert_int_equal(kdk_match(&w, c, COUNT(c), true, v), 2);
	static const enum kdk_fit fits[] = {
		KDK_FIT_NEAREST, KDK_FIT_NONE, KDK_FIT_NEAREST, KDK_FIT_NONE, KDK_FIT_NONE, KDK_FIT_NONE};
	for (size_t i = 0; i < COUNT(c); i++)
		assert_int_equal(v[i].fit, fits[i]);
	/* without a build there is no nearness */
	struct kdk_wanted uuid = {.kernel_uuid = "FF"};
	assert_int_equal(kdk_match(&uuid, c, COUNT(c), true, v), COUNT(c));
}

static void of_equals_the_installed_one_is_better(void **state)
{
	(void)state;
	const struct kdk_candidate c[] = {
		KIT("23D56", 1, false), KIT("23D56", 0, true), KIT("23D56", 0, true)};
	struct kdk_wanted w = {.build = "23D56"};

	assert_int_equal(kdk_match(&w, c, COUNT(c), false, v), 1);
	assert_int_equal(kdk_match(&w, c, 0, false, v), 0);
}

static void orders_builds(void **state)
{
	(void)state;
	/* Big Sur and later, in the order in which Apple released them */
	static const char *const rising[] = {
		"20G71", "20G80", "22A5266r", "22A5342f", "22A380", "24B5009l", "24B5077a", "24B82", "24B91"};
	static const char *const none[] = {
		"", "20", "20G", "G80", "20g80", "20G80aa", "20G80 ", "20G1234567x"};
	struct kdk_build a, b;

	for (size_t i = 0; i + 1 < COUNT(rising); i++) {
		assert_true(kdk_build_parse(rising[i], &a));
		assert_true(kdk_build_parse(rising[i + 1], &b));
		assert_true(kdk_build_compare(&a, &b) < 0);
		assert_true(kdk_build_compare(&b, &a) > 0);
		assert_int_equal(kdk_build_compare(&a, &a), 0);
	}
	for (size_t i = 0; i < COUNT(none); i++)
		assert_false(kdk_build_parse(none[i], &a));
	assert_false(kdk_build_parse(NULL, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exact_build_comes_first),
		cmocka_unit_test(the_same_kernel_fits_whatever_the_build),
		cmocka_unit_test(a_whole_text_has_to_be_the_same),
		cmocka_unit_test(a_text_says_nothing_against_a_uuid),
		cmocka_unit_test(the_nearest_lower_build_only_when_asked),
		cmocka_unit_test(of_equals_the_installed_one_is_better),
		cmocka_unit_test(orders_builds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
