/* key=value lines, what csrutil says in each of its wordings, and the rest of facts.sh's output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orchestrator/guest/facts.h"
#include "orchestrator/guest/fingerprint.h"
#include "orchestrator/guest/key_file.h"
#include "orchestrator/guest/output.h"

static struct guest_output parse(const char *text, size_t size)
{
	struct guest_output o = {0};
	assert_null(output_parse(text, size, &o));
	return o;
}
#define PARSE(text) parse(text, sizeof text - 1)

static void test_values(void **state)
{
	(void)state;
	struct guest_output o = PARSE("a=1\n"
				      "Last login: Tue=x\n"
				      "=none\n"
				      "1a=digit first\n"
				      "\n"
				      "b.c-d_9=x = y  \r\n"
				      "empty=\n"
				      "a=2\n"
				      "no newline=\n"
				      "nul=a\0b\n"
				      "last=\xff\x01");
	assert_int_equal(o.count, 5);
	assert_string_equal(guest_value(&o, "a"), "1");
	assert_string_equal(guest_value(&o, "b.c-d_9"), "x = y  ");
	assert_string_equal(guest_value(&o, "empty"), "");
	assert_string_equal(guest_value(&o, "last"), "\xff\x01");
	assert_null(guest_value(&o, "nul"));
	assert_null(guest_value(&o, "none"));
	guest_output_deinit(&o);
}

static void test_values_are_capped(void **state)
{
	(void)state;
	char *text = malloc(4 * 10000 + 1);
	assert_non_null(text);
	for (size_t i = 0; i < 10000; i++)
		memcpy(text + 4 * i, "k=v\n", 5);
	struct guest_output o = parse(text, 40000);
	assert_int_equal(o.count, OUTPUT_VALUES_MAX);
	guest_output_deinit(&o);
	memset(text, 'k', 40000);
	text[20000] = '=';
	o = parse(text, 40000);
	assert_int_equal(o.count, 0);
	guest_output_deinit(&o);
	free(text);
}

static void test_after_start(void **state)
{
	(void)state;
	assert_string_equal(output_after_start("hello\n\npaniclab-started=1\na=b\n"), "a=b\n");
	assert_null(output_after_start("a=b\n"));
	assert_null(output_after_start(""));
}

static void test_error_words(void **state)
{
	(void)state;
	struct guest_output o = {0};
	size_t size;
	static const char words[] = "first\x1b[31m\r\nnvram: no\n\n";
	assert_null(output_set_error(words, sizeof words - 1, &o));
	assert_string_equal(o.error, "first\\x1b[31m\nnvram: no");
	assert_string_equal(output_last_words(&o, &size), "nvram: no");
	assert_int_equal(size, 9);
	guest_output_deinit(&o);
}

/* csrutil's output, line by line as facts.sh passes it on. */
static struct guest_facts sip(const char *version, const char *csrutil)
{
	char text[4096];
	struct guest_facts f;
	int size = snprintf(text, sizeof text, "nvram_boot_args_set=0\nproduct_version=%s\n", version);
	for (const char *line = csrutil; *line != '\0';) {
		int n = (int)strcspn(line, "\n");
		size += snprintf(text + size, sizeof text - (size_t)size, "csrutil=%.*s\n", n, line);
		line += n + (line[n] == '\n');
	}
	struct guest_output o = parse(text, (size_t)size);
	assert_null(facts_parse(&o, &f));
	guest_output_deinit(&o);
	return f;
}

static void check_sip(const char *version, const char *csrutil, const char *headline, int kext, int debug,
	int dtrace, int nvram)
{
	struct guest_facts f = sip(version, csrutil);
	assert_string_equal(f.sip, headline);
	assert_int_equal(f.sip_kext, kext);
	assert_int_equal(f.sip_debug, debug);
	assert_int_equal(f.sip_dtrace, dtrace);
	assert_int_equal(f.sip_nvram, nvram);
	guest_facts_deinit(&f);
}

static void test_sip_headline_alone(void **state)
{
	(void)state;
	check_sip("10.12.6", "System Integrity Protection status: enabled.\n", "enabled", 1, 1, 1, 1);
	check_sip("12.7", "System Integrity Protection status: disabled.\n", "disabled", 0, 0, 0, 0);
	check_sip("12.7", "System Integrity Protection status: unknown.\n", "unknown", -1, -1, -1, -1);
	check_sip("12.7", "csrutil: no such verb\n", "", -1, -1, -1, -1);
	check_sip("10.14", "", "", -1, -1, -1, -1);
}

static void test_no_sip_yet(void **state)
{
	(void)state;
	check_sip("10.7.5", "", "none before 10.11", 0, 0, 0, 0);
	check_sip("10.10", "", "none before 10.11", 0, 0, 0, 0);
	check_sip("10.11.6", "", "", -1, -1, -1, -1);
	check_sip("11.0", "", "", -1, -1, -1, -1);
	check_sip("", "", "", -1, -1, -1, -1);
}

/* What csrutil has no line for: `nvram csr-active-config`, as nvram prints bytes. */
static void test_csr_tells_of_the_debugger(void **state)
{
	static const struct {
		const char *value;
		bool known;
		uint32_t csr;
		int debug;
	} cases[] = {
		{"%7f%08%00%00", true, 0x87f, 0},
		{"w%00%00%00", true, 0x77, 0},
		{"h%00%00%00", true, 0x68, 0}, /* 8: the kernel's debugger alone */
		{"`%00%00%00", true, 0x60, 1}, /* dtrace and nvram */
		{"%10%00%00%00", true, 0x10, 0},
		{"%00%00%00%00", true, 0, 1},
		{"%7f%08%00", false, 0, 1},
		{"%7f%08%00%00%00", false, 0, 1},
		{"%7g%08%00%00", false, 0, 1},
		{"%", false, 0, 1},
		{"", false, 0, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct guest_facts f;
		char text[256];
		int size = snprintf(text, sizeof text,
			"nvram_boot_args_set=0\nproduct_version=10.12.6\ncsr=%s\n"
			"csrutil=System Integrity Protection status: enabled.\n",
			cases[i].value);
		struct guest_output o = parse(text, (size_t)size);
		assert_null(facts_parse(&o, &f));
		assert_int_equal(f.csr_known, cases[i].known);
		if (cases[i].known)
			assert_int_equal(f.csr, cases[i].csr);
		assert_int_equal(f.sip_debug, cases[i].debug);
		guest_output_deinit(&o);
		guest_facts_deinit(&f);
	}
}

/* 10.11: only DTrace off. */
static void test_sip_lines(void **state)
{
	(void)state;
	check_sip("10.11.6",
		"System Integrity Protection status: enabled (Custom Configuration).\n"
		"\n"
		"Configuration:\n"
		"\tApple Internal: disabled\n"
		"\tKext Signing: enabled\n"
		"\tFilesystem Protections: enabled\n"
		"\tDebugging Restrictions: enabled\n"
		"\tDTrace Restrictions: disabled\n"
		"\tNVRAM Protections: enabled\n"
		"\n"
		"This is an unsupported configuration, likely to break in the future and leave your machine "
		"in "
		"an unknown state.\n",
		"enabled (Custom Configuration)", 1, 1, 0, 1);
}

/* "unknown" with all off, from 11 on; and "enabled" with it off. */
static void test_sip_headline_that_lies(void **state)
{
	(void)state;
	check_sip("11.7",
		"System Integrity Protection status: unknown (Custom Configuration).\n"
		"\n"
		"Configuration:\n"
		"\tApple Internal: disabled\n"
		"\tKext Signing: disabled\n"
		"\tFilesystem Protections: disabled\n"
		"\tDebugging Restrictions: disabled\n"
		"\tDTrace Restrictions: disabled\n"
		"\tNVRAM Protections: disabled\n"
		"\tBaseSystem Verification: disabled\n"
		"\tBoot-arg Restrictions: disabled\n"
		"\tKernel Integrity Protections: disabled\n"
		"\tAuthenticated Root Requirement: disabled\n",
		"unknown (Custom Configuration)", 0, 0, 0, 0);
	check_sip("10.12.6",
		"System Integrity Protection status: enabled (Custom Configuration).\n"
		"Configuration:\n"
		"\tKext Signing: disabled\n"
		"\tDebugging Restrictions: disabled\n"
		"\tDTrace Restrictions: disabled\n"
		"\tNVRAM Protections: disabled\n",
		"enabled (Custom Configuration)", 0, 0, 0, 0);
}

/* Dumps need the kernel's debugger, which goes with kexts and Apple Internal: bsd/kern/kern_csr.c. */
static void test_sip_kernel_debugging(void **state)
{
	(void)state;
	check_sip("10.12.6", /* csr-active-config 0x64 */
		"System Integrity Protection status: enabled (Custom Configuration).\n"
		"Configuration:\n"
		"\tApple Internal: disabled\n"
		"\tKext Signing: enabled\n"
		"\tDebugging Restrictions: disabled\n"
		"\tDTrace Restrictions: disabled\n"
		"\tNVRAM Protections: disabled\n",
		"enabled (Custom Configuration)", 1, 1, 0, 0);
	check_sip("10.12.6", /* 0x61 */
		"System Integrity Protection status: enabled (Custom Configuration).\n"
		"Configuration:\n"
		"\tApple Internal: disabled\n"
		"\tKext Signing: disabled\n"
		"\tDebugging Restrictions: enabled\n"
		"\tDTrace Restrictions: disabled\n"
		"\tNVRAM Protections: disabled\n",
		"enabled (Custom Configuration)", 0, 0, 0, 0);
	check_sip("10.12.6", /* 0x70 */
		"System Integrity Protection status: enabled (Custom Configuration).\n"
		"Configuration:\n"
		"\tApple Internal: enabled\n"
		"\tKext Signing: enabled\n"
		"\tDebugging Restrictions: enabled\n"
		"\tDTrace Restrictions: disabled\n"
		"\tNVRAM Protections: disabled\n",
		"enabled (Custom Configuration)", 1, 0, 0, 0);
}

/* With a custom configuration a line that is missing is not known, whatever the headline says. */
static void test_sip_missing_line(void **state)
{
	(void)state;
	check_sip("10.12.6",
		"System Integrity Protection status: enabled (Custom Configuration).\n"
		"Configuration:\n"
		"\tNVRAM Protections: disabled\n"
		"\tDTrace Restrictions: maybe\n",
		"enabled (Custom Configuration)", -1, -1, -1, 0);
	check_sip("10.13.6",
		"System Integrity Protection status: enabled (Apple Internal).\n"
		"\n"
		"Configuration:\n"
		"\tApple Internal: enabled\n"
		"\tKext Signing: disabled\n"
		"\tDebugging Restrictions: disabled\n"
		"\tDTrace Restrictions: enabled\n"
		"\tNVRAM Protections: enabled\n",
		"enabled (Apple Internal)", 0, 0, 1, 1);
}

static void test_facts(void **state)
{
	(void)state;
	struct guest_facts f;
	struct guest_output o =
		PARSE("product_version=10.12.6\nbuild=16G29\n"
		      "kernel_version=Darwin Kernel Version 16.7.0: Thu Jun 15 17:36:27 PDT 2017; "
		      "root:xnu-3789.70.16~2/DEVELOPMENT_X86_64\n"
		      "kernel_uuid=C0F70C1B-1B6D-3D5E-8B1C-2A0E1F2B3C4D\nboot_args=-v debug=0x144\n"
		      "boot_time={ sec = 1700000000, usec = 123456 } Tue Nov 14 22:13:20 2023\n"
		      "boot_session=5B6C7D8E-1B6D-4D5E-8B1C-2A0E1F2B3C4D\n"
		      "arch=x86_64\nmodel=VMware7,1\nnvram_boot_args_set=1\nnvram_boot_args=kext-dev-mode=1\n"
		      "interface=en0\nnic_driver=AppleIntel8254XEthernet\n");
	assert_null(facts_parse(&o, &f));
	assert_string_equal(f.product_version, "10.12.6");
	assert_string_equal(f.build, "16G29");
	assert_string_equal(f.xnu, "3789.70.16");
	assert_string_equal(f.variant, "development");
	assert_string_equal(f.boot_args, "-v debug=0x144");
	assert_string_equal(f.boot_time, "1700000000");
	assert_string_equal(f.boot_session, "5B6C7D8E-1B6D-4D5E-8B1C-2A0E1F2B3C4D");
	assert_true(f.nvram_boot_args_set);
	assert_string_equal(f.nvram_boot_args, "kext-dev-mode=1");
	assert_string_equal(f.model, "VMware7,1");
	assert_string_equal(f.interface, "en0");
	assert_string_equal(f.nic_driver, "AppleIntel8254XEthernet");
	guest_facts_deinit(&f);
	guest_output_deinit(&o);

	o = PARSE("nvram_boot_args_set=0\n");
	assert_null(facts_parse(&o, &f));
	assert_string_equal(f.kernel_version, "");
	assert_string_equal(f.xnu, "");
	assert_string_equal(f.variant, "");
	assert_string_equal(f.boot_time, "");
	assert_string_equal(f.boot_session, "");
	assert_false(f.nvram_boot_args_set);
	assert_string_equal(f.nvram_boot_args, "");
	guest_facts_deinit(&f);
	guest_output_deinit(&o);
}

/* Not "not set": that would delete the user's own when it is put back. */
static void test_nvram_that_cannot_be_read(void **state)
{
	(void)state;
	struct guest_facts f;
	char line[512];
	struct guest_output o = PARSE("nvram_error=nvram: nvram is not supported on this system\n");
	struct pl_error *e = facts_parse(&o, &f);
	assert_non_null(strstr(pl_error_line(e, line, sizeof line), "not supported on this system"));
	assert_int_equal(pl_error_kind(e), PL_ERR_GUEST);
	pl_error_free(e);
	guest_facts_deinit(&f);
	guest_output_deinit(&o);
}

/* A journal is JSON: what it cannot hold exactly would be put back as something else, or not at all. */
static void test_nvram_that_cannot_be_noted(void **state)
{
	(void)state;
	struct guest_facts f;
	struct guest_output o = PARSE("nvram_boot_args_set=1\nnvram_boot_args=debug=0x144 \xff\n");
	struct pl_error *e = facts_parse(&o, &f);
	assert_int_equal(pl_error_kind(e), PL_ERR_GUEST);
	pl_error_free(e);
	guest_facts_deinit(&f);
	guest_output_deinit(&o);
}

static void test_facts_are_printable(void **state)
{
	(void)state;
	struct guest_facts f;
	struct guest_output o =
		PARSE("nvram_boot_args_set=0\nmodel=Mac\033[2J\xff\nboot_args=-v \033]0;x\007\n"
		      "csrutil=System Integrity Protection status: disabled\033[m.\n");
	assert_null(facts_parse(&o, &f));
	assert_string_equal(f.model, "Mac\\x1b[2J\\xff");
	assert_string_equal(f.boot_args, "-v \\x1b]0;x\\x07");
	assert_string_equal(f.sip, "disabled\\x1b[m");
	guest_facts_deinit(&f);
	guest_output_deinit(&o);
}

static void test_base64(void **state)
{
	(void)state;
	uint8_t out[16];
	size_t n;
	assert_true(base64_decode("Zm9v\nYmFy", 9, out, sizeof out, &n));
	assert_int_equal(n, 6);
	assert_memory_equal(out, "foobar", 6);
	assert_true(base64_decode("Zm8=", 4, out, sizeof out, &n));
	assert_int_equal(n, 2);
	assert_true(base64_decode("Zm9vYmFy", 8, out, 4, &n));
	assert_int_equal(n, 4);
	assert_false(base64_decode("Zm9*", 4, out, sizeof out, &n));
	assert_false(base64_decode("Zm9\0", 4, out, sizeof out, &n));
}

static void test_key_forms(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum key_form form;
	} cases[] = {
		{"", KEY_OTHER},
		{"ssh-ed25519 AAAA me\n", KEY_PUBLIC},
		{"-----BEGIN PRIVATE KEY-----\n", KEY_PLAIN},
		{"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", KEY_ENCRYPTED},
		{"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", KEY_ENCRYPTED},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\n", KEY_PLAIN},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(key_describe(cases[i].text, strlen(cases[i].text)).form, cases[i].form);
}

/* The session decides where both have one: setting the clock moves the time. */
static void test_same_boot(void **state)
{
	(void)state;
	static char one[] = "ONE", two[] = "TWO", none[] = "", early[] = "1700000000", late[] = "1700000009";
	struct guest_facts a = {.boot_session = one, .boot_time = early};
	struct guest_facts moved = {.boot_session = one, .boot_time = late};
	struct guest_facts later = {.boot_session = two, .boot_time = early};
	struct guest_facts old = {.boot_session = none, .boot_time = early};
	assert_true(guest_same_boot(&a, &moved));
	assert_false(guest_same_boot(&a, &later));
	assert_true(guest_same_boot(&a, &old));
	assert_false(guest_same_boot(&old, &moved));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_values_are_capped),
		cmocka_unit_test(test_after_start),
		cmocka_unit_test(test_error_words),
		cmocka_unit_test(test_sip_headline_alone),
		cmocka_unit_test(test_no_sip_yet),
		cmocka_unit_test(test_csr_tells_of_the_debugger),
		cmocka_unit_test(test_sip_lines),
		cmocka_unit_test(test_sip_headline_that_lies),
		cmocka_unit_test(test_sip_kernel_debugging),
		cmocka_unit_test(test_sip_missing_line),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_same_boot),
		cmocka_unit_test(test_nvram_that_cannot_be_read),
		cmocka_unit_test(test_nvram_that_cannot_be_noted),
		cmocka_unit_test(test_facts_are_printable),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_key_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
