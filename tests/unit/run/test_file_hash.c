/* Hashes of files and folders: another tool's for a file, and what changes that of a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/run/file_hash.h"
#include "tests/unit/folder.h"

static void put(const char *name, const char *text)
{
	assert_null(pl_fs_write(in_folder(name), text, strlen(text), 0644));
}

static void test_file(void **state)
{
	(void)state;
	char hex[SHA256_HEX];
	bool executable;
	put("abc", "abc");
	assert_null(file_hash(in_folder("abc"), hex, &executable));
	/* FIPS 180-4's own example */
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_false(executable);
	assert_int_equal(chmod(in_folder("abc"), 0755), 0);
	assert_null(file_hash(in_folder("abc"), hex, &executable));
	assert_true(executable);
	struct pl_error *e = file_hash(in_folder("absent"), hex, &executable);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	assert_string_equal(hex, "");
	pl_error_free(e);
}

static void hash(char hex[SHA256_HEX])
{
	assert_null(folder_hash(in_folder("tree"), hex));
}

/* The folder's hash is another one than it was. */
static void changed(char last[SHA256_HEX])
{
	char now[SHA256_HEX];
	hash(now);
	assert_string_not_equal(now, last);
	memcpy(last, now, SHA256_HEX);
}

static void test_folder(void **state)
{
	(void)state;
	char last[SHA256_HEX], first[SHA256_HEX];
	assert_null(pl_fs_mkdirs(in_folder("tree/sub")));
	hash(last);
	put("tree/a", "one");
	changed(last);
	memcpy(first, last, sizeof first);
	put("tree/sub/b", "two");
	changed(last);
	put("tree/sub/b", "three");
	changed(last);
	assert_int_equal(rename(in_folder("tree/sub/b"), in_folder("tree/b")), 0);
	changed(last);
	assert_int_equal(chmod(in_folder("tree/b"), 0755), 0);
	changed(last);
	assert_int_equal(rename(in_folder("tree/b"), in_folder("tree/.b")), 0);
	changed(last);
	assert_int_equal(unlink(in_folder("tree/.b")), 0);
	hash(last);
	assert_string_equal(last, first);
	assert_int_equal(symlink("a", in_folder("tree/link")), 0);
	struct pl_error *e = folder_hash(in_folder("tree"), last);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	assert_string_equal(last, "");
	pl_error_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_folder),
	};
	return cmocka_run_group_tests_name("file_hash", tests, make_folder, remove_folder);
}
