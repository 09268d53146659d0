/* guestOS of a .vmx. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/macos/guest_os.h"

static void names(void **state)
{
	static const struct {
		const char *guest_os, *macos;
	} known[] = {{"darwin11-64", "10.7"}, {"darwin15-64", "10.11"}, {"darwin16-64", "10.12"},
		{"darwin19-64", "10.15"}, {"darwin20-64", "11"}, {"darwin21-64", "12"}, {"darwin23-64", "14"},
		{"darwin11", "10.7"}, {"darwin10-64", "?"}, {"darwin", "?"}, {"darwin16-64-x", "?"},
		{"darwin160000000000", "?"}, {"windows9-64", "?"}, {"", "?"}, {NULL, "?"}};
	struct macos_version v;
	char text[MACOS_VERSION_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		assert_int_equal(macos_of_guest_os(known[i].guest_os, &v), known[i].macos[0] != '?');
		assert_string_equal(macos_version_text(&v, text), known[i].macos);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
