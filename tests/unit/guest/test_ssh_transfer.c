/* Files to and from a real sshd, checked with this host's own eyes. */
#include "tests/unit/guest/sshd.h"

static struct sshd server;
static struct ssh *ssh;
static struct pl_wait forever = {.until = PL_TIME_FOREVER};

static int setup(void **state)
{
	(void)state;
	char key[128];
	sshd_folder(&server);
	char *pin = fingerprint(sshd_file(server.dir, "host_ed25519.pub"));
	sshd_start(&server, NULL);
	snprintf(key, sizeof key, "%s/user", server.dir);
	struct ssh_target t = {
		.host = "127.0.0.1", .port = server.port, .user = server.user, .key = key, .host_key = pin};
	assert_ok(ssh_connect(&t, NULL, &forever, &ssh));
	free(pin);
	assert_ok(pl_fs_mkdirs(sshd_file(server.dir, "far")));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ssh_close(ssh);
	sshd_remove(&server);
	return 0;
}

static unsigned char *bytes(size_t size)
{
	unsigned char *p = malloc(size + 1);
	assert_non_null(p);
	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)(i * 2654435761u >> 13);
	return p;
}

static void assert_file(const char *path, const void *data, size_t size)
{
	struct pl_buf b;
	pl_buf_init(&b, 64u << 20);
	assert_ok(pl_fs_read(path, &b));
	assert_int_equal(b.size, size);
	assert_true(size == 0 || memcmp(b.data, data, size) == 0);
	pl_buf_deinit(&b);
}

/* Number of names in the folder "far". */
static int far_count(void)
{
	char *n = RUN("sh", "-c", "ls -A \"$1\" | wc -l", "sh", sshd_file(server.dir, "far"));
	int count = atoi(n);
	free(n);
	return count;
}

static void clear_far(void)
{
	assert_ok(pl_fs_remove_tree(sshd_file(server.dir, "far")));
	assert_ok(pl_fs_mkdirs(sshd_file(server.dir, "far")));
}

static void test_sizes_both_ways(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 32767, 32768, 32769, 3000001, 9u << 20};
	const char *far = sshd_file(server.dir, "far/file");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned char *data = bytes(sizes[i]);
		uint64_t got = 99;
		assert_ok(ssh_upload(ssh, data, sizes[i], far, 0640, &forever));
		assert_file(far, data, sizes[i]);
		struct stat st;
		assert_int_equal(stat(far, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0640);
		const char *near = sshd_file(server.dir, "near");
		assert_ok(ssh_download(ssh, far, near, 9u << 20, &forever, &got));
		assert_int_equal(got, sizes[i]);
		assert_file(near, data, sizes[i]);
		assert_ok(ssh_upload_file(ssh, near, far, 0755, &forever));
		assert_file(far, data, sizes[i]);
		free(data);
	}
	assert_int_equal(far_count(), 1);
}

static void test_odd_names(void **state)
{
	(void)state;
	static const char *const names[] = {"far/a b", "far/it's", "far/$HOME", "far/-rf", "far/a\nb",
		"far/\"q\"", "far/*", "far/\xc3\xa9\xe2\x82\xac", "far/back\\slash", "far/; touch pwned",
		"far/`id`"};
	clear_far();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *far = sshd_file(server.dir, names[i]);
		assert_ok(ssh_upload(ssh, names[i], strlen(names[i]), far, 0600, &forever));
		assert_file(far, names[i], strlen(names[i]));
		assert_ok(ssh_download(ssh, far, sshd_file(server.dir, "near"), 100, &forever, NULL));
		assert_file(sshd_file(server.dir, "near"), names[i], strlen(names[i]));
	}
	assert_int_equal(
		far_count(), (int)(sizeof names / sizeof *names) + 1); /* ls shows "a\nb" as two lines */
}

static void test_upload_refusals(void **state)
{
	(void)state;
	clear_far();
	assert_error(
		ssh_upload(ssh, "x", 1, "relative", 0600, &forever), PL_ERR_GUEST, "not an absolute path");
	assert_error(ssh_upload(ssh, "x", 1, sshd_file(server.dir, "far"), 0600, &forever), PL_ERR_GUEST,
		"is a directory");
	assert_error(ssh_upload(ssh, "x", 1, sshd_file(server.dir, "none/x"), 0600, &forever), PL_ERR_GUEST,
		"did not arrive");
	assert_error(ssh_upload_file(ssh, sshd_file(server.dir, "none"), "/tmp/x", 0600, &forever),
		PL_ERR_LAB, "No such file");
	assert_error(
		ssh_upload_file(ssh, server.dir, "/tmp/x", 0600, &forever), PL_ERR_LAB, "not a regular file");
	assert_int_equal(far_count(), 0);
}

/* What was there before stays when the new file does not arrive whole. */
static void test_failed_upload_leaves_the_old_file(void **state)
{
	(void)state;
	clear_far();
	const char *far = sshd_file(server.dir, "far/file");
	assert_ok(ssh_upload(ssh, "old", 3, far, 0600, &forever));
	char *big = calloc(1, 64u << 20);
	assert_non_null(big);
	struct pl_wait now = pl_wait_for(30 * PL_MS, NULL);
	struct pl_error *e = ssh_upload(ssh, big, 64u << 20, far, 0600, &now);
	free(big);
	assert_error(e, PL_ERR_TIMEOUT, "timed out");
	assert_file(far, "old", 3);
}

static void test_download_refusals(void **state)
{
	(void)state;
	const char *near = sshd_file(server.dir, "near2");
	assert_error(
		ssh_download(ssh, "/no/such/file", near, 100, &forever, NULL), PL_ERR_GUEST, "o such file");
	assert_error(
		ssh_download(ssh, server.dir, near, 100, &forever, NULL), PL_ERR_GUEST, "is a directory");
	write_text(sshd_file(server.dir, "ten"), "0123456789");
	assert_error(ssh_download(ssh, sshd_file(server.dir, "ten"), near, 9, &forever, NULL), PL_ERR_GUEST,
		"has 10 bytes, more than 9");
	assert_ok(ssh_download(ssh, sshd_file(server.dir, "ten"), near, 10, &forever, NULL));
	assert_error(ssh_download(ssh, sshd_file(server.dir, "ten"), "/no/such/folder/x", 10, &forever, NULL),
		PL_ERR_LAB, "No such file");
	assert_ok(pl_fs_remove_tree(near));
	char *left = RUN("sh", "-c", "ls \"$1\" | grep -c near2 || true", "sh", server.dir);
	assert_string_equal(left, "0\n");
	free(left);
}

/* Between the look at its size and the reading. */
static void test_file_that_shrinks(void **state)
{
	(void)state;
	struct sshd other;
	char key[128];
	char path[256];
	sshd_folder(&other);
	char *pin = fingerprint(sshd_file(other.dir, "host_ed25519.pub"));
	/* A wc that sees more than there is: what a file that shrank in between looks like. */
	assert_ok(pl_fs_mkdirs(sshd_file(other.dir, "bin")));
	write_text(sshd_file(other.dir, "bin/wc"), "#!/bin/sh\necho ' 11'\n");
	chmod(sshd_file(other.dir, "bin/wc"), 0755);
	snprintf(path, sizeof path, "SetEnv PATH=%s/bin:/usr/bin:/bin", other.dir);
	sshd_start(&other, path);
	snprintf(key, sizeof key, "%s/user", other.dir);
	struct ssh_target t = {
		.host = "127.0.0.1", .port = other.port, .user = other.user, .key = key, .host_key = pin};
	struct ssh *s;
	assert_ok(ssh_connect(&t, NULL, &forever, &s));
	free(pin);
	write_text(sshd_file(other.dir, "ten"), "0123456789");
	const char *near = sshd_file(other.dir, "near");
	assert_error(ssh_download(s, sshd_file(other.dir, "ten"), near, 100, &forever, NULL), PL_ERR_GUEST,
		"shrank while it was read: 10 bytes of 11");
	assert_false(pl_fs_exists(near));
	/* And an upload that arrives short. */
	assert_error(ssh_upload(s, "0123456789", 10, sshd_file(other.dir, "up"), 0600, &forever),
		PL_ERR_GUEST, "bytes of 10 arrived");
	assert_false(pl_fs_exists(sshd_file(other.dir, "up")));
	ssh_close(s);
	sshd_remove(&other);
}

/* A start-up file of the user's shell that talks. */
static void test_junk_before_the_file(void **state)
{
	(void)state;
	struct sshd other;
	char key[128];
	char config[256];
	sshd_folder(&other);
	char *pin = fingerprint(sshd_file(other.dir, "host_ed25519.pub"));
	snprintf(config, sizeof config,
		"ForceCommand echo Welcome; echo; /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"; exit $?");
	sshd_start(&other, config);
	snprintf(key, sizeof key, "%s/user", other.dir);
	struct ssh_target t = {
		.host = "127.0.0.1", .port = other.port, .user = other.user, .key = key, .host_key = pin};
	struct ssh *s;
	assert_ok(ssh_connect(&t, NULL, &forever, &s));
	free(pin);
	const char *far = sshd_file(other.dir, "far");
	assert_ok(ssh_upload(s, "0123456789", 10, far, 0600, &forever));
	assert_file(far, "0123456789", 10);
	assert_ok(ssh_download(s, far, sshd_file(other.dir, "near"), 100, &forever, NULL));
	assert_file(sshd_file(other.dir, "near"), "0123456789", 10);
	ssh_close(s);
	sshd_remove(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_both_ways),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_upload_refusals),
		cmocka_unit_test(test_failed_upload_leaves_the_old_file),
		cmocka_unit_test(test_download_refusals),
		cmocka_unit_test(test_file_that_shrinks),
		cmocka_unit_test(test_junk_before_the_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
