/* server/leftover.h: which files of a killed server are set aside, and which are not. */
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/leftover.h"
#include "tests/unit/temp_dir.h"

static struct temp_dir dir;
static int dir_fd;

static int open_dir(void)
{
	return open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int begin(void **state)
{
	(void)state;
	temp_make(&dir);
	dir_fd = open_dir();
	return dir_fd < 0;
}

static int end(void **state)
{
	(void)state;
	close(dir_fd);
	temp_remove(&dir);
	return 0;
}

static void put(const char *name, const char *text, mode_t mode)
{
	char path[256];
	temp_file(&dir, name, text, path);
	assert_int_equal(chmod(path, mode), 0);
}

static bool exists(const char *name)
{
	struct stat st;
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void holds(const char *name, const char *text)
{
	char got[64];
	assert_true(exists(name));
	assert_string_equal(temp_read(&dir, name, got, sizeof got), text);
}

static void test_set_aside(void **state)
{
	(void)state;
	char text[1024];
	put("core-a.gz.partial", "four", 0600);
	put("core-b.partial", "", 0600);
	put("core-b.incomplete", "older", 0600);
	/* The last write: 2001-09-09, a billion seconds after 1970 began. */
	const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	assert_int_equal(utimensat(dir_fd, "core-a.gz.partial", times, 0), 0);
	assert_null(leftover_settle(dir_fd, NULL));
	holds("core-a.gz.incomplete", "four");
	assert_false(exists("core-a.gz.partial"));
	holds("core-b.incomplete-2", "");
	holds("core-b.incomplete", "older");
	assert_true(exists("core-b.incomplete-2.json"));
	assert_false(exists("core-b.incomplete.json"));

	json_t *o = json_loads(temp_read(&dir, "core-a.gz.incomplete.json", text, sizeof text), 0, NULL);
	json_t *wanted = json_pack("{s:s, s:s, s:s, s:i, s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "name",
		"core-a.gz", "why", "killed", "reason", "the server ended without being told to", "size", 4,
		"ended", "2001-09-09T01:46:40Z", "peer", "bytes", "packets", "resent", "gzip", "core",
		"started");
	assert_non_null(wanted);
	assert_true(json_equal(o, wanted));
	json_decref(o);
	json_decref(wanted);
}

static void test_not_ours(void **state)
{
	(void)state;
	put("readable.partial", "x", 0644);
	put("two-names.partial", "x", 0600);
	put("folder.partial/file", "x", 0600);
	put(".partial", "x", 0600);
	put("a b.partial", "x", 0600);
	put("core", "x", 0600);
	put("core.partial2", "x", 0600);
	put("target", "x", 0600);
	assert_int_equal(linkat(dir_fd, "two-names.partial", dir_fd, "other-name", 0), 0);
	assert_int_equal(symlinkat("target", dir_fd, "link.partial"), 0);
	assert_int_equal(mkfifoat(dir_fd, "fifo.partial", 0600), 0);
	assert_null(leftover_settle(dir_fd, NULL));
	static const char *const names[] = {"readable.partial", "two-names.partial", "folder.partial",
		".partial", "a b.partial", "core", "core.partial2", "target", "link.partial", "fifo.partial"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_true(exists(names[i]));
}

/* Two servers in one folder: what one is writing is nothing to the other, as long as it lives. */
static void test_another_server(void **state)
{
	(void)state;
	int second = open_dir();
	assert_null(leftover_settle(dir_fd, NULL));
	put("core.partial", "of the first", 0600);
	assert_null(leftover_settle(second, NULL));
	holds("core.partial", "of the first");
	/* The second goes; a third finds the first. */
	close(second);
	second = open_dir();
	assert_null(leftover_settle(second, NULL));
	holds("core.partial", "of the first");
	close(second);
	/* The first is killed. */
	close(dir_fd);
	dir_fd = open_dir();
	assert_null(leftover_settle(dir_fd, NULL));
	holds("core.incomplete", "of the first");
}

static void test_read_only_folder(void **state)
{
	(void)state;
	if (geteuid() == 0) {
		print_message("root may write to any folder\n");
		skip();
	}
	put("core.partial", "x", 0600);
	assert_int_equal(fchmod(dir_fd, 0500), 0);
	struct pl_error *err = leftover_settle(dir_fd, NULL);
	assert_int_equal(fchmod(dir_fd, 0700), 0);
	assert_non_null(err);
	assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
	pl_error_free(err);
	holds("core.partial", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_set_aside, begin, end),
		cmocka_unit_test_setup_teardown(test_not_ours, begin, end),
		cmocka_unit_test_setup_teardown(test_another_server, begin, end),
		cmocka_unit_test_setup_teardown(test_read_only_folder, begin, end),
	};
	return cmocka_run_group_tests_name("leftover", tests, NULL, NULL);
}
