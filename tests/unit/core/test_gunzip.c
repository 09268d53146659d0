/*
 * gunzip against bytes that zlib's compressor, an independent half of the
 * library, made here; the command-line test does it with the gzip program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fs.h"
#include "gzip_bytes.h"
#include "orchestrator/core/gunzip.h"

#define PLAIN (300 * 1024)
#define NO_LIMIT UINT64_MAX

struct lab {
	char dir[64];
	char from[96];
	char to[96];
	uint8_t *plain; /* PLAIN bytes: noise, with a long hole in the middle */
	uint8_t *gz;
	size_t gz_size;
};

static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};

static int setup(void **state)
{
	struct lab *l = calloc(1, sizeof *l);
	snprintf(l->dir, sizeof l->dir, "/tmp/test_gunzip.XXXXXX");
	if (!mkdtemp(l->dir))
		return -1;
	snprintf(l->from, sizeof l->from, "%s/core.gz", l->dir);
	snprintf(l->to, sizeof l->to, "%s/core", l->dir);
	l->plain = calloc(1, PLAIN);
	l->gz = malloc(2 * PLAIN);
	uint32_t seed = 12345;
	for (size_t i = 0; i < PLAIN; i++) {
		seed = seed * 1664525 + 1013904223;
		bool hole = i >= 64 * 1024 && i < 256 * 1024;
		l->plain[i] = hole ? 0 : (uint8_t)(seed >> 28);
	}
	l->gz_size = gzip_bytes(l->plain, PLAIN, l->gz, 2 * PLAIN);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct lab *l = *state;
	pl_error_free(pl_fs_remove_tree(l->dir));
	free(l->plain);
	free(l->gz);
	free(l);
	return 0;
}

static void put(const struct lab *l, const void *data, size_t size)
{
	int fd = open(l->from, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
}

static struct gunzip_result run(const struct lab *l, uint64_t max)
{
	struct gunzip_result r;
	assert_null(gunzip_file(l->from, l->to, max, &forever, &r));
	return r;
}

/* What stands under `to` is the first `size` bytes of the plain data. */
static void assert_prefix(const struct lab *l, uint64_t size)
{
	struct stat st;
	assert_int_equal(stat(l->to, &st), 0);
	assert_int_equal(st.st_size, size);
	uint8_t *back = malloc(size + 1);
	int fd = open(l->to, O_RDONLY);
	assert_int_equal(read(fd, back, size + 1), (ssize_t)size);
	close(fd);
	assert_memory_equal(back, l->plain, (size_t)size);
	free(back);
}

static void decodes_all_and_leaves_holes(void **state)
{
	struct lab *l = *state;
	struct stat st;
	put(l, l->gz, l->gz_size);
	struct gunzip_result r = run(l, NO_LIMIT);
	assert_int_equal(r.status, GUNZIP_OK);
	assert_int_equal(r.bytes_in, l->gz_size);
	assert_int_equal(r.bytes_out, PLAIN);
	assert_int_equal(r.members, 1);
	assert_int_equal(r.trailing, 0);
	assert_string_equal(r.detail, "");
	assert_prefix(l, PLAIN);
	assert_int_equal(stat(l->to, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* 192 KiB of it are zeroes: st_blocks counts 512 bytes, with some slack for the file system */
	assert_true(st.st_blocks * 512 < PLAIN - 128 * 1024);
}

static void joins_members(void **state)
{
	struct lab *l = *state;
	size_t first = gzip_bytes(l->plain, 100000, l->gz, 2 * PLAIN);
	size_t second = gzip_bytes(l->plain + 100000, PLAIN - 100000, l->gz + first, 2 * PLAIN - first);
	put(l, l->gz, first + second);
	struct gunzip_result r = run(l, NO_LIMIT);
	assert_int_equal(r.status, GUNZIP_OK);
	assert_int_equal(r.members, 2);
	assert_prefix(l, PLAIN);

	put(l, l->gz, first + second - 9);
	r = run(l, NO_LIMIT);
	assert_int_equal(r.status, GUNZIP_TRUNCATED);
	assert_int_equal(r.members, 1);
	assert_true(r.bytes_out > 100000);
	assert_prefix(l, r.bytes_out);
}

static void keeps_what_a_cut_file_gives(void **state)
{
	struct lab *l = *state;
	uint64_t before = 0;

	for (size_t cut = 2; cut < l->gz_size; cut += 1 + l->gz_size / 200) {
		put(l, l->gz, cut);
		unlink(l->to);
		struct gunzip_result r = run(l, NO_LIMIT);
		assert_int_equal(r.status, GUNZIP_TRUNCATED);
		assert_true(r.bytes_out >= before);
		assert_int_equal(pl_fs_exists(l->to), r.bytes_out > 0);
		if (r.bytes_out > 0)
			assert_prefix(l, r.bytes_out);
		before = r.bytes_out;
	}
	assert_true(before > PLAIN - 64 * 1024);
	for (size_t tail = 1; tail <= 8; tail++) { /* within CRC and length: all the data, but not proved */
		put(l, l->gz, l->gz_size - tail);
		struct gunzip_result r = run(l, NO_LIMIT);
		assert_int_equal(r.status, GUNZIP_TRUNCATED);
		assert_prefix(l, PLAIN);
	}
}

static void verifies_crc_and_length(void **state)
{
	struct lab *l = *state;
	for (size_t tail = 1; tail <= 8; tail++) {
		l->gz[l->gz_size - tail] ^= 0x40;
		put(l, l->gz, l->gz_size);
		struct gunzip_result r = run(l, NO_LIMIT);
		assert_int_equal(r.status, GUNZIP_CORRUPT);
		assert_string_not_equal(r.detail, "");
		assert_prefix(l, PLAIN);
		l->gz[l->gz_size - tail] ^= 0x40;
	}
}

static void keeps_what_comes_before_damage(void **state)
{
	struct lab *l = *state;
	memset(l->gz + l->gz_size / 2, 0xff, 64);
	put(l, l->gz, l->gz_size);
	struct gunzip_result r = run(l, NO_LIMIT);
	assert_int_equal(r.status, GUNZIP_CORRUPT);
	assert_true(r.bytes_in <= l->gz_size);
	/* half the noise came before the damage, i.e. more than 32 KiB of data */
	assert_true(r.bytes_out > 32 * 1024);
	assert_int_equal(truncate(l->to, 32 * 1024), 0);
	assert_prefix(l, 32 * 1024);
}

static void notes_what_follows(void **state)
{
	struct lab *l = *state;
	memset(l->gz + l->gz_size, 0, 4096);
	put(l, l->gz, l->gz_size + 4096);
	struct gunzip_result r = run(l, NO_LIMIT);
	assert_int_equal(r.status, GUNZIP_OK);
	assert_int_equal(r.trailing, 4096);
	assert_int_equal(r.bytes_in, l->gz_size);
	assert_non_null(strstr(r.detail, "4096"));
	assert_prefix(l, PLAIN);
	l->gz[l->gz_size] = 0x1f; /* one byte that could begin a header */
	put(l, l->gz, l->gz_size + 1);
	r = run(l, NO_LIMIT);
	assert_int_equal(r.status, GUNZIP_OK);
	assert_int_equal(r.trailing, 1);
}

static void refuses_what_is_not_gzip(void **state)
{
	struct lab *l = *state;
	put(l, "not gzip at all", 15);
	assert_int_equal(run(l, NO_LIMIT).status, GUNZIP_NOT_GZIP);
	put(l, "\x1f", 1);
	assert_int_equal(run(l, NO_LIMIT).status, GUNZIP_TRUNCATED);
	put(l, "", 0);
	assert_int_equal(run(l, NO_LIMIT).status, GUNZIP_TRUNCATED);
	put(l, "\x1f\x8b\x07\0\0\0\0\0\0\3", 10); /* method 7 does not exist */
	assert_int_equal(run(l, NO_LIMIT).status, GUNZIP_CORRUPT);
	assert_int_equal(unlink(l->from), 0);
	assert_int_equal(rmdir(l->dir), 0); /* nothing else was made */
}

static void stops_at_the_limit(void **state)
{
	struct lab *l = *state;
	put(l, l->gz, l->gz_size);
	struct gunzip_result r = run(l, PLAIN - 1);
	assert_int_equal(r.status, GUNZIP_TOO_BIG);
	assert_prefix(l, PLAIN - 1);
	assert_int_equal(run(l, PLAIN).status, GUNZIP_OK);
	assert_int_equal(run(l, 1000).status, GUNZIP_TOO_BIG);
	assert_prefix(l, 1000);
}

static void decodes_a_range_of_an_image(void **state)
{
	struct lab *l = *state;
	uint8_t *image = calloc(1, l->gz_size + 8192);
	struct gunzip_result r;

	memcpy(image + 4096, l->gz, l->gz_size);
	put(l, image, l->gz_size + 8192);
	int in = open(l->from, O_RDONLY);
	int out = open(l->to, O_RDWR | O_CREAT, 0600);
	assert_null(gunzip_range(in, 4096, l->gz_size, out, NO_LIMIT, &forever, &r));
	assert_int_equal(r.status, GUNZIP_OK);
	assert_int_equal(r.trailing, 0);
	assert_prefix(l, PLAIN);
	assert_int_equal(ftruncate(out, 0), 0);
	assert_null(gunzip_range(in, 4096, l->gz_size - 20, out, NO_LIMIT, &forever, &r));
	assert_int_equal(r.status, GUNZIP_TRUNCATED);
	assert_null(gunzip_range(in, UINT64_MAX, UINT64_MAX, out, NO_LIMIT, &forever, &r));
	assert_int_equal(r.status, GUNZIP_TRUNCATED);
	close(in);
	close(out);
	free(image);
}

static void errors_leave_nothing(void **state)
{
	struct lab *l = *state;
	struct gunzip_result r;
	struct pl_error *e = gunzip_file(l->from, l->to, NO_LIMIT, &forever, &r);
	assert_non_null(e); /* there is no such file */
	assert_string_equal(pl_error_place(e), l->from);
	pl_error_free(e);

	put(l, l->gz, l->gz_size);
	struct pl_wait over = {0, NULL};
	e = gunzip_file(l->from, l->to, NO_LIMIT, &over, &r);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	pl_error_free(e);
	assert_int_equal(unlink(l->from), 0);
	assert_int_equal(rmdir(l->dir), 0); /* no temporary file is left */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(decodes_all_and_leaves_holes),
		T(joins_members),
		T(keeps_what_a_cut_file_gives),
		T(verifies_crc_and_length),
		T(keeps_what_comes_before_damage),
		T(notes_what_follows),
		T(refuses_what_is_not_gzip),
		T(stops_at_the_limit),
		T(decodes_a_range_of_an_image),
		T(errors_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
