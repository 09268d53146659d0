#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/unit/report/report_docs.h"

static int make_folder(void **state)
{
	char *dir = strdup("/tmp/paniclab-report-XXXXXX");
	*state = dir;
	return dir == NULL || mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	pl_error_free(pl_fs_remove_tree(*state));
	free(*state);
	return 0;
}

static void in_folder(const char *dir, const char *name, char out[256])
{
	snprintf(out, 256, "%s/%s", dir, name);
}

static void writes_three_private_files(void **state)
{
	static const char *const names[] = {"report.json", "report.html", "report.md"};
	json_t *doc = doc_load("full");
	assert_null(report_write_all(*state, doc));
	char path[256];
	for (size_t i = 0; i < 3; i++) {
		struct stat st;
		in_folder(*state, names[i], path);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	in_folder(*state, "report.json", path);
	json_t *again = json_load_file(path, 0, NULL);
	assert_true(json_equal(doc, again));
	json_decref(again);
	json_decref(doc);
}

static void pages_leave_the_document_alone(void **state)
{
	char path[256];
	json_t *doc = json_object();
	assert_null(report_write_pages(*state, doc));
	in_folder(*state, "report.json", path);
	assert_int_not_equal(access(path, F_OK), 0);
	in_folder(*state, "report.md", path);
	assert_int_equal(access(path, F_OK), 0);
	json_decref(doc);
}

static void a_page_that_cannot_be_written_spares_the_others(void **state)
{
	char path[256];
	in_folder(*state, "report.html", path);
	assert_int_equal(mkdir(path, 0700), 0);
	in_folder(*state, "report.html/x", path);
	assert_int_equal(mkdir(path, 0700), 0);
	json_t *doc = json_object();
	struct pl_error *e = report_write_all(*state, doc);
	assert_non_null(e);
	assert_has(pl_error_chain(e), "report.html");
	pl_error_free(e);
	in_folder(*state, "report.json", path);
	assert_int_equal(access(path, F_OK), 0);
	in_folder(*state, "report.md", path);
	assert_int_equal(access(path, F_OK), 0);
	json_decref(doc);
}

static void no_folder_is_an_error(void **state)
{
	(void)state;
	json_t *doc = json_object();
	struct pl_error *e = report_write_all("/nonexistent/paniclab", doc);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_free(e);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_three_private_files, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(pages_leave_the_document_alone, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_page_that_cannot_be_written_spares_the_others, make_folder, remove_folder),
		cmocka_unit_test(no_folder_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
