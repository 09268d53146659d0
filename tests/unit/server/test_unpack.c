/* server/unpack.h: the core that comes out of NAME.gz, beside it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/unpack.h"
#include "tests/unit/server/dump_folder.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define UUID "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0"

static struct unpack core;
static uint8_t bytes[256 * KIB];

/* What identify() was asked, and from which length on it knows. */
static uint64_t asked[16];
static unsigned asked_count;
static uint64_t knows_at;

static bool identify(void *arg, int core_fd, char uuid[static 37])
{
	struct stat st;

	assert_ptr_equal(arg, asked);
	assert_int_equal(fstat(core_fd, &st), 0);
	assert_true(asked_count < 16);
	asked[asked_count++] = (uint64_t)st.st_size;
	if ((uint64_t)st.st_size < knows_at)
		return false;
	snprintf(uuid, 37, "%s", UUID);
	return true;
}

static int begin_core(void **state)
{
	fill(bytes, sizeof bytes, 5);
	asked_count = 0;
	knows_at = UINT64_MAX;
	return begin(state);
}

static void init(const char *gz_name, struct quota *quota)
{
	unpack_init(&core, dir_fd, gz_name, quota, (struct unpack_identify){0});
}

static void init_identified(void)
{
	unpack_init(&core, dir_fd, "core.gz", NULL, (struct unpack_identify){identify, asked});
}

static void put_many(size_t size)
{
	for (size_t i = 0; i < size / sizeof bytes; i++)
		unpack_write(&core, bytes, sizeof bytes);
}

static void test_whole(void **state)
{
	(void)state;
	init("core-x.gz", NULL);
	assert_int_equal(files(), 0);
	unpack_write(&core, "abc", 3);
	assert_string_equal(core.now, "core-x.partial");
	unpack_write(&core, "def", 3);
	check_file("core-x.partial", "abcdef", 6);
	unpack_finish(&core, true);
	check_file("core-x", "abcdef", 6);
	assert_string_equal(core.now, "core-x");
	assert_string_equal(core.reason, "");
	assert_int_equal(core.fd, -1);
	assert_int_equal(files(), 1);
}

static void test_incomplete(void **state)
{
	(void)state;
	put_file("core.incomplete", "1", 1);
	init("core.gz", NULL);
	unpack_write(&core, "abc", 3);
	unpack_finish(&core, false);
	check_file("core.incomplete", "1", 1);
	check_file("core.incomplete-2", "abc", 3);
	assert_string_equal(core.now, "core.incomplete-2");
	assert_int_equal(files(), 2);
}

static void test_nothing_came(void **state)
{
	(void)state;
	init("core.gz", NULL);
	unpack_finish(&core, true);
	assert_string_equal(core.now, "");
	assert_string_equal(core.reason, "");
	assert_int_equal(files(), 0);
}

static void test_name_without_gz(void **state)
{
	(void)state;
	static const char *const names[] = {"core", "core.gzip", "coregz", ".gz"};
	for (size_t i = 0; i < 4; i++) {
		init(names[i], NULL);
		unpack_write(&core, "abc", 3);
		unpack_finish(&core, true);
		assert_non_null(strstr(core.reason, "does not end in .gz"));
		assert_string_equal(core.now, "");
		assert_int_equal(files(), 0);
	}
}

static void test_core_exists(void **state)
{
	(void)state;
	put_file("core", "mine", 4);
	init("core.gz", NULL);
	unpack_write(&core, "abc", 3);
	unpack_write(&core, "def", 3);
	unpack_finish(&core, true);
	assert_string_equal(core.reason, "core exists");
	assert_string_equal(core.now, "");
	check_file("core", "mine", 4);
	assert_int_equal(files(), 1);
}

/* It may be a guest's file that is being received. */
static void test_partial_exists(void **state)
{
	(void)state;
	put_file("core.partial", "theirs", 6);
	init("core.gz", NULL);
	unpack_write(&core, "abc", 3);
	unpack_finish(&core, true);
	assert_non_null(strstr(core.reason, "File exists"));
	assert_string_equal(core.now, "");
	check_file("core.partial", "theirs", 6);
	assert_int_equal(files(), 1);
}

static void test_core_appears_meanwhile(void **state)
{
	(void)state;
	init("core.gz", NULL);
	unpack_write(&core, "abc", 3);
	put_file("core", "mine", 4);
	unpack_finish(&core, true);
	assert_non_null(strstr(core.reason, "File exists"));
	assert_string_equal(core.now, "");
	check_file("core", "mine", 4);
	assert_int_equal(files(), 1);
}

/* Zeros within, and at the end: not written, and there. */
static void test_sparse(void **state)
{
	static uint8_t expected[10 * MIB];

	(void)state;
	memcpy(expected, bytes, sizeof bytes);
	memcpy(expected + 5 * MIB, bytes, sizeof bytes);
	init("core.gz", NULL);
	for (size_t at = 0; at < sizeof expected; at += 64 * KIB)
		unpack_write(&core, expected + at, 64 * KIB);
	unpack_finish(&core, true);
	assert_string_equal(core.reason, "");
	check_file("core", expected, sizeof expected);
	/* Two pieces of 256 KiB; what the system gives beside them is its own affair. */
	assert_true(look_at("core").st_blocks * 512 <= (blkcnt_t)MIB);
}

static void test_holes_do_not_count(void **state)
{
	static const uint8_t zeros[64 * KIB];
	struct quota quota;

	(void)state;
	assert_null(quota_init(&quota, dir_fd, QUOTA_SPARE + MIB, 0, pl_now()));
	init("core.gz", &quota);
	for (int i = 0; i < 32; i++)
		unpack_write(&core, zeros, sizeof zeros);
	unpack_write(&core, bytes, 64 * KIB);
	unpack_finish(&core, true);
	assert_string_equal(core.reason, "");
	assert_int_equal(size_of("core"), 33 * 64 * KIB);
	assert_int_equal(quota_used(&quota), 64 * KIB);
}

static void test_quota_says_no(void **state)
{
	struct quota quota;

	(void)state;
	put_file("old", bytes, 100);
	assert_null(quota_init(&quota, dir_fd, QUOTA_SPARE + MIB, 0, pl_now()));
	init("core.gz", &quota);
	/* 100 bytes and three pieces of 256 KiB are less than 1 MiB, with four they are more. */
	put_many(768 * KIB);
	assert_string_equal(core.reason, "");
	assert_int_equal(quota_used(&quota), 768 * KIB + 100);
	put_many(256 * KIB);
	assert_non_null(strstr(core.reason, "--max-total"));
	assert_int_equal(files(), 1);
	assert_int_equal(quota_used(&quota), 100);
	/* Nor does it begin again. */
	unpack_write(&core, bytes, 10);
	unpack_finish(&core, true);
	assert_string_equal(core.now, "");
	assert_int_equal(files(), 1);
	assert_int_equal(quota_used(&quota), 100);
}

static void limit_files(rlim_t size)
{
	const struct rlimit limit = {size, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_failed_write_leaves_nothing(void **state)
{
	struct quota quota;

	(void)state;
	assert_null(quota_init(&quota, dir_fd, 2 * QUOTA_SPARE, 0, pl_now()));
	init("core.gz", &quota);
	limit_files(300 * KIB);
	put_many(512 * KIB);
	limit_files(RLIM_INFINITY);
	assert_non_null(strstr(core.reason, "File too large"));
	assert_string_equal(core.now, "");
	assert_int_equal(files(), 0);
	assert_int_equal(quota_used(&quota), 0);
}

static void test_larger_than_a_mac(void **state)
{
	(void)state;
	init("core.gz", NULL);
	unpack_write(&core, "abc", 3);
	core.sparse.size = (UINT64_C(256) << 30) - 10;
	unpack_write(&core, bytes, 10);
	assert_string_equal(core.reason, "");
	unpack_write(&core, bytes, 1);
	assert_non_null(strstr(core.reason, "memory"));
	assert_int_equal(files(), 0);
}

static void test_restart(void **state)
{
	static const uint8_t zeros[64 * KIB];
	struct quota quota;

	(void)state;
	put_file("old", bytes, 1000);
	assert_null(quota_init(&quota, dir_fd, 2 * QUOTA_SPARE, 0, pl_now()));
	init("core.gz", &quota);
	put_many(512 * KIB);
	unpack_write(&core, zeros, sizeof zeros);
	unpack_restart(&core);
	assert_int_equal(files(), 1);
	assert_int_equal(quota_used(&quota), 1000);
	unpack_write(&core, "new", 3);
	unpack_finish(&core, true);
	check_file("core", "new", 3);
	assert_int_equal(quota_used(&quota), 1003);
}

static void test_restart_without_a_file(void **state)
{
	(void)state;
	put_file("core", "mine", 4);
	init("core.gz", NULL);
	unpack_restart(&core);
	unpack_write(&core, "abc", 3);
	unpack_restart(&core);
	unpack_finish(&core, true);
	assert_string_equal(core.reason, "core exists");
	check_file("core", "mine", 4);
	assert_int_equal(files(), 1);
}

/* At 1 MiB, then at each doubling, then when it is whole. */
static void test_identify_until_the_end(void **state)
{
	(void)state;
	init_identified();
	put_many(5 * MIB);
	assert_int_equal(asked_count, 3);
	assert_int_equal(asked[0], 1 * MIB);
	assert_int_equal(asked[1], 2 * MIB);
	assert_int_equal(asked[2], 4 * MIB);
	knows_at = 5 * MIB;
	unpack_finish(&core, true);
	assert_int_equal(asked_count, 4);
	assert_int_equal(asked[3], 5 * MIB);
	assert_true(core.known);
	assert_string_equal(core.uuid, UUID);
}

static void test_identify_no_more_once_known(void **state)
{
	(void)state;
	init_identified();
	knows_at = 2 * MIB;
	put_many(2 * MIB - sizeof bytes);
	assert_false(core.known);
	put_many(sizeof bytes);
	assert_true(core.known);
	assert_string_equal(core.uuid, UUID);
	put_many(6 * MIB);
	unpack_finish(&core, true);
	assert_int_equal(asked_count, 2);
}

static void test_identify_small_core_at_the_end_only(void **state)
{
	(void)state;
	init_identified();
	unpack_write(&core, "abc", 3);
	assert_int_equal(asked_count, 0);
	unpack_finish(&core, true);
	assert_int_equal(asked_count, 1);
	assert_false(core.known);
}

static void test_identify_no_incomplete_core(void **state)
{
	(void)state;
	init_identified();
	unpack_write(&core, "abc", 3);
	unpack_finish(&core, false);
	assert_int_equal(asked_count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_core, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_incomplete),
		TEST(test_nothing_came),
		TEST(test_name_without_gz),
		TEST(test_core_exists),
		TEST(test_partial_exists),
		TEST(test_core_appears_meanwhile),
		TEST(test_sparse),
		TEST(test_holes_do_not_count),
		TEST(test_quota_says_no),
		TEST(test_failed_write_leaves_nothing),
		TEST(test_larger_than_a_mac),
		TEST(test_restart),
		TEST(test_restart_without_a_file),
		TEST(test_identify_until_the_end),
		TEST(test_identify_no_more_once_known),
		TEST(test_identify_small_core_at_the_end_only),
		TEST(test_identify_no_incomplete_core),
	};

	return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
