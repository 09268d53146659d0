/*
 * Command files. How lldb 14 and gdb 13 read a quoted path was tried with the
 * programs themselves; tests/cli/inspect-debugger.sh does it again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/debugger.h"

static struct pl_buf out;

static int begin(void **state)
{
	(void)state;
	pl_buf_init(&out, DEBUGGER_COMMANDS_MAX);
	return 0;
}

static int end(void **state)
{
	(void)state;
	pl_buf_deinit(&out);
	return 0;
}

static void quoted(enum debugger_quoting q, const char *path, const char *want)
{
	pl_buf_clear(&out);
	assert_null(debugger_quote(q, path, &out));
	assert_string_equal(pl_buf_text(&out), want);
}

static void refused(enum debugger_quoting q, const char *path)
{
	pl_buf_clear(&out);
	struct pl_error *e = debugger_quote(q, path, &out);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	assert_string_equal(pl_buf_text(&out), "");
	pl_error_free(e);
}

static void quotes_paths_for_each_command(void **state)
{
	(void)state;
	quoted(DEBUGGER_QUOTE_LLDB, "/a b/k", "\"/a b/k\"");
	quoted(DEBUGGER_QUOTE_LLDB, "/a\"b'c\\d`e$f", "\"/a\\\"b'c\\\\d\\`e$f\"");
	quoted(DEBUGGER_QUOTE_GDB, "/a\"b'c\\d`e$f", "\"/a\\\"b'c\\\\d`e$f\"");
	quoted(DEBUGGER_QUOTE_RAW, "/a\"b'c\\d`e f", "/a\"b'c\\d`e f");
	quoted(DEBUGGER_QUOTE_LLDB, "/K\xc3\xa4se", "\"/K\xc3\xa4se\"");
}

static void refuses_what_would_end_the_command(void **state)
{
	(void)state;
	static const char *const bad[] = {"/a\nb", "/a\rb", "/a\033b", "/\177", "/a\tb", "a", "-x", ""};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		refused(DEBUGGER_QUOTE_LLDB, bad[i]);
		refused(DEBUGGER_QUOTE_GDB, bad[i]);
		refused(DEBUGGER_QUOTE_RAW, bad[i]);
	}
	refused(DEBUGGER_QUOTE_RAW, "/a ");
}

/* Comments are the reader's affair. */
static const char *commands(const struct debugger_session *s)
{
	static char text[4096];
	size_t n = 0;

	pl_buf_clear(&out);
	assert_null(debugger_commands(s, &out));
	for (const char *line = pl_buf_text(&out); *line; line += strcspn(line, "\n") + 1) {
		size_t len = strcspn(line, "\n") + 1;
		if (line[0] == '#')
			continue;
		memcpy(text + n, line, len);
		n += len;
	}
	text[n] = '\0';
	return text;
}

static struct debugger_kext kexts[] = {
	{.path = "/k/A", .dsym = "/k/A.dSYM/A", .slide = 0xffffff7f98e3b000, .code = 0xffffff7f98e3c000},
	{.path = "/k/B", .slide = 0x1000, .code = 0x1400}};

static void opens_a_core_with_all_there_is(void **state)
{
	(void)state;
	struct debugger_session s = {.core = "/c",
		.kernel = "/kernel",
		.kernel_dsym = "/d/kernel",
		.has_macros = true,
		.thread = 3,
		.kexts = kexts,
		.kext_count = 2};

	assert_string_equal(commands(&s), "settings set target.load-script-from-symbol-file true\n"
					  "target create --symfile \"/d/kernel\" --core \"/c\" \"/kernel\"\n"
					  "target modules add --symfile \"/k/A.dSYM/A\" \"/k/A\"\n"
					  "target modules add \"/k/B\"\n"
					  "target modules load --file \"/k/A\" --slide 0xffffff7f98e3b000\n"
					  "target modules load --file \"/k/B\" --slide 0x1000\n"
					  "thread select 3\nbt\npaniclog\nshowcurrentstacks\n");
}

static void leaves_out_what_is_not_there(void **state)
{
	(void)state;
	struct debugger_session s = {.core = "/c", .kernel = "/kernel", .thread = 1};

	assert_string_equal(commands(&s), "settings set target.load-script-from-symbol-file true\n"
					  "target create --core \"/c\" \"/kernel\"\nbt\n");
	s.kernel = NULL;
	assert_string_equal(commands(&s), "settings set target.load-script-from-symbol-file true\n"
					  "target create --core \"/c\"\nbt\n");
}

static void speaks_gdb(void **state)
{
	(void)state;
	struct debugger_session s = {.kind = DEBUGGER_GDB,
		.core = "/a core",
		.kernel = "/vol/mach_kernel",
		.macros = "/vol/kg macros",
		.kexts = kexts,
		.kext_count = 2};

	assert_string_equal(commands(&s), "file \"/vol/mach_kernel\"\ncore-file /a core\n"
					  "add-symbol-file \"/k/A\" 0xffffff7f98e3c000\n"
					  "add-symbol-file \"/k/B\" 0x1400\n"
					  "source /vol/kg macros\npaniclog\nshowcurrentstacks\nbt\n");
	s.macros = NULL;
	s.kext_count = 0;
	assert_string_equal(commands(&s), "file \"/vol/mach_kernel\"\ncore-file /a core\nbt\n");
}

static void stops_at_a_path_that_no_command_holds(void **state)
{
	(void)state;
	struct debugger_session s = {.core = "/c\nshell rm"};
	struct pl_error *e = debugger_commands(&s, &out);

	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
}

static void reads_odd_templates(void **state)
{
	(void)state;
	struct debugger_session s = {.core = "/c", .kexts = kexts, .kext_count = 1};
	assert_null(debugger_fill("{{core}}{{core}} {{\n{{}}\n{{what}}\n}}{{kext}}{{core}}\nlast", &s, &out));
	assert_string_equal(pl_buf_text(&out), "\"/c\"\"/c\" {{\n}}\"/k/A\"\"/c\"\nlast\n");
}

static void knows_its_debuggers(void **state)
{
	(void)state;
	enum debugger_kind k;
	assert_true(debugger_kind_parse("gdb", &k) && k == DEBUGGER_GDB);
	assert_true(debugger_kind_parse("lldb", &k) && k == DEBUGGER_LLDB);
	assert_false(debugger_kind_parse("windbg", &k));
	assert_false(debugger_kind_parse("", &k));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quotes_paths_for_each_command),
		TEST(refuses_what_would_end_the_command),
		TEST(opens_a_core_with_all_there_is),
		TEST(leaves_out_what_is_not_there),
		TEST(speaks_gdb),
		TEST(stops_at_a_path_that_no_command_holds),
		TEST(reads_odd_templates),
		TEST(knows_its_debuggers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
