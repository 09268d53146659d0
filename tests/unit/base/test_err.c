#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"

static void test_line(void **state)
{
	(void)state;
	char line[256];
	struct pl_error *e = pl_error_new(PL_ERR_LAB, "401 %s", "Unauthorized");
	assert_string_equal(pl_error_line(e, line, sizeof line), "401 Unauthorized");
	e = pl_error_hint(pl_error_why(pl_error_at(e, "GET /api/vms"), "wrong password"), "check it");
	assert_string_equal(pl_error_line(e, line, sizeof line),
		"GET /api/vms: 401 Unauthorized (wrong password): check it");
	/* The nearest to the cause knows best. */
	e = pl_error_hint(pl_error_at(e, "elsewhere"), "something else");
	assert_string_equal(pl_error_line(e, line, sizeof line),
		"GET /api/vms: 401 Unauthorized (wrong password): check it");
	pl_error_free(e);
}

static void test_chain(void **state)
{
	(void)state;
	char line[256];
	struct pl_error *e = pl_error_new(PL_ERR_TIMEOUT, "timed out");
	e = pl_error_context(pl_error_context(e, "ssh exec"), "setting boot-args");
	assert_string_equal(pl_error_chain(e), "setting boot-args: ssh exec");
	assert_string_equal(pl_error_line(e, line, sizeof line), "setting boot-args: ssh exec: timed out");
	pl_error_free(e);
	assert_null(pl_error_context(NULL, "nothing"));
}

static void test_move(void **state)
{
	(void)state;
	struct pl_error *e = pl_error_why(pl_error_at(pl_error_new(PL_ERR_LAB, "x"), "/opt/tool"), "y");
	e = pl_error_move(e, "tool %s", "--list");
	assert_string_equal(pl_error_place(e), "tool --list");
	assert_string_equal(pl_error_reason(e), "y");
	pl_error_free(e);
	e = pl_error_at(pl_error_new(PL_ERR_INTERRUPTED, "x"), "here");
	e = pl_error_move(e, "there");
	assert_string_equal(pl_error_place(e), "here");
	pl_error_free(e);
	assert_null(pl_error_move(NULL, "there"));
}

/* Whatever an error quotes, its line is one line, safe for a terminal and for JSON. */
static void test_hostile(void **state)
{
	(void)state;
	char line[200], cut[12];
	struct pl_error *e = pl_error_new(PL_ERR_GUEST, "it has \"%s\"", "a\033[2J\n\xff \\x07");
	e = pl_error_why(e, "%s", "gr\xc3\xb6\xc3\x9f");
	assert_string_equal(pl_error_line(e, line, sizeof line),
		"it has \"a\\x1b[2J\\n\\xff \\x07\" (gr\xc3\xb6\xc3\x9f)");
	pl_error_free(e);
	/* Cut at a whole character. */
	e = pl_error_new(PL_ERR_GUEST, "1234567%s%s", "\xc3\xb6", "\xc3\xb6\xc3\xb6\xc3\xb6");
	assert_string_equal(pl_error_line(e, cut, sizeof cut), "1234567...");
	pl_error_free(e);
}

/* The contract's exit codes. */
static void test_exit_codes(void **state)
{
	(void)state;
	static const struct {
		enum pl_error_kind kind;
		int code;
	} all[] = {{PL_ERR_USAGE, 2}, {PL_ERR_LAB, 3}, {PL_ERR_GUEST, 3}, {PL_ERR_UNEXPECTED, 1},
		{PL_ERR_CAPTURE, 5}, {PL_ERR_RESTORE, 4}, {PL_ERR_TIMEOUT, 3}, {PL_ERR_INTERRUPTED, 130},
		{PL_ERR_DATA, 1}};
	assert_int_equal(pl_error_exit_code(NULL), 0);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct pl_error *e = pl_error_new(all[i].kind, "x");
		assert_int_equal(pl_error_exit_code(e), all[i].code);
		pl_error_free(e);
	}
}

static void test_kinds(void **state)
{
	(void)state;
	struct pl_error *e = pl_error_as(pl_error_new(PL_ERR_DATA, "x"), PL_ERR_RESTORE);
	assert_int_equal(pl_error_kind(e), PL_ERR_RESTORE);
	pl_error_free(e);
	e = pl_error_as(pl_error_new(PL_ERR_INTERRUPTED, "x"), PL_ERR_LAB);
	assert_int_equal(pl_error_kind(e), PL_ERR_INTERRUPTED);
	struct pl_error *first = NULL;
	pl_error_keep_first(&first, e);
	pl_error_keep_first(&first, pl_error_new(PL_ERR_LAB, "later"));
	assert_ptr_equal(first, e);
	pl_error_free(first);
}

static void test_nomem(void **state)
{
	(void)state;
	char line[64];
	struct pl_error *e = pl_error_hint(pl_error_at(pl_error_nomem(), "here"), "x");
	assert_string_equal(pl_error_line(e, line, sizeof line), "out of memory");
	assert_int_equal(pl_error_exit_code(e), 3);
	pl_error_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_nomem),
	};
	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
