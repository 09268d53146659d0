/* server/sink.h: one file being received. Sizes are worked out by hand. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/sink.h"
#include "tests/unit/server/dump_folder.h"

#define SEGMENT 1406
#define KIB64 65536

static struct sink sink;

static int begin_sink(void **state)
{
	int failed = begin(state);

	sink_init(&sink, dir_fd, NULL);
	return failed;
}

static int end_sink(void **state)
{
	sink_deinit(&sink);
	return end(state);
}

static void open_sink(const char *name)
{
	assert_null(sink_open(&sink, name));
}

static void put(uint64_t offset, const char *text)
{
	assert_null(sink_write(&sink, offset, text, strlen(text)));
}

/* As a guest does: packet after packet. */
static void put_packets(const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += SEGMENT)
		assert_null(sink_write(&sink, at, bytes + at, size - at < SEGMENT ? size - at : SEGMENT));
}

/* Files of this process may not pass so many bytes, RLIM_INFINITY: any. */
static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = {bytes, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_open_makes_a_partial_file(void **state)
{
	(void)state;
	open_sink("core.gz");
	assert_string_equal(sink.now, "core.gz.partial");
	check_file("core.gz.partial", "", 0);
	assert_int_equal(files(), 1);
}

static void test_open_takes_no_existing_name(void **state)
{
	(void)state;
	put_file("core", "mine", 4);
	assert_int_equal(symlinkat("nowhere", dir_fd, "link"), 0);
	assert_int_equal(symlinkat("nowhere", dir_fd, "other.partial"), 0);
	const char *const names[] = {"core", "link", "other"};
	for (size_t i = 0; i < 3; i++) {
		expect_error(sink_open(&sink, names[i]), "File exists");
		assert_int_equal(sink.code, WIRE_E_EXISTS);
		assert_int_equal(sink.why, NOTE_NAME_TAKEN);
	}
	check_file("core", "mine", 4);
	assert_int_equal(files(), 3);
}

static void test_open_in_a_folder_that_is_gone(void **state)
{
	(void)state;
	assert_int_equal(rmdir(dir.path), 0);
	expect_error(sink_open(&sink, "core"), "No such file");
	assert_int_equal(sink.code, WIRE_E_OTHER);
	assert_int_equal(sink.why, NOTE_WRITE_ERROR);
}

static void test_little_is_held_back(void **state)
{
	(void)state;
	open_sink("core");
	put(0, "abc");
	put(3, "def");
	assert_int_equal(sink.size, 6);
	assert_int_equal(sink.held, 6);
	assert_int_equal(sink.written, 0);
	assert_int_equal(size_of("core.partial"), 0);
	assert_null(sink_flush(&sink));
	assert_int_equal(sink.written, 6);
	assert_int_equal(sink.held, 0);
	check_file("core.partial", "abcdef", 6);
	/* Nothing to do is no error. */
	assert_null(sink_flush(&sink));
	assert_int_equal(sink.written, 6);
}

/* What fills the buffer waits for the byte that does not fit. */
static void test_sizes_around_the_buffer(void **state)
{
	static const struct {
		size_t size;
		uint64_t written; /* before the flush */
	} cases[] = {
		{1, 0},
		{KIB64 - 1, 0},
		{KIB64, 0},
		{KIB64 + 1, KIB64},
		{2 * KIB64, KIB64},
		{2 * KIB64 + 1, 2 * KIB64},
	};
	static uint8_t bytes[2 * KIB64 + 1];

	(void)state;
	fill(bytes, sizeof bytes, 1);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sink_init(&sink, dir_fd, NULL);
		open_sink("core");
		put_packets(bytes, cases[i].size);
		assert_int_equal(sink.size, cases[i].size);
		assert_int_equal(sink.written, cases[i].written);
		assert_int_equal(size_of("core.partial"), cases[i].written);
		assert_null(sink_flush(&sink));
		check_file("core.partial", bytes, cases[i].size);
		sink_discard(&sink);
	}
}

static void test_more_than_the_buffer_at_once(void **state)
{
	static uint8_t bytes[200000];

	(void)state;
	fill(bytes, sizeof bytes, 2);
	open_sink("core");
	put(0, "head");
	assert_null(sink_write(&sink, 4, bytes, sizeof bytes));
	assert_null(sink_flush(&sink));
	uint8_t *expected = malloc(4 + sizeof bytes);
	memcpy(expected, "head", 4);
	memcpy(expected + 4, bytes, sizeof bytes);
	check_file("core.partial", expected, 4 + sizeof bytes);
	free(expected);
}

static void test_gap_is_a_hole_of_zeros(void **state)
{
	static uint8_t expected[100003];

	(void)state;
	memcpy(expected, "abc", 3);
	memcpy(expected + 100000, "xyz", 3);
	open_sink("core");
	put(0, "abc");
	put(100000, "xyz");
	assert_int_equal(sink.size, 100003);
	assert_int_equal(sink.written, 3);
	assert_null(sink_flush(&sink));
	assert_int_equal(sink.written, 6);
	check_file("core.partial", expected, sizeof expected);
}

static void test_overwriting(void **state)
{
	(void)state;
	open_sink("core");
	put(0, "0123456789");
	put(2, "ab");
	assert_int_equal(sink.size, 10);
	put(4, "cd");
	put(9, "!?");
	assert_int_equal(sink.size, 11);
	assert_null(sink_flush(&sink));
	check_file("core.partial", "01abcd678!?", 11);
	assert_int_equal(sink.written, 10 + 4 + 2);
}

static void test_quota_refuses(void **state)
{
	static uint8_t bytes[3 * KIB64];
	struct quota quota;

	(void)state;
	assert_null(quota_init(&quota, dir_fd, 2 * KIB64 + 100, 0, pl_now()));
	fill(bytes, sizeof bytes, 3);
	sink_init(&sink, dir_fd, &quota);
	open_sink("core");
	assert_null(sink_write(&sink, 0, bytes, sizeof bytes));
	expect_error(sink_flush(&sink), "--max-total");
	assert_int_equal(sink.code, WIRE_E_FULL);
	assert_int_equal(sink.why, NOTE_LIMIT);
	assert_int_equal(quota_used(&quota), 2 * KIB64);
	/* What was written before that is kept. */
	assert_null(sink_set_aside(&sink));
	assert_int_equal(sink.size, 2 * KIB64);
	check_file("core.incomplete", bytes, 2 * KIB64);
}

static void test_failed_write(void **state)
{
	static uint8_t bytes[KIB64];

	(void)state;
	fill(bytes, sizeof bytes, 4);
	open_sink("core");
	assert_null(sink_write(&sink, 0, bytes, sizeof bytes));
	limit_files(1000);
	expect_error(sink_flush(&sink), "File too large");
	limit_files(RLIM_INFINITY);
	assert_int_equal(sink.code, WIRE_E_FULL);
	assert_int_equal(sink.why, NOTE_DISK_FULL);
	assert_int_equal(sink.held, 0);
	assert_null(sink_set_aside(&sink));
	assert_int_equal(sink.size, 1000);
	check_file("core.incomplete", bytes, 1000);
}

/* Of 64 KiB that were asked for 1000 bytes are on the disk. */
static void test_failed_write_counts_what_is_there(void **state)
{
	static uint8_t bytes[KIB64];
	struct quota quota;

	(void)state;
	assert_null(quota_init(&quota, dir_fd, 1 << 20, 0, pl_now()));
	sink_init(&sink, dir_fd, &quota);
	open_sink("core");
	assert_null(sink_write(&sink, 0, bytes, sizeof bytes));
	limit_files(1000);
	expect_error(sink_flush(&sink), "File too large");
	limit_files(RLIM_INFINITY);
	assert_int_equal(quota_used(&quota), 1000);
}

static void test_commit(void **state)
{
	(void)state;
	open_sink("core");
	int fd = sink.fd;
	put(0, "all of it");
	assert_null(sink_flush(&sink));
	assert_null(sink_commit(&sink));
	check_file("core", "all of it", 9);
	assert_int_equal(files(), 1);
	assert_string_equal(sink.now, "core");
	assert_int_equal(sink.fd, -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_commit_never_replaces(void **state)
{
	(void)state;
	open_sink("core");
	put(0, "new");
	assert_null(sink_flush(&sink));
	put_file("core", "old", 3);
	expect_error(sink_commit(&sink), "File exists");
	assert_int_equal(sink.code, WIRE_E_EXISTS);
	assert_int_equal(sink.why, NOTE_NAME_TAKEN);
	check_file("core", "old", 3);
	check_file("core.partial", "new", 3);
	/* Not lost either. */
	assert_null(sink_set_aside(&sink));
	check_file("core.incomplete", "new", 3);
	assert_int_equal(files(), 2);
}

static void test_file_removed_meanwhile(void **state)
{
	(void)state;
	open_sink("core");
	put(0, "abc");
	assert_int_equal(unlinkat(dir_fd, "core.partial", 0), 0);
	assert_null(sink_flush(&sink));
	expect_error(sink_commit(&sink), "No such file");
	assert_int_equal(sink.why, NOTE_WRITE_ERROR);
	expect_error(sink_set_aside(&sink), "No such file");
	sink_keep(&sink);
	assert_int_equal(files(), 0);
}

static void test_set_aside_takes_the_next_number(void **state)
{
	(void)state;
	put_file("core.incomplete", "1", 1);
	put_file("core.incomplete-3", "3", 1);
	for (int i = 0; i < 2; i++) {
		open_sink("core");
		put(0, "new");
		assert_null(sink_flush(&sink));
		assert_null(sink_set_aside(&sink));
		sink_keep(&sink);
		assert_int_equal(sink.fd, -1);
	}
	check_file("core.incomplete-2", "new", 3);
	check_file("core.incomplete-4", "new", 3);
	check_file("core.incomplete-3", "3", 1);
	assert_string_equal(sink.now, "core.incomplete-4");
	assert_int_equal(files(), 4);
}

static void test_discard_leaves_nothing(void **state)
{
	(void)state;
	open_sink("core");
	put(0, "abc");
	sink_discard(&sink);
	assert_string_equal(sink.now, "");
	assert_int_equal(files(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_sink, end_sink)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open_makes_a_partial_file),
		TEST(test_open_takes_no_existing_name),
		TEST(test_open_in_a_folder_that_is_gone),
		TEST(test_little_is_held_back),
		TEST(test_sizes_around_the_buffer),
		TEST(test_more_than_the_buffer_at_once),
		TEST(test_gap_is_a_hole_of_zeros),
		TEST(test_overwriting),
		TEST(test_quota_refuses),
		TEST(test_failed_write),
		TEST(test_failed_write_counts_what_is_there),
		TEST(test_commit),
		TEST(test_commit_never_replaces),
		TEST(test_file_removed_meanwhile),
		TEST(test_set_aside_takes_the_next_number),
		TEST(test_discard_leaves_nothing),
	};

	return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
