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

static uint32_t needed(struct macos_version macos, unsigned uses)
{
	struct csr_need needs[CSR_NEEDS_MAX];
	size_t count = csr_needs(&macos, uses, needs);
	uint32_t sum = 0;
	assert_true(count <= CSR_NEEDS_MAX);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(csr_bit_name(needs[i].bit));
		assert_non_null(needs[i].reason);
		sum |= needs[i].bit;
	}
	assert_int_equal(csr_lacks(needs, count, 0), sum);
	assert_int_equal(csr_lacks(needs, count, 0xfff), 0);
	return sum;
}

static void test_needs(void **state)
{
	(void)state;
	const struct macos_version sierra = {10, 12, 6}, mojave = {10, 14, 6}, big_sur = {11, 7, 10},
				   yosemite = {10, 10, 5}, none = {0, 0, 0};
	assert_int_equal(needed(sierra, 0), 0);
	assert_int_equal(needed(yosemite, CSR_USE_DUMP | CSR_USE_DTRACE | CSR_USE_KEXT), 0);
	assert_int_equal(needed(sierra, CSR_USE_DUMP), 0x8);
	assert_int_equal(needed(sierra, CSR_USE_DUMP | CSR_USE_DTRACE | CSR_USE_BOOT_ARGS), 0x68);
	/* Unsigned kexts let the debugger in; approval came with 10.13. */
	assert_int_equal(needed(sierra, CSR_USE_DUMP | CSR_USE_KEXT), 0x1);
	assert_int_equal(needed(mojave, CSR_USE_DUMP | CSR_USE_KEXT), 0x201);
	assert_int_equal(needed(mojave, CSR_USE_INSTALL_KERNEL), 0x2);
	assert_int_equal(needed(big_sur, CSR_USE_INSTALL_KERNEL | CSR_USE_BOOT_ARGS), 0x842);
	assert_int_equal(needed(none, CSR_USE_INSTALL_KERNEL), 0x802);
}

/* `csrutil disable` of every release is enough for a dump by dtrace, and 0x10 keeps the debugger on. */
static void test_disabled_is_enough(void **state)
{
	(void)state;
	static const struct macos_version releases[] = {
		{10, 11, 0}, {10, 13, 6}, {10, 15, 7}, {11, 0, 0}, {15, 3, 0}};
	for (size_t i = 0; i < sizeof releases / sizeof *releases; i++) {
		struct csr_need needs[CSR_NEEDS_MAX];
		uint32_t off;
		size_t count =
			csr_needs(&releases[i], CSR_USE_DUMP | CSR_USE_DTRACE | CSR_USE_BOOT_ARGS, needs);
		assert_null(csr_disable(&releases[i], 0, &off));
		assert_int_equal(csr_lacks(needs, count, off), 0);
		assert_true(csr_allows_kernel_debugger(off));
	}
	assert_false(csr_allows_kernel_debugger(0x66));
	assert_string_equal(csr_bit_name(0x800), "unauthenticated root");
	assert_null(csr_bit_name(0x3));
	assert_false(csr_bit_exists(&releases[1], 0x800));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable_disable),
		cmocka_unit_test(test_before_sip),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_disabled_is_enough),
	};
	return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
