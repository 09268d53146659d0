/*
 * What the programs that read DWARF print, as scripts that print it: the words are those of llvm-symbolizer
 * 14, lldb 14, and atos by its manual. tests/e2e/inspect_symbols.sh runs the real ones that there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>

#include "orchestrator/core/source_lines.h"
#include "tests/unit/temp_dir.h"

static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
static struct temp_dir dir;
static char *answers[4];
static const char *tool, *why;

static int set_up(void **state)
{
	(void)state;
	temp_make(&dir);
	signal(SIGPIPE, SIG_IGN); /* as the program does */
	setenv("PATH", dir.path, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		free(answers[i]);
		answers[i] = NULL;
	}
	temp_remove(&dir);
	return 0;
}

static void script(const char *name, const char *body)
{
	char path[256], text[4096];
	snprintf(text, sizeof text, "PATH=/bin:/usr/bin\n%s", body);
	temp_script(&dir, name, text, path);
}

/* Two files, an address twice, out of order. */
static void ask(void)
{
	struct source_query q[] = {
		{"/b.dwarf", "x86_64", 0x100, 0x20, &answers[0]},
		{"/a.dwarf", "x86_64", 0x100, 0x30, &answers[1]},
		{"/a.dwarf", "x86_64", 0x100, 0x10, &answers[2]},
		{"/a.dwarf", "x86_64", 0x100, 0x30, &answers[3]},
	};
	assert_null(source_lines(q, 4, &forever, &tool, &why));
}

static void assert_said(const char *b20, const char *a30, const char *a10)
{
	const char *want[] = {b20, a30, a10, a30};
	for (size_t i = 0; i < 4; i++) {
		if (!want[i])
			assert_null(answers[i]);
		else
			assert_string_equal(answers[i], want[i]);
	}
}

static void assert_asked(const char *want)
{
	char said[1024];
	assert_string_equal(temp_read(&dir, "asked", said, sizeof said), want);
}

static void nobody_knows(void **state)
{
	(void)state;
	ask();
	assert_said(NULL, NULL, NULL);
	assert_null(tool);
	assert_non_null(why);
	assert_null(source_lines(NULL, 0, &forever, &tool, &why));
	assert_null(tool);
	assert_null(why); /* nothing was asked */
}

static void llvm_symbolizer_knows(void **state)
{
	(void)state;
	script("llvm-symbolizer", "while read -r a; do echo \"$6 $a\" >>$D/asked\n"
				  "case $6$a in /a.dwarf0x10) echo '/s/my kern.c:35:3' ;;\n"
				  "/b*) echo 'C:\\src\\x.c:7' ;;\n"
				  "*) echo '??:0:0' ;; esac; echo; done");
	ask();
	assert_string_equal(tool, "llvm-symbolizer");
	assert_said("C:\\src\\x.c:7", NULL, "/s/my kern.c:35");
	assert_asked("/a.dwarf 0x10\n/a.dwarf 0x30\n/b.dwarf 0x20\n");
}

static void a_version_of_it_will_do(void **state)
{
	(void)state;
	script("llvm-symbolizer-14", "while read -r a; do echo /s/kern.c:1:2; echo; done");
	ask();
	assert_said("/s/kern.c:1", "/s/kern.c:1", "/s/kern.c:1");
}

static void atos_knows(void **state)
{
	(void)state;
	script("llvm-symbolizer", "exit 1");
	script("atos", "echo \"$@\" >>$D/asked\n"
		       "case $2 in /a.dwarf) echo 'panic (in kernel) (/s/kern.c:42)'; echo '0x30' ;;\n"
		       "*) echo 'f(int) (in Panicker) + 16' ;; esac");
	ask();
	assert_string_equal(tool, "atos");
	assert_said(NULL, NULL, "/s/kern.c:42");
	assert_asked("-o /a.dwarf -arch x86_64 -fullPath -l 0x100 0x10 0x30\n"
		     "-o /b.dwarf -arch x86_64 -fullPath -l 0x100 0x20\n");
}

static void lldb_knows(void **state)
{
	(void)state;
	script("lldb", "echo '(lldb) target create \"/a.dwarf\"'\n"
		       "echo '(lldb) target modules lookup --verbose --address 0x10'\n"
		       "echo 'warning: something else'\n"
		       "echo '(lldb) target modules lookup --verbose --address 0x30'\n"
		       "echo '      Summary: kernel`panic + 21 at kern.c:42:3'\n"
		       "echo '    LineEntry: [0x30-0x35): /s/kern.c:42:3, is_start_of_statement = TRUE'\n"
		       "echo '    LineEntry: [0x30-0x35): /s/kern.c:42:3'\n");
	ask();
	assert_string_equal(tool, "lldb");
	assert_said(NULL, "/s/kern.c:42", NULL);
}

/* Too few lines, no lines, lines of something else. */
static void nonsense_is_no_answer(void **state)
{
	(void)state;
	script("llvm-symbolizer", "cat >/dev/null; case $6 in /a*) echo ':12:3'; echo 'x.c:0:0' ;; esac");
	ask();
	assert_said(NULL, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_knows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(llvm_symbolizer_knows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_version_of_it_will_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(atos_knows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lldb_knows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nonsense_is_no_answer, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
