/* .vmx and .vmsd files: what is kept, what is read, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/bundle_config.h"

static const char TEXT[] = ".encoding = \"UTF-8\"\r\n"
			   "# a comment = \"kept\"\n"
			   "displayName = \"a |22b|22 |7C c\"\n"
			   "MemSize=\"4096\"\n"
			   "not understood\n"
			   "serial0.present = \"TRUE\"\n";

static char path[64];

static void no_error(struct pl_error *e)
{
	if (e != NULL)
		fail_msg("%s", pl_error_what(e));
}

static int write_file(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/bundle-config-XXXXXX");
	int fd = mkstemp(path);
	close(fd);
	no_error(pl_fs_write(path, TEXT, sizeof TEXT - 1, 0600));
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_reads(void **state)
{
	struct config c;
	(void)state;
	no_error(config_read(path, &c));
	assert_string_equal(config_get(&c, "displayname"), "a \"b\" | c");
	assert_string_equal(config_get(&c, "memsize"), "4096");
	assert_string_equal(config_get(&c, ".encoding"), "UTF-8");
	assert_true(config_is_true(&c, "serial0.present"));
	assert_false(config_is_true(&c, "serial1.present"));
	assert_null(config_get(&c, "# a comment"));
	config_deinit(&c);
}

static void test_writes(void **state)
{
	struct config c;
	struct pl_buf b;
	(void)state;
	pl_buf_init(&b, CONFIG_FILE_MAX);
	no_error(config_read(path, &c));
	no_error(config_set(&c, "memSIZE", "8192"));
	no_error(config_set(&c, "new.key", "with \" and |"));
	config_remove(&c, "serial0.");
	no_error(config_write(&c, path));
	no_error(pl_fs_read(path, &b));
	assert_string_equal(pl_buf_text(&b), ".encoding = \"UTF-8\"\n"
					     "# a comment = \"kept\"\n"
					     "displayName = \"a |22b|22 |7C c\"\n"
					     "MemSize = \"8192\"\n"
					     "not understood\n"
					     "new.key = \"with |22 and |7C\"\n");
	config_deinit(&c);
	pl_buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads, write_file, remove_file),
		cmocka_unit_test_setup_teardown(test_writes, write_file, remove_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
