#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/config/lab.h"
#include "tests/unit/config/expect.h"

struct file {
	char dir[64];
	char path[96];
};

static int make_dir(void **state)
{
	struct file *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -1;
	snprintf(f->dir, sizeof f->dir, "/tmp/paniclab-secret-XXXXXX");
	if (mkdtemp(f->dir) == NULL) {
		free(f);
		return -1;
	}
	snprintf(f->path, sizeof f->path, "%s/secret", f->dir);
	*state = f;
	return 0;
}

static int remove_dir(void **state)
{
	struct file *f = *state;

	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void write_secret(const struct file *f, const void *bytes, size_t size, mode_t mode)
{
	FILE *out = fopen(f->path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, size, out), size);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(f->path, mode), 0);
}

static void expect_secret(struct file *f, const char *text, const char *expected)
{
	const struct secret_source source = {.file = f->path};
	char *secret = NULL;

	write_secret(f, text, strlen(text), 0600);
	expect_ok(secret_read(&source, "the password", &secret));
	assert_string_equal(secret, expected);
	secret_free(secret);
}

#define ADVICE                                                                                               \
	": the lab names this file for the password: write it there, alone on a line, and chmod 600 the "    \
	"file"

static void expect_refused(struct file *f, const void *bytes, size_t size, mode_t mode, const char *what)
{
	const struct secret_source source = {.file = f->path};
	char *secret = NULL;
	char expected[512];

	write_secret(f, bytes, size, mode);
	snprintf(expected, sizeof expected, "%s: %s", f->path, what);
	expect_line(secret_read(&source, "the password", &secret), expected);
	assert_null(secret);
}

static void takes_the_first_line(void **state)
{
	struct file *f = *state;

	expect_secret(f, "hunter2", "hunter2");
	expect_secret(f, "hunter2\n", "hunter2");
	expect_secret(f, "hunter2\r\n", "hunter2");
	expect_secret(f, " two words \nignored\n", " two words ");
	expect_secret(f, "K\xc3\xb6ln\n", "K\xc3\xb6ln");
}

static void takes_4_KiB_and_no_more(void **state)
{
	struct file *f = *state;
	char text[4098];

	memset(text, 'x', sizeof text);
	text[4096] = '\0';
	expect_secret(f, text, text);
	text[4096] = 'x';
	expect_refused(f, text, 4097, 0600, "the secret is longer than 4096 bytes" ADVICE);
}

static void refuses_files_that_others_can_use(void **state)
{
	struct file *f = *state;
	static const mode_t modes[] = {0640, 0604, 0620, 0666};

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		char what[256];
		snprintf(what, sizeof what,
			"others may use the secret in this file (its mode is %03o): chmod 600 %s",
			(unsigned)modes[i], f->path);
		expect_refused(f, "x\n", 2, modes[i], what);
	}
}

static void refuses_unusable_content(void **state)
{
	struct file *f = *state;

	expect_refused(f, "", 0, 0600, "the secret is empty" ADVICE);
	expect_refused(f, "\nx\n", 3, 0600, "the secret is empty" ADVICE);
	expect_refused(f, "a\0b\n", 4, 0600, "the secret holds a NUL character" ADVICE);
}

static void refuses_what_is_no_file(void **state)
{
	struct file *f = *state;
	const struct secret_source dir = {.file = f->dir};
	const struct secret_source absent = {.file = f->path};
	const struct secret_source fifo = {.file = f->path};
	char expected[256];
	char *secret = NULL;

	unlink(f->path);
	snprintf(expected, sizeof expected, "%s: not a regular file" ADVICE, f->dir);
	expect_line(secret_read(&dir, "the password", &secret), expected);
	snprintf(expected, sizeof expected, "%s: can't open it (No such file or directory)" ADVICE, f->path);
	expect_line(secret_read(&absent, "the password", &secret), expected);
	/* Nobody writes into it: opening it the ordinary way would never return. */
	assert_int_equal(mkfifo(f->path, 0600), 0);
	snprintf(expected, sizeof expected, "%s: not a regular file" ADVICE, f->path);
	expect_line(secret_read(&fifo, "the password", &secret), expected);
}

static void reads_variables(void **state)
{
	char name[] = "PANICLAB_TEST_SECRET";
	const struct secret_source source = {.env = name};
	char *secret = NULL;

	(void)state;
	unsetenv(name);
	expect_line(secret_read(&source, "the password", &secret),
		"$PANICLAB_TEST_SECRET: the variable is not set: export PANICLAB_TEST_SECRET");
	setenv(name, "", 1);
	expect_line(secret_read(&source, "the password", &secret),
		"$PANICLAB_TEST_SECRET: the variable is empty: export PANICLAB_TEST_SECRET");
	setenv(name, "hunter2", 1);
	expect_ok(secret_read(&source, "the password", &secret));
	assert_string_equal(secret, "hunter2");
	secret_free(secret);
	unsetenv(name);
}

static void knows_whether_there_is_one(void **state)
{
	char name[] = "X";
	const struct secret_source none = {0};
	const struct secret_source file = {.file = name};
	const struct secret_source env = {.env = name};
	char *secret = NULL;

	(void)state;
	assert_false(secret_given(&none));
	assert_true(secret_given(&file));
	assert_true(secret_given(&env));
	struct pl_error *e = secret_read(&none, "the password of guest g", &secret);
	assert_string_equal(pl_error_chain(e), "the password of guest g");
	pl_error_free(e);
	secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_first_line),
		cmocka_unit_test(takes_4_KiB_and_no_more),
		cmocka_unit_test(refuses_files_that_others_can_use),
		cmocka_unit_test(refuses_unusable_content),
		cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(reads_variables),
		cmocka_unit_test(knows_whether_there_is_one),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
