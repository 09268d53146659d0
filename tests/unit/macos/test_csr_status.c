#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "orchestrator/macos/csr.h"
#include "orchestrator/macos/csr_status.h"

static struct csr_status status(struct macos_version macos, const char *text)
{
	struct csr_status s;
	char line[256];
	csr_status_init(&s);
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		assert_true(n < sizeof line);
		memcpy(line, text, n);
		line[n] = '\0';
		csr_status_line(&s, line);
		text += n + (text[n] == '\n');
	}
	csr_status_end(&s, &macos);
	return s;
}

static const struct macos_version sierra = {10, 12, 6}, big_sur = {11, 7, 10};

#define HEAD "System Integrity Protection status: "
#define BASE HEAD "unknown (Custom Configuration).\n\nConfiguration:\n\tApple Internal: disabled\n"

static uint32_t denied(const struct csr_status *s, uint32_t wanted, uint32_t unknown)
{
	uint32_t open;
	uint32_t bits = csr_status_denies(s, wanted, &open);
	assert_int_equal(open, unknown);
	return bits;
}

/* `csrutil enable --without nvram`, as posted from 12. */
static void test_lines_of_11(void **state)
{
	(void)state;
	struct csr_status s =
		status(big_sur, BASE "\tKext Signing: enabled\n"
				     "\tFilesystem Protections: enabled\n"
				     "\tDebugging Restrictions: enabled\n"
				     "\tDTrace Restrictions: enabled\n"
				     "\tNVRAM Protections: disabled\n"
				     "\tBaseSystem Verification: enabled\n"
				     "\tBoot-arg Restrictions: disabled\n"
				     "\tKernel Integrity Protections: enabled\n"
				     "\tAuthenticated Root Requirement: enabled\n"
				     "\nThis is an unsupported configuration, likely to break in "
				     "the future and leave your machine in an unknown state.\n");
	assert_string_equal(s.headline, "unknown (Custom Configuration)");
	assert_int_equal(s.nvram, 0);
	assert_int_equal(s.boot_args, 0);
	assert_int_equal(s.basesystem, 1);
	assert_int_equal(s.kernel_integrity, 1);
	assert_int_equal(s.kernel_debugger, 1);
	assert_int_equal(denied(&s, 0x86f, 0), 0x82f);
	assert_int_equal(denied(&s, 0x240, 0x200), 0);
}

/* nvram may write, and the booter takes them away all the same. */
static void test_boot_args_restricted(void **state)
{
	(void)state;
	struct csr_status s =
		status(big_sur, BASE "\tNVRAM Protections: disabled\n\tBoot-arg Restrictions: enabled\n");
	assert_int_equal(denied(&s, CSR_UNRESTRICTED_NVRAM, 0), CSR_UNRESTRICTED_NVRAM);
	assert_int_equal(denied(&s, CSR_UNRESTRICTED_DTRACE, CSR_UNRESTRICTED_DTRACE), 0);
}

static void test_headline(void **state)
{
	(void)state;
	struct csr_status s = status(big_sur, HEAD "disabled.\n");
	assert_int_equal(denied(&s, 0x6f, 0), 0);
	/* Of the seal it says nothing. */
	assert_int_equal(denied(&s, 0x800, 0x800), 0);
	s = status(sierra, HEAD "enabled.\n");
	assert_int_equal(denied(&s, 0x6f, 0), 0x6f);
	s = status(sierra, HEAD "unknown.\n");
	assert_int_equal(denied(&s, 0x6f, 0x6f), 0);
	/* With a custom configuration it says nothing of a line that is missing. */
	s = status(sierra,
		HEAD "enabled (Custom Configuration).\n\nConfiguration:\n\tNVRAM Protections: disabled\n");
	assert_int_equal(denied(&s, 0x60, 0x20), 0);
	s = status(sierra, "csrutil: command not found\n");
	assert_string_equal(s.headline, "");
	assert_int_equal(denied(&s, 0x28, 0x28), 0);
	s = status((struct macos_version){10, 10, 5}, "");
	assert_string_equal(s.headline, "none before 10.11");
	assert_int_equal(denied(&s, 0x86f, 0), 0);
	s = status((struct macos_version){0, 0, 0}, "");
	assert_int_equal(denied(&s, 0x8, 0x8), 0);
}

/* Apple Internal and kexts let the debugger in; other lines stay as they are. */
static void test_kernel_debugger(void **state)
{
	(void)state;
	struct csr_status s = status(sierra, HEAD "enabled (Apple Internal).\n\nConfiguration:\n"
						  "\tApple Internal: enabled\n\tKext Signing: enabled\n");
	assert_int_equal(denied(&s, 0x9, 0), 0x1);
	s = status(sierra, BASE "\tKext Signing: disabled\n\tDebugging Restrictions: enabled\n");
	assert_int_equal(denied(&s, 0xd, 0), 0x4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_11),
		cmocka_unit_test(test_boot_args_restricted),
		cmocka_unit_test(test_headline),
		cmocka_unit_test(test_kernel_debugger),
	};
	return cmocka_run_group_tests_name("csr_status", tests, NULL, NULL);
}
