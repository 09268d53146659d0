#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/macos/csr.h"

/* csrutil's values on real guests: `nvram csr-active-config` after each. */
static void test_enable_disable(void **state)
{
	(void)state;
	static const struct {
		struct macos_version macos;
		uint32_t present, on, off;
	} known[] = {
		{{10, 11, 6}, 0, 0x10, 0x77},
		{{10, 12, 6}, 0x267, 0x10, 0x77},
		{{10, 13, 0}, 0x267, 0x210, 0x277},
		{{10, 13, 6}, 0x400, 0x10, 0x77},
		{{10, 14, 6}, 0xfff, 0x610, 0x677},
		{{10, 15, 7}, 0x10, 0x10, 0x77},
		{{11, 0, 1}, 0, 0x10, 0x7f},
		{{13, 6, 0}, 0x87f, 0x10, 0x87f},
		{{15, 3, 0}, 0x1200, 0x1210, 0x127f},
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		uint32_t value = 0;
		assert_null(csr_enable(&known[i].macos, known[i].present, &value));
		assert_int_equal(value, known[i].on);
		assert_null(csr_disable(&known[i].macos, known[i].present, &value));
		assert_int_equal(value, known[i].off);
	}
}

static void test_before_sip(void **state)
{
	(void)state;
	static const struct macos_version none[] = {{10, 10, 5}, {10, 7, 0}, {0, 0, 0}};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		uint32_t value = 7;
		struct pl_error *e = csr_enable(&none[i], 0, &value);
		assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
		pl_error_free(e);
		e = csr_disable(&none[i], 0, &value);
		assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
		pl_error_free(e);
		assert_int_equal(value, 7);
		assert_false(csr_exists(&none[i]));
	}
	assert_true(csr_exists(&(struct macos_version){10, 11, 0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable_disable),
		cmocka_unit_test(test_before_sip),
	};
	return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
