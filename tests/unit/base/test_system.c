#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/wait.h"
#include "tests/unit/folder.h"

static void fails(struct pl_error *e, enum pl_error_kind kind)
{
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), kind);
	pl_error_free(e);
}

static void test_write(void **state)
{
	(void)state;
	struct pl_buf b;
	struct stat st;
	pl_buf_init(&b, 100);
	assert_null(pl_fs_write(in_folder("f"), "one", 3, 0600));
	assert_null(pl_fs_write(in_folder("f"), "second", 6, 0640));
	assert_null(pl_fs_read(in_folder("f"), &b));
	assert_string_equal(pl_buf_text(&b), "second");
	assert_int_equal(stat(in_folder("f"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	/* A folder in its place: the old thing stands, nothing is left beside it. */
	assert_null(pl_fs_mkdirs(in_folder("d/e")));
	fails(pl_fs_write(in_folder("d"), "x", 1, 0600), PL_ERR_LAB);
	assert_int_equal(unlink(in_folder("f")), 0);
	assert_int_equal(rmdir(in_folder("d/e")), 0);
	assert_int_equal(rmdir(in_folder("d")), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	pl_buf_deinit(&b);
}

/* Mode, owner and link stay; a file that is not there is not made. */
static void test_replace(void **state)
{
	(void)state;
	struct pl_buf b;
	struct stat st;
	pl_buf_init(&b, 100);
	fails(pl_fs_replace(in_folder("f"), "new", 3), PL_ERR_LAB);
	assert_int_equal(access(in_folder("f"), F_OK), -1);
	assert_null(pl_fs_write(in_folder("f"), "one", 3, 0604));
	/* As root a file of somebody else's, as a user one of one's own. */
	uid_t owner = getuid() == 0 ? 1234 : getuid();
	assert_int_equal(chown(in_folder("f"), owner, (gid_t)-1), 0);
	assert_int_equal(symlink("f", in_folder("link")), 0);
	assert_null(pl_fs_replace(in_folder("link"), "new", 3));
	assert_int_equal(lstat(in_folder("link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(in_folder("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(st.st_uid, owner);
	assert_null(pl_fs_read(in_folder("f"), &b));
	assert_string_equal(pl_buf_text(&b), "new");
	assert_int_equal(unlink(in_folder("link")), 0);
	assert_int_equal(unlink(in_folder("f")), 0);
	pl_buf_deinit(&b);
}

static void test_read_limit(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 3);
	assert_null(pl_fs_write(in_folder("f"), "four", 4, 0600));
	fails(pl_fs_read(in_folder("f"), &b), PL_ERR_DATA);
	fails(pl_fs_read(in_folder("absent"), &b), PL_ERR_LAB);
	pl_buf_deinit(&b);
}

static void test_remove_tree_follows_no_link(void **state)
{
	(void)state;
	assert_null(pl_fs_mkdirs(in_folder("keep")));
	assert_null(pl_fs_write(in_folder("keep/file"), "x", 1, 0600));
	assert_null(pl_fs_mkdirs(in_folder("gone/sub")));
	assert_int_equal(symlink(in_folder("keep"), in_folder("gone/sub/link")), 0);
	assert_null(pl_fs_remove_tree(in_folder("gone")));
	assert_false(pl_fs_exists(in_folder("gone")));
	assert_true(pl_fs_exists(in_folder("keep/file")));
	assert_null(pl_fs_remove_tree(in_folder("never-was")));
}

static void test_lock(void **state)
{
	(void)state;
	struct pl_lock a = {-1}, b = {-1};
	assert_null(pl_lock_take(&a, in_folder("lock"), "run 1\n"));
	struct pl_error *e = pl_lock_take(&b, in_folder("lock"), "run 2\n");
	assert_non_null(e);
	assert_string_equal(pl_error_reason(e), "held by run 1");
	pl_error_free(e);
	pl_lock_release(&a);
	assert_null(pl_lock_take(&b, in_folder("lock"), "run 2\n"));
	pl_lock_release(&b);
}

static struct pl_error *run(const char *script, const char *input, int64_t ns, struct pl_proc_result *r)
{
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	struct pl_wait w = pl_wait_for(ns, NULL);
	struct pl_proc_spec spec = {.argv = argv,
		.input = input,
		.input_size = input == NULL ? 0 : strlen(input),
		.output_max = 1000};
	return pl_proc_run(&spec, &w, r);
}

static void test_proc_output(void **state)
{
	(void)state;
	struct pl_proc_result r;
	assert_null(run("cat; echo err >&2; exit 7", "hello", 20 * PL_SECOND, &r));
	assert_string_equal(pl_buf_text(&r.out), "hello");
	assert_string_equal(pl_buf_text(&r.err), "err\n");
	assert_int_equal(r.status, 7);
	pl_proc_result_deinit(&r);
	assert_null(run("i=0; while [ $i -lt 2000 ]; do echo x; i=$((i+1)); done", NULL, 20 * PL_SECOND, &r));
	assert_int_equal(r.out.size, 1000);
	assert_true(r.out_cut);
	assert_int_equal(r.status, 0);
	pl_proc_result_deinit(&r);
	assert_null(run("kill -TERM $$", NULL, 20 * PL_SECOND, &r));
	assert_int_equal(r.status, -1);
	assert_int_equal(r.signal, SIGTERM);
	pl_proc_result_deinit(&r);
}

static void test_proc_deadline_kills_the_group(void **state)
{
	(void)state;
	struct pl_proc_result r;
	/* The grandchild holds the output open and must die with its parent. */
	struct pl_error *e = run("echo started; sleep 600 & echo $!; wait", NULL, 500 * PL_MS, &r);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	assert_string_equal(pl_error_place(e), "/bin/sh");
	pl_error_free(e);
	const char *line = strchr(pl_buf_text(&r.out), '\n');
	assert_non_null(line);
	pid_t grandchild = atoi(line + 1);
	assert_true(grandchild > 0);
	/* It is init's to reap now; until then it is a zombie, which kill() still finds. */
	char stat_path[64];
	struct pl_wait w = pl_wait_for(20 * PL_SECOND, NULL);
	while (kill(grandchild, 0) == 0) {
		char text[256] = "";
		snprintf(stat_path, sizeof stat_path, "/proc/%d/stat", (int)grandchild);
		int fd = open(stat_path, O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
		if (fd >= 0)
			close(fd);
		if (n > 0 && strstr(text, ") Z") != NULL)
			break;
		assert_null(pl_wait_sleep(&w, 5 * PL_MS));
	}
	pl_proc_result_deinit(&r);
}

static void test_proc_missing(void **state)
{
	(void)state;
	struct pl_proc_result r;
	const char *argv[] = {"/nowhere/at/all", NULL};
	struct pl_wait w = pl_wait_for(10 * PL_SECOND, NULL);
	struct pl_error *e = pl_proc_run(&(struct pl_proc_spec){.argv = argv}, &w, &r);
	assert_non_null(e);
	assert_string_equal(pl_error_place(e), "/nowhere/at/all");
	assert_string_equal(pl_error_reason(e), "No such file or directory");
	pl_error_free(e);
	pl_proc_result_deinit(&r);
}

static void test_interruption(void **state)
{
	(void)state;
	struct pl_cancel c;
	assert_null(pl_cancel_init(&c));
	struct pl_wait w = pl_wait_for(PL_TIME_FOREVER, &c);
	assert_int_equal(pl_wait_ms(&w), -1);
	assert_null(pl_wait_check(&w));
	pl_cancel_set(&c);
	fails(pl_wait_sleep(&w, 3600 * PL_SECOND), PL_ERR_INTERRUPTED);
	fails(pl_wait_check(&w), PL_ERR_INTERRUPTED);
	pl_cancel_deinit(&c);
}

static void test_deadlines(void **state)
{
	(void)state;
	struct pl_wait w = pl_wait_for(2 * PL_MS, NULL);
	fails(pl_wait_sleep(&w, PL_SECOND), PL_ERR_TIMEOUT);
	assert_int_equal(pl_wait_ms(&w), 0);
	w = pl_wait_for(PL_SECOND, NULL);
	assert_null(pl_wait_sleep(&w, PL_MS));
	struct pl_wait sooner = pl_wait_at_most(&w, 3600 * PL_SECOND);
	assert_true(sooner.until == w.until);
}

static void test_json(void **state)
{
	(void)state;
	json_t *o = NULL;
	const char *s = NULL;
	int64_t n = 0;
	assert_null(pl_json_parse("{\"a\":\"x\",\"n\":3}", 15, 100, "GET /api", &o));
	assert_null(pl_json_str(o, "a", "GET /api", &s));
	assert_string_equal(s, "x");
	assert_null(pl_json_int(o, "n", "GET /api", &n));
	assert_int_equal(n, 3);
	struct pl_error *e = pl_json_str(o, "b", "GET /api", &s);
	assert_string_equal(pl_error_what(e), "field 'b' (a string) is missing");
	assert_string_equal(pl_error_place(e), "GET /api");
	pl_error_free(e);
	e = pl_json_str(o, "n", "GET /api", &s);
	assert_string_equal(pl_error_what(e), "field 'n' is not a string");
	pl_error_free(e);
	assert_string_equal(pl_json_str_or(o, "n", "otherwise"), "otherwise");
	assert_int_equal(pl_json_int_or(NULL, "n", 9), 9);
	json_decref(o);
	fails(pl_json_parse("{]", 2, 100, "x", &o), PL_ERR_DATA);
	fails(pl_json_parse("{}", 2, 1, "x", &o), PL_ERR_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_read_limit),
		cmocka_unit_test(test_remove_tree_follows_no_link),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_proc_output),
		cmocka_unit_test(test_proc_deadline_kills_the_group),
		cmocka_unit_test(test_proc_missing),
		cmocka_unit_test(test_interruption),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests_name("system", tests, make_folder, remove_folder);
}
