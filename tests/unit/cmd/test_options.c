#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "orchestrator/cmd/options.h"

static const struct cmd_option own[] = {
	{"bind", 'b', "ADDR", "where to listen"},
	{"allow", 0, "NET", "repeatable"},
	{"once", 'o', NULL, "a flag"},
	{"in", 'i', "DIR", "a path"},
	{NULL, 0, NULL, NULL},
};

static const struct cmd sample = {
	.name = "sample",
	.synopsis = "[options] FILE",
	.summary = "a command for this test",
	.example = "paniclab sample x",
	.options = own,
	.min_args = 1,
	.max_args = 2,
};

static struct pl_error *parse(struct cmd_input *in, int count, ...)
{
	char *argv[16];
	va_list words;
	va_start(words, count);
	for (int i = 0; i < count; i++)
		argv[i] = va_arg(words, char *);
	va_end(words);
	return cmd_parse(&sample, count, argv, in);
}

static void refused(struct pl_error *e, struct cmd_input *in, const char *words)
{
	char line[256];
	assert_non_null(e);
	assert_int_equal(pl_error_exit_code(e), 2);
	assert_non_null(strstr(pl_error_line(e, line, sizeof line), words));
	pl_error_free(e);
	cmd_input_deinit(in);
}

static void test_forms(void **state)
{
	(void)state;
	struct cmd_input in;
	assert_null(parse(
		&in, 8, "-b1.2.3.4", "file", "--allow", "10.0.0.0/8", "-vov", "--allow=x=y", "--", "-z"));
	assert_string_equal(cmd_value(&in, "bind"), "1.2.3.4");
	assert_string_equal(cmd_nth(&in, "allow", 0), "10.0.0.0/8");
	assert_string_equal(cmd_nth(&in, "allow", 1), "x=y");
	assert_null(cmd_nth(&in, "allow", 2));
	/* The last one counts. */
	assert_string_equal(cmd_value(&in, "allow"), "x=y");
	assert_true(cmd_flag(&in, "once"));
	assert_non_null(cmd_nth(&in, "verbose", 1));
	assert_null(cmd_nth(&in, "verbose", 2));
	assert_int_equal(cmd_args(&in), 2);
	assert_string_equal(cmd_arg(&in, 0), "file");
	assert_string_equal(cmd_arg(&in, 1), "-z");
	assert_null(cmd_arg(&in, 2));
	cmd_input_deinit(&in);
	/* A lone dash is an argument: standard input. */
	assert_null(parse(&in, 1, "-"));
	assert_string_equal(cmd_arg(&in, 0), "-");
	cmd_input_deinit(&in);
}

static void test_misuse(void **state)
{
	(void)state;
	struct cmd_input in;
	refused(parse(&in, 2, "--bimd", "x"), &in, "did you mean --bind?");
	refused(parse(&in, 2, "--bimd=5", "x"), &in, "did you mean --bind?");
	refused(parse(&in, 2, "-x", "x"), &in, "unknown option -x");
	refused(parse(&in, 2, "-ob", "x"), &in, "unknown option -ob");
	refused(parse(&in, 2, "x", "--bind"), &in, "give it as --bind ADDR");
	refused(parse(&in, 2, "x", "--once=yes"), &in, "--once takes no value");
	refused(parse(&in, 0), &in, "an argument is missing");
	refused(parse(&in, 3, "a", "b", "c"), &in, "too many arguments");
	refused(parse(&in, 2, "--\033[31m", "x"), &in, "\\x1b");
}

static void test_help_needs_no_arguments(void **state)
{
	(void)state;
	struct cmd_input in;
	struct pl_buf text;
	assert_null(parse(&in, 1, "-h"));
	assert_true(cmd_flag(&in, "help"));
	cmd_input_deinit(&in);
	pl_buf_init(&text, 10000);
	assert_null(cmd_help(&sample, &text));
	assert_non_null(strstr(pl_buf_text(&text), "usage: paniclab sample [options] FILE"));
	assert_non_null(strstr(pl_buf_text(&text), "-b, --bind ADDR"));
	assert_non_null(strstr(pl_buf_text(&text), "--dry-run"));
	assert_non_null(strstr(pl_buf_text(&text), "paniclab sample x"));
	pl_buf_deinit(&text);
}

static void test_paths(void **state)
{
	(void)state;
	struct cmd_input in;
	setenv("HOME", "/home/of", 1);
	assert_null(parse(&in, 6, "--in=~/kits", "-i~", "--in", "a/~", "--bind=~/x", "~/file"));
	assert_string_equal(cmd_nth(&in, "in", 0), "/home/of/kits");
	assert_string_equal(cmd_nth(&in, "in", 1), "/home/of");
	assert_string_equal(cmd_nth(&in, "in", 2), "a/~");
	assert_string_equal(cmd_value(&in, "bind"), "~/x"); /* not a path */
	assert_string_equal(cmd_arg(&in, 0), "~/file");     /* the shell's, had it wanted to */
	cmd_input_deinit(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_help_needs_no_arguments),
		cmocka_unit_test(test_paths),
	};
	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
