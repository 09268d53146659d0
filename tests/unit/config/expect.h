/* Helpers of the tests of config: a text in, the printed form or the error line out. */
#ifndef TESTS_UNIT_CONFIG_EXPECT_H
#define TESTS_UNIT_CONFIG_EXPECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

struct refusal {
	const char *text;
	const char *line; /* all of the error's line */
};

static inline void expect_ok(struct pl_error *e)
{
	char line[1024];

	if (e == NULL)
		return;
	pl_error_line(e, line, sizeof line);
	pl_error_free(e);
	fail_msg("%s", line);
}

/* Ends e, which must be a mistake of the user whose line is that. */
static inline void expect_line(struct pl_error *e, const char *expected)
{
	char line[1024];

	assert_non_null(e);
	assert_int_equal(pl_error_exit_code(e), 2);
	pl_error_line(e, line, sizeof line);
	pl_error_free(e);
	assert_string_equal(line, expected);
}

#endif
