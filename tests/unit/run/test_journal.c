#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/run/journal.h"
#include "tests/unit/folder.h"

static char path[128];

static int set_up(void **state)
{
	if (make_folder(state) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/journal.ndjson", folder);
	return 0;
}

static void test_story(void **state)
{
	(void)state;
	struct journal *j = NULL;
	struct journal_state s;
	int64_t snapshot = 0, power = 0;
	assert_null(journal_open(path, &j));
	assert_null(journal_write(j, "begin", json_pack("{s:s}", "vmx", "/v.vmx")));
	assert_null(journal_intent(j, "snapshot", json_pack("{s:s}", "snapshot", "paniclab-1"), &snapshot));
	assert_null(journal_done(j, snapshot));
	assert_null(journal_intent(j, "power", NULL, &power));
	journal_close(j);

	assert_null(journal_read(path, &s));
	assert_int_equal(s.count, 2);
	assert_int_equal(journal_pending(&s), 2);
	assert_string_equal(json_string_value(json_object_get(s.begin, "vmx")), "/v.vmx");
	assert_true(s.changes[0].done);
	assert_false(s.changes[1].done);
	assert_string_equal(
		json_string_value(json_object_get(s.changes[0].before, "snapshot")), "paniclab-1");
	journal_state_deinit(&s);

	/* Another process goes on where the first one died. */
	assert_null(journal_open(path, &j));
	assert_null(journal_undone(j, power, "off"));
	assert_null(journal_note(j, snapshot, "reverted"));
	journal_close(j);
	assert_null(journal_read(path, &s));
	assert_int_equal(journal_pending(&s), 1);
	assert_true(journal_has_note(&s.changes[0], "reverted"));
	assert_false(journal_has_note(&s.changes[0], "revert"));
	journal_state_deinit(&s);
	unlink(path);
}

static void append(const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_torn_line(void **state)
{
	(void)state;
	struct journal *j = NULL;
	struct journal_state s;
	int64_t first = 0, second = 0;
	assert_null(journal_open(path, &j));
	assert_null(journal_intent(j, "snapshot", NULL, &first));
	journal_close(j);
	append("{\"n\":2,\"kind\":\"intent\",\"chan");
	assert_null(journal_read(path, &s));
	assert_int_equal(s.count, 1);
	assert_int_equal(s.skipped, 1);
	journal_state_deinit(&s);
	assert_null(journal_open(path, &j));
	assert_null(journal_intent(j, "power", NULL, &second));
	assert_true(second != first);
	journal_close(j);
	assert_null(journal_read(path, &s));
	assert_int_equal(s.count, 2);
	assert_string_equal(s.changes[1].change, "power");
	assert_true(s.changes[1].id == second);
	journal_state_deinit(&s);
	unlink(path);
}

static void test_garbage(void **state)
{
	(void)state;
	struct journal_state s;
	append("\n\n[1]\nnull\n{\"kind\":\"intent\"}\n{\"kind\":\"done\",\"of\":\"x\"}\n{\"kind\":5}"
	       "\n\"\\u0000\"\n");
	assert_null(journal_read(path, &s));
	assert_int_equal(s.count, 0);
	journal_state_deinit(&s);
	unlink(path);
	struct pl_error *e = journal_read(path, &s);
	assert_non_null(e);
	pl_error_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_story),
		cmocka_unit_test(test_torn_line),
		cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests_name("journal", tests, set_up, remove_folder);
}
