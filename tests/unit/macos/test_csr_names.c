/* The names of SIP's bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/macos/csr_names.h"

static void texts(void **state)
{
	char out[CSR_TEXT];

	(void)state;
	assert_string_equal(csr_text(0, out), "nothing");
	assert_string_equal(csr_text(0x10, out), "Apple internal");
	assert_string_equal(
		csr_text(0x77, out), "kexts, filesystem, task_for_pid, Apple internal, dtrace, nvram");
	assert_string_equal(csr_text(0x80000800, out), "unauthenticated root, 0x80000000");
	assert_true(strlen(csr_text(0xffffffff, out)) < CSR_TEXT - 1);
	assert_non_null(strstr(out, "research guests, 0xffffe000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
