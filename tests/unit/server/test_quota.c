/* server/quota.h: what a folder holds and a disk has left. The figures are worked out by hand. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/quota.h"
#include "tests/unit/small_disk.h"
#include "tests/unit/temp_dir.h"

#define START (INT64_C(1000) * PL_SECOND)
#define MIB (UINT64_C(1) << 20)
#define CHUNK (64u << 10)

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

static void put(const char *name, off_t hole, size_t bytes)
{
	static const char zeros[8192] = {1};
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && bytes <= sizeof zeros);
	assert_int_equal(pwrite(fd, zeros, bytes, hole), bytes);
	assert_int_equal(fsync(fd), 0);
	close(fd);
}

static bool taken(struct quota *q, uint64_t bytes, int64_t now)
{
	enum wire_code code;
	struct pl_error *err = quota_take(q, bytes, now, &code);
	bool ok = err == NULL;
	if (!ok) {
		assert_int_equal(code, WIRE_E_FULL);
		assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
	}
	pl_error_free(err);
	return ok;
}

static void test_counts_what_is_there(void **state)
{
	(void)state;
	struct quota q;
	put("core", 0, 5000);
	put("core.partial", 0, 300);
	put(".hidden", 0, 20);
	assert_int_equal(mkdirat(dir_fd, "sub", 0700), 0);
	put("sub/core", 0, 7000);
	assert_int_equal(symlinkat("sub/core", dir_fd, "link"), 0);
	assert_null(quota_init(&q, dir_fd, MIB, 0, START));
	assert_int_equal(quota_used(&q), 5320);
	/* 64 MiB of hole do not count; how much the system gives to a block of data is its own affair. */
	put("sparse", 64 * (off_t)MIB, 4096);
	assert_null(quota_init(&q, dir_fd, MIB, 0, START));
	assert_in_range(quota_used(&q), 5320 + 4096, 5320 + MIB);
}

static void test_limit_is_exact(void **state)
{
	(void)state;
	struct quota q;
	put("core", 0, 5000);
	assert_null(quota_init(&q, dir_fd, 100000, 0, START));
	assert_false(taken(&q, 95001, START));
	assert_true(taken(&q, 95000, START));
	assert_false(taken(&q, 1, START));
	assert_true(taken(&q, 0, START));
	quota_give_back(&q, 10);
	assert_false(taken(&q, 11, START));
	assert_true(taken(&q, 10, START));
	assert_int_equal(quota_used(&q), 100000);
}

static void test_words(void **state)
{
	(void)state;
	struct quota q;
	enum wire_code code = WIRE_E_OTHER;
	assert_null(quota_init(&q, dir_fd, 10, UINT64_MAX, START));
	struct pl_error *err = quota_take(&q, 11, START, &code);
	assert_non_null(err);
	assert_non_null(strstr(pl_error_what(err), "--max-total"));
	assert_int_equal(code, WIRE_E_FULL);
	pl_error_free(err);
	code = WIRE_E_OTHER;
	err = quota_take(&q, 10, START, &code);
	assert_non_null(err);
	assert_non_null(strstr(pl_error_what(err), "--min-free"));
	assert_int_equal(code, WIRE_E_FULL);
	pl_error_free(err);
	/* What the disk has no room for does not count in the folder either. */
	assert_int_equal(quota_used(&q), 0);
}

static void test_huge_numbers(void **state)
{
	(void)state;
	struct quota q;
	put("core", 0, 5000);
	assert_null(quota_init(&q, dir_fd, UINT64_MAX, 0, START));
	assert_false(taken(&q, UINT64_MAX, START));
	assert_true(taken(&q, UINT64_MAX - 5000, START));
	assert_false(taken(&q, 1, START));
	quota_give_back(&q, UINT64_MAX);
	quota_give_back(&q, UINT64_MAX);
	assert_int_equal(quota_used(&q), 0);
	/* No limits at all. */
	assert_null(quota_init(&q, dir_fd, 0, 0, START));
	assert_true(taken(&q, UINT64_MAX, START));
	assert_true(taken(&q, UINT64_MAX, START));
	assert_int_equal(quota_used(&q), 0);
	/* Less than the limit from the start. */
	assert_null(quota_init(&q, dir_fd, 4000, 0, START));
	assert_false(taken(&q, 1, START));
	/* More than any disk has. */
	assert_null(quota_init(&q, dir_fd, 0, 1, START));
	assert_false(taken(&q, UINT64_MAX, START));
	assert_true(taken(&q, 1, START));
}

static void test_somebody_makes_room(void **state)
{
	(void)state;
	struct quota q;
	put("old", 0, 5000);
	put("core", 0, 3000);
	assert_null(quota_init(&q, dir_fd, 8000, 0, START));
	assert_false(taken(&q, 100, START));
	assert_int_equal(unlinkat(dir_fd, "old", 0), 0);
	assert_false(taken(&q, 100, START + 4 * PL_SECOND));
	assert_true(taken(&q, 100, START + 5 * PL_SECOND));
	assert_int_equal(quota_used(&q), 3100);
	/* Nothing was removed: still the limit, however often it asks. */
	assert_false(taken(&q, 5001, START + 11 * PL_SECOND));
	assert_false(taken(&q, 5001, START + 17 * PL_SECOND));
}

/* 64 MiB must be left by what can be made again, and can be had by what can't. */
static void test_spare(void **state)
{
	(void)state;
	struct quota q;
	assert_null(quota_init(&q, dir_fd, 100 * MIB, 0, START));
	struct pl_error *err = quota_take_spare(&q, 36 * MIB + 1);
	assert_non_null(err);
	assert_non_null(strstr(pl_error_what(err), "--max-total"));
	pl_error_free(err);
	assert_null(quota_take_spare(&q, 36 * MIB));
	assert_true(taken(&q, 64 * MIB, START));
	assert_false(taken(&q, 1, START));
	assert_int_equal(quota_used(&q), 100 * MIB);
	/* A disk that has less than that to spare. */
	assert_null(quota_init(&q, dir_fd, UINT64_MAX, UINT64_MAX - 64 * MIB, START));
	err = quota_take_spare(&q, 1);
	assert_non_null(err);
	assert_non_null(strstr(pl_error_what(err), "disk"));
	pl_error_free(err);
	assert_int_equal(quota_used(&q), 0);
}

#define THREADS 4
#define TAKES 100000u

static void *take_many(void *arg)
{
	struct quota *q = arg;
	uintptr_t successes = 0;
	for (unsigned i = 0; i < TAKES; i++) {
		enum wire_code code;
		struct pl_error *err = quota_take(q, 10, START, &code);
		successes += err == NULL;
		pl_error_free(err);
	}
	return (void *)successes; // NOLINT(performance-no-int-to-ptr): a number handed through
}

static void test_threads(void **state)
{
	(void)state;
	struct quota q;
	pthread_t threads[THREADS];
	uintptr_t successes = 0;
	assert_null(quota_init(&q, dir_fd, 2500009, 0, START));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, &q), 0);
	for (int i = 0; i < THREADS; i++) {
		void *n;
		assert_int_equal(pthread_join(threads[i], &n), 0);
		successes += (uintptr_t)n;
	}
	assert_int_equal(successes, 250000);
	assert_int_equal(quota_used(&q), 2500000);
}

/* ---- a disk of 64 MiB: the last test, for the process stays in its namespaces ---------- */

static unsigned write_until_refused(struct quota *q, int fd, int64_t now)
{
	static const char chunk[CHUNK] = {1};
	unsigned n = 0;
	while (n < 2000 && taken(q, CHUNK, now)) {
		assert_int_equal(write(fd, chunk, sizeof chunk), CHUNK);
		n++;
	}
	return n;
}

static void test_free_space(void **state)
{
	(void)state;
	struct quota q;
	if (!enter_disk(dir.path, 64 * MIB)) {
		print_message("no disk of its own without user namespaces\n");
		skip();
	}
	close(dir_fd);
	dir_fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_null(quota_init(&q, dir_fd, 0, 16 * MIB, START));
	int fd = openat(dir_fd, "core", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	/* 64 - 16 = 48 MiB in pieces of 64 KiB, without help from the clock. */
	assert_int_equal(write_until_refused(&q, fd, START), 768);
	/* Room is used at once. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_true(taken(&q, CHUNK, START));
	/* Somebody else fills the disk; it is noticed within a second. */
	assert_int_equal(posix_fallocate(fd, 0, 50 * (off_t)MIB), 0);
	assert_false(taken(&q, CHUNK, START + PL_SECOND));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts_what_is_there, begin, end),
		cmocka_unit_test_setup_teardown(test_limit_is_exact, begin, end),
		cmocka_unit_test_setup_teardown(test_words, begin, end),
		cmocka_unit_test_setup_teardown(test_huge_numbers, begin, end),
		cmocka_unit_test_setup_teardown(test_somebody_makes_room, begin, end),
		cmocka_unit_test_setup_teardown(test_spare, begin, end),
		cmocka_unit_test_setup_teardown(test_threads, begin, end),
		cmocka_unit_test_setup_teardown(test_free_space, begin, end),
	};
	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
