/* server/verify.h: whether a file is whole; gzip is zlib's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/verify.h"
#include "tests/unit/server/dump_folder.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static struct verify verify;
static int fd;
static uint8_t scratch[512 * KIB];
static uint8_t plain[4 * MIB];
static uint8_t gz[5 * MIB];
static size_t gz_size;

static int begin_verify(void **state)
{
	if (begin(state))
		return -1;
	fd = openat(dir_fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_null(verify_init(&verify, fd, NULL));
	return fd < 0;
}

static int end_verify(void **state)
{
	verify_deinit(&verify);
	close(fd);
	return end(state);
}

static void compress_first(size_t size)
{
	fill(plain, size, 7);
	gz_size = make_gzip(plain, size, gz, sizeof gz);
}

static void put(uint64_t at, const void *bytes, size_t size)
{
	assert_int_equal(pwrite(fd, bytes, size, (off_t)at), size);
}

/* Turns that it took. */
static unsigned decode_to(uint64_t size)
{
	unsigned turns = 1;

	while (verify_turn(&verify, size, scratch, sizeof scratch))
		turns++;
	return turns;
}

static void expect(const char *name, uint64_t size, enum server_gzip gzip, const char *reason)
{
	struct verify_result r = verify_judge(&verify, name, size);

	assert_int_equal(r.gzip, gzip);
	assert_int_equal(r.whole, reason[0] == '\0');
	assert_string_equal(r.reason, reason);
}

static void test_whole_gzip(void **state)
{
	(void)state;
	compress_first(100 * KIB);
	put(0, gz, gz_size);
	decode_to(gz_size);
	expect("core.gz", gz_size, SERVER_GZIP_OK, "");
	/* Whatever it is called. */
	expect("core", gz_size, SERVER_GZIP_OK, "");
}

/* No byte beyond the end is looked at: it may be written at that moment. */
static void test_only_what_has_arrived(void **state)
{
	(void)state;
	compress_first(100 * KIB);
	put(0, gz, gz_size);
	for (size_t end_at = 0; end_at < gz_size; end_at += 997)
		decode_to(end_at);
	expect("core.gz", gz_size, SERVER_GZIP_TRUNCATED, "the gzip stream is truncated");
	decode_to(gz_size);
	expect("core.gz", gz_size, SERVER_GZIP_OK, "");
}

static void test_what_follows_the_stream(void **state)
{
	(void)state;
	compress_first(KIB);
	put(0, gz, gz_size);
	put(gz_size, gz, gz_size);
	decode_to(2 * gz_size);
	expect("core.gz", 2 * gz_size, SERVER_GZIP_OK, "");
	put(2 * gz_size, "\0\0x", 3);
	decode_to(2 * gz_size + 2);
	expect("core.gz", 2 * gz_size + 2, SERVER_GZIP_OK, "");
	decode_to(2 * gz_size + 3);
	expect("core.gz", 2 * gz_size + 3, SERVER_GZIP_CORRUPT, "the gzip stream is corrupt");
}

static void test_other_files(void **state)
{
	(void)state;
	expect("core.gz", 0, SERVER_GZIP_TRUNCATED, "the gzip stream is empty");
	expect("core", 0, SERVER_GZIP_NONE, "");
	put(0, "panic(cpu 0)", 12);
	decode_to(12);
	expect("paniclog", 12, SERVER_GZIP_NONE, "");
}

static void test_restart(void **state)
{
	(void)state;
	compress_first(KIB);
	put(0, "none", 4);
	decode_to(4);
	expect("core.gz", 4, SERVER_GZIP_CORRUPT, "the content is not gzip");
	expect("core", 4, SERVER_GZIP_NONE, "");
	put(0, gz, gz_size);
	verify_restart(&verify);
	decode_to(gz_size / 2);
	expect("core.gz", gz_size / 2, SERVER_GZIP_TRUNCATED, "the gzip stream is truncated");
	verify_restart(&verify);
	decode_to(gz_size);
	expect("core.gz", gz_size, SERVER_GZIP_OK, "");
}

static void test_cut_by_another(void **state)
{
	(void)state;
	compress_first(KIB);
	put(0, gz, gz_size);
	decode_to(500);
	assert_int_equal(ftruncate(fd, 500), 0);
	decode_to(gz_size);
	expect("core.gz", gz_size, SERVER_GZIP_NONE, "the file cannot be read back");
}

/* 4 MiB that do not compress, in pieces of less than 512 KiB. */
static void test_a_turn_is_short(void **state)
{
	(void)state;
	compress_first(sizeof plain);
	put(0, gz, gz_size);
	assert_true(decode_to(gz_size) > 8);
	expect("core.gz", gz_size, SERVER_GZIP_OK, "");
}

/* The client may make it many GiB long with a single SEEK. */
static void test_a_turn_over_padding_is_short(void **state)
{
	(void)state;
	compress_first(KIB);
	put(0, gz, gz_size);
	assert_int_equal(ftruncate(fd, 64 * (off_t)MIB), 0);
	assert_true(decode_to(64 * MIB) > 8);
	expect("core.gz", 64 * MIB, SERVER_GZIP_OK, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_verify, end_verify)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole_gzip),
		TEST(test_only_what_has_arrived),
		TEST(test_what_follows_the_stream),
		TEST(test_other_files),
		TEST(test_restart),
		TEST(test_cut_by_another),
		TEST(test_a_turn_is_short),
		TEST(test_a_turn_over_padding_is_short),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
