#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "orchestrator/macos/debug_flags.h"

static const struct macos_version lion = {1699, 32, 7}, sierra = {3789, 70, 16}, high_sierra = {4570, 1, 46},
				  high_sierra_2 = {4570, 31, 3}, catalina = {6153, 141, 1},
				  big_sur = {7195, 141, 2}, sequoia = {11417, 101, 15}, none = {0};

static void is(uint32_t bit, const struct macos_version *xnu, enum flag_state state, const char *name)
{
	struct boot_flag f;
	assert_int_equal(debug_flag(bit, xnu, &f), state);
	assert_string_equal(f.name, name);
}

/* The values of osfmk/kern/debug.h of each tag. */
static void test_bits(void **state)
{
	(void)state;
	is(0x4, &lion, FLAG_ACTIVE, "NMI");
	is(0x2, &sierra, FLAG_ACTIVE, "PRT");
	is(0x2, &catalina, FLAG_OBSOLETE, "PRT");
	is(0x2, &sequoia, FLAG_ACTIVE, "PRT");
	is(0x100, &big_sur, FLAG_OBSOLETE, "LOG_PI_SCRN");
	is(0x8000, &lion, FLAG_NOT_YET, "NMI_BTN_ENA");
	is(0x10000, &lion, FLAG_NOT_YET, "PRT_KDEBUG");
	is(0x10000, &catalina, FLAG_ACTIVE, "PRT_KDEBUG");
	is(0x10000, &big_sur, FLAG_OBSOLETE, "PRT_KDEBUG");
	is(0x100000, &high_sierra, FLAG_NOT_YET, "REBOOT_ALWAYS");
	is(0x100000, &high_sierra_2, FLAG_ACTIVE, "REBOOT_ALWAYS");
	is(0x100000, &none, FLAG_ACTIVE, "REBOOT_ALWAYS");
	is(0x200000, &catalina, FLAG_ACTIVE, "DISABLE_STACKSHOT_TO_DISK");
	is(0x400000, &none, FLAG_UNKNOWN, "");
	is(0x80000000, &none, FLAG_UNKNOWN, "");
	is(0, &none, FLAG_UNKNOWN, "");
}

static void test_keys(void **state)
{
	(void)state;
	struct boot_flag f;
	assert_int_equal(boot_key("kcsuffix=x", 8, &lion, &f), FLAG_NOT_YET);
	assert_int_equal(boot_key("kcsuffix=x", 8, &sierra, &f), FLAG_ACTIVE);
	assert_int_equal(boot_key("kext-dev-mode", 13, &sierra, &f), FLAG_OBSOLETE);
	assert_int_equal(boot_key("_panicd_port", 12, &none, &f), FLAG_UNKNOWN);
	assert_int_equal(boot_key("", 0, &none, &f), FLAG_UNKNOWN);
}

/* Each line of the table says something, and the bits are single ones. */
static void test_table(void **state)
{
	(void)state;
	struct boot_flag f;
	const char *cursor = NULL;
	uint32_t bits = 0;
	size_t keys = 0;
	while (boot_flags_next(&cursor, &f)) {
		assert_true(strlen(f.name) > 0 && strlen(f.name) < sizeof f.name - 1);
		assert_true(strlen(f.meaning) > 5 && strlen(f.meaning) < sizeof f.meaning - 1);
		assert_int_equal(f.bit & (f.bit - 1), 0);
		bits |= f.bit;
		keys += f.bit == 0;
	}
	assert_int_equal(bits, 0x3fffff);
	assert_true(keys > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests_name("debug_flags", tests, NULL, NULL);
}
