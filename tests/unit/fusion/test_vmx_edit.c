/* Edits of .vmx files: one line changes, nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/fusion/vmx.h"
#include "orchestrator/fusion/vmx_edit.h"

static struct pl_buf text_of(const char *text)
{
	struct pl_buf b;

	pl_buf_init(&b, VMX_SIZE_MAX);
	assert_null(pl_buf_puts(&b, text));
	return b;
}

/* Sets, and takes it back: from `before` to `after` and again to `before`. */
static void set_is(const char *before, const char *key, const char *value, const char *after)
{
	struct pl_buf b = text_of(before), line = text_of("");

	assert_null(vmx_save_line(&b, key, &line));
	assert_null(vmx_set(&b, key, value));
	assert_string_equal(pl_buf_text(&b), after);
	assert_null(vmx_set(&b, key, value));
	assert_string_equal(pl_buf_text(&b), after);
	assert_null(vmx_restore_line(&b, key, line.data, line.size));
	assert_string_equal(pl_buf_text(&b), before);
	pl_buf_deinit(&b);
	pl_buf_deinit(&line);
}

static void remove_is(const char *before, const char *key, const char *after)
{
	struct pl_buf b = text_of(before);

	assert_null(vmx_remove(&b, key));
	assert_string_equal(pl_buf_text(&b), after);
	pl_buf_deinit(&b);
}

static void sets(void **state)
{
	(void)state;
	set_is("a = \"1\"\nb = \"2\"\n", "a", "3", "a = \"3\"\nb = \"2\"\n");
	set_is("a = \"1\"\nb = \"2\"\n", "B", "", "a = \"1\"\nb = \"\"\n");
	set_is("a = \"1\"\n", "b", "2", "a = \"1\"\nb = \"2\"\n");
	set_is("a = \"1\"\r\n", "b", "2", "a = \"1\"\r\nb = \"2\"\r\n");
	set_is("a = \"1\"\r\nb=2", "c", "3", "a = \"1\"\r\nb=2\r\nc = \"3\"");
	set_is("a = \"1\"\nb=2", "b", "3", "a = \"1\"\nb=\"3\"");
	set_is("", "a", "1", "a = \"1\"\n");
	set_is("#!/usr/bin/vmware\n\n  serial0.Present=TRUE   # ours\nodd line\n", "SERIAL0.present", "FALSE",
		"#!/usr/bin/vmware\n\n  serial0.Present=\"FALSE\"   # ours\nodd line\n");
	set_is("a=\n", "a", "1", "a=\"1\"\n");
	set_is("a=#x\n", "a", "1", "a=\"1\"#x\n");
	set_is("a = \"open\n", "a", "1", "a = \"1\"\n");
	set_is("\xef\xbb\xbf"
	       "a = \"1\"\n",
		"a", "é",
		"\xef\xbb\xbf"
		"a = \"é\"\n");
	set_is("# a = \"1\"\n", "a", "2", "# a = \"1\"\na = \"2\"\n");
}

static void escapes(void **state)
{
	(void)state;
	set_is("", "a", "say \"x|y\"\x7f\r\n\t#", "a = \"say |22x|7Cy|22|7F|0D|0A\t#\"\n");
}

static void removes(void **state)
{
	(void)state;
	remove_is("a = \"1\"\nb = \"2\"\n", "a", "b = \"2\"\n");
	remove_is("a = \"1\"\nb = \"2\"", "B", "a = \"1\"");
	remove_is("a = \"1\"\r\nb = \"2\"", "B", "a = \"1\"");
	remove_is("a = \"1\"", "a", "");
	remove_is("a = \"1\"\n", "b", "a = \"1\"\n");
	remove_is("\xef\xbb\xbf"
		  "a = \"1\"\nb = \"2\"\n",
		"a",
		"\xef\xbb\xbf"
		"b = \"2\"\n");
}

/* VMware has written the file anew: other order, other line ends. */
static void restores_later(void **state)
{
	static const char line[] = "  Serial0.present=TRUE # mine\r\n";
	struct pl_buf b = text_of("z = \"1\"\nserial0.present = \"FALSE\"\na = \"2\"\n");

	(void)state;
	assert_null(vmx_restore_line(&b, "serial0.present", line, sizeof line - 1));
	assert_string_equal(pl_buf_text(&b), "z = \"1\"\n  Serial0.present=TRUE # mine\r\na = \"2\"\n");
	assert_null(vmx_restore_line(&b, "serial0.present", NULL, 0));
	assert_string_equal(pl_buf_text(&b), "z = \"1\"\na = \"2\"\n");
	assert_null(vmx_restore_line(&b, "serial0.present", line, sizeof line - 3));
	assert_string_equal(pl_buf_text(&b), "z = \"1\"\na = \"2\"\n  Serial0.present=TRUE # mine\n");
	pl_buf_deinit(&b);
}

static void fails(struct pl_error *e, enum pl_error_kind kind, const char *words)
{
	char line[300];

	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), kind);
	assert_non_null(strstr(pl_error_line(e, line, sizeof line), words));
	pl_error_free(e);
}

static void refuses(void **state)
{
	static const char twice[] = "a = \"1\"\n#\nA = \"2\"\n";
	struct pl_buf b = text_of(twice), enc = text_of("encryption.data = \"x\"\n"),
		      plain = text_of("a = \"1\"\n");

	(void)state;
	fails(vmx_set(&b, "a", "3"), PL_ERR_DATA, "line 1 and in line 3");
	fails(vmx_remove(&b, "a"), PL_ERR_DATA, "line 1 and in line 3");
	fails(vmx_restore_line(&b, "a", "a=1\n", 4), PL_ERR_DATA, "line 1 and in line 3");
	fails(vmx_set(&b, "a b", "3"), PL_ERR_USAGE, "cannot be a key");
	fails(vmx_set(&b, "", "3"), PL_ERR_USAGE, "cannot be a key");
	fails(vmx_restore_line(&b, "b", "a=1\n", 4), PL_ERR_DATA, "not its line");
	fails(vmx_restore_line(&b, "b", "b=1\nc=2\n", 8), PL_ERR_DATA, "not its line");
	assert_string_equal(pl_buf_text(&b), twice);
	fails(vmx_set(&enc, "a", "3"), PL_ERR_LAB, "encrypted");
	fails(vmx_set(&plain, "a", "é"), PL_ERR_USAGE, "not ASCII");
	pl_buf_deinit(&plain);
	plain = text_of(".encoding = \"windows-1252\"\na = \"1\"\n");
	fails(vmx_set(&plain, "a", "é"), PL_ERR_USAGE, "not ASCII");
	assert_null(vmx_set(&plain, ".encoding", "UTF-8"));
	assert_null(vmx_set(&plain, "a", "é"));
	assert_string_equal(pl_buf_text(&plain), ".encoding = \"UTF-8\"\na = \"é\"\n");
	pl_buf_deinit(&plain);
	pl_buf_deinit(&b);
	pl_buf_deinit(&enc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets),
		cmocka_unit_test(escapes),
		cmocka_unit_test(removes),
		cmocka_unit_test(restores_later),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
