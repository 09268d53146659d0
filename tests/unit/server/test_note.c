/* server/note.h, and the new files of base/fs.h that it is made of. */
#include <dirent.h>
#include <errno.h>
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

#include "base/fs.h"
#include "server/note.h"
#include "tests/unit/small_disk.h"
#include "tests/unit/temp_dir.h"

static struct temp_dir dir;
static int dir_fd;

static int begin(void **state)
{
	(void)state;
	temp_make(&dir);
	dir_fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0;
}

static int end(void **state)
{
	(void)state;
	close(dir_fd);
	leave_disk(dir.path);
	temp_remove(&dir);
	return 0;
}

static unsigned files(void)
{
	DIR *d = opendir(dir.path);
	unsigned n = 0;
	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static const struct note example = {
	.name = "core-a.gz",
	.peer = "192.168.56.129:1069",
	.why = NOTE_TIMED_OUT,
	.reason = "the client went silent",
	.bytes = 1500,
	.size = 1200,
	.packets = 7,
	.resent = 2,
	.gzip = "truncated",
	.core = "/dumps/core-a",
	.started = "2026-01-31T23:59:58.123Z",
	.ended = "2026-01-31T23:59:59.123Z",
};

static json_t *load(const char *name)
{
	char text[4096];
	json_error_t why;
	temp_read(&dir, name, text, sizeof text);
	assert_int_equal(text[strlen(text) - 1], '\n');
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	assert_true(json_is_object(o));
	return o;
}

static const char *str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_int_t num(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static void test_content(void **state)
{
	(void)state;
	struct stat st;
	assert_null(note_write(dir_fd, "core-a.gz.incomplete-2", &example));
	json_t *o = load("core-a.gz.incomplete-2.json");
	assert_int_equal(json_object_size(o), 12);
	assert_string_equal(str(o, "name"), "core-a.gz");
	assert_string_equal(str(o, "peer"), "192.168.56.129:1069");
	assert_string_equal(str(o, "why"), "timed-out");
	assert_string_equal(str(o, "reason"), "the client went silent");
	assert_int_equal(num(o, "bytes"), 1500);
	assert_int_equal(num(o, "size"), 1200);
	assert_int_equal(num(o, "packets"), 7);
	assert_int_equal(num(o, "resent"), 2);
	assert_string_equal(str(o, "gzip"), "truncated");
	assert_string_equal(str(o, "core"), "/dumps/core-a");
	assert_string_equal(str(o, "started"), "2026-01-31T23:59:58.123Z");
	assert_string_equal(str(o, "ended"), "2026-01-31T23:59:59.123Z");
	json_decref(o);
	assert_int_equal(fstatat(dir_fd, "core-a.gz.incomplete-2.json", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files(), 1);
}

static void test_hostile_strings(void **state)
{
	(void)state;
	struct note n = example;
	n.reason = "say \"no\"\n\xff\\ \xc3\xa4";
	n.core = NULL;
	n.started = NULL;
	n.bytes = UINT64_MAX - 1;
	n.packets = NOTE_UNKNOWN;
	assert_null(note_write(dir_fd, "x", &n));
	json_t *o = load("x.json");
	assert_string_equal(str(o, "reason"), "say \"no\"\\n\\xff\\ \xc3\xa4");
	assert_true(json_is_null(json_object_get(o, "core")));
	assert_true(json_is_null(json_object_get(o, "started")));
	assert_true(json_is_null(json_object_get(o, "packets")));
	assert_int_equal(num(o, "bytes"), INT64_MAX);
	json_decref(o);
}

static void test_words(void **state)
{
	(void)state;
	static const char *const words[] = {"timed-out", "peer-error", "disk-full", "write-error", "limit",
		"name-taken", "shut-down", "killed", "began-again", "began-another", "empty-gzip",
		"truncated-gzip", "corrupt-gzip", "truncated-core", "other"};
	for (int i = NOTE_TIMED_OUT; i <= NOTE_OTHER; i++)
		assert_string_equal(note_why_name((enum note_why)i), words[i]);
}

static void test_replaces_nothing(void **state)
{
	(void)state;
	char path[256];
	char text[64];
	temp_file(&dir, "a.json", "mine", path);
	assert_int_equal(symlinkat("nowhere", dir_fd, "b.json"), 0);
	for (const char *const *name = (const char *const[]){"a", "b", "none/c", NULL}; *name; name++) {
		struct pl_error *err = note_write(dir_fd, *name, &example);
		assert_non_null(err);
		assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
		pl_error_free(err);
	}
	assert_string_equal(temp_read(&dir, "a.json", text, sizeof text), "mine");
	assert_int_equal(files(), 2);
}

/* A temporary name that somebody holds is passed over, not written through. */
static void test_temporary_name_is_taken(void **state)
{
	(void)state;
	char name[64];
	char path[256];
	char text[64];
	snprintf(name, sizeof name, "a.json.tmp.%ld-0", (long)getpid());
	temp_file(&dir, name, "mine", path);
	assert_null(note_write(dir_fd, "a", &example));
	assert_string_equal(temp_read(&dir, name, text, sizeof text), "mine");
	assert_int_equal(files(), 2);
}

static void test_rename_new(void **state)
{
	(void)state;
	char path[256];
	char text[64];
	temp_file(&dir, "a", "one", path);
	temp_file(&dir, "b", "two", path);
	assert_int_equal(pl_fs_rename_new(dir_fd, "a", "b"), -1);
	assert_int_equal(errno, EEXIST);
	assert_string_equal(temp_read(&dir, "a", text, sizeof text), "one");
	assert_string_equal(temp_read(&dir, "b", text, sizeof text), "two");
	assert_int_equal(pl_fs_rename_new(dir_fd, "a", "c"), 0);
	assert_string_equal(temp_read(&dir, "c", text, sizeof text), "one");
	assert_int_equal(files(), 2);
	assert_int_equal(pl_fs_rename_new(dir_fd, "none", "d"), -1);
	assert_int_equal(errno, ENOENT);
}

/* The last test, for the process stays in its namespaces. */
static void test_full_disk(void **state)
{
	(void)state;
	static const char block[4096] = {1};
	if (!enter_disk(dir.path, 16384)) {
		print_message("no disk of its own without user namespaces\n");
		skip();
	}
	close(dir_fd);
	dir_fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(dir_fd, "filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof block) > 0)
		;
	struct pl_error *err = note_write(dir_fd, "a", &example);
	assert_non_null(err);
	assert_string_equal(pl_error_reason(err), strerror(ENOSPC));
	pl_error_free(err);
	assert_int_equal(files(), 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_null(note_write(dir_fd, "a", &example));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_content, begin, end),
		cmocka_unit_test_setup_teardown(test_hostile_strings, begin, end),
		cmocka_unit_test_setup_teardown(test_words, begin, end),
		cmocka_unit_test_setup_teardown(test_replaces_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_temporary_name_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(test_rename_new, begin, end),
		cmocka_unit_test_setup_teardown(test_full_disk, begin, end),
	};
	return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
