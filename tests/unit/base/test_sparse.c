/* The sparse writer: what is read back is what was written, and zeros take no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../folder.h"
#include "base/sparse.h"

#define BLOCK 4096
#define SIZE ((size_t)300 * BLOCK + 77)

static int create(void)
{
	int fd = open(in_folder("file"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* Writes plain in pieces of step and checks the file; returns the bytes that it takes on the disk. */
static uint64_t write_in(const uint8_t *plain, size_t size, size_t step)
{
	struct sparse s = {.fd = create()};
	struct stat st;

	for (size_t at = 0; at < size; at += step)
		assert_null(sparse_write(&s, plain + at, size - at < step ? size - at : step));
	assert_int_equal(s.size, size);
	assert_null(sparse_finish(&s));
	assert_int_equal(fstat(s.fd, &st), 0);
	assert_int_equal(st.st_size, size);
	uint8_t *back = malloc(size + 1);
	assert_non_null(back);
	assert_int_equal(pread(s.fd, back, size + 1, 0), (ssize_t)size);
	assert_memory_equal(back, plain, size);
	free(back);
	close(s.fd);
	return (uint64_t)st.st_blocks * 512;
}

/* Each block is zeros, data, or zeros but for one byte, which may be its first or last. */
static void fill(uint8_t *plain, uint32_t seed)
{
	memset(plain, 0, SIZE);
	for (size_t at = 0; at + BLOCK <= SIZE; at += BLOCK) {
		seed = seed * 1664525 + 1013904223;
		unsigned kind = seed >> 24;
		if (kind < 60)
			memset(plain + at, 1 + (int)(kind % 100), BLOCK);
		else if (kind < 70)
			plain[at] = 1;
		else if (kind < 80)
			plain[at + BLOCK - 1] = 1;
		else if (kind < 90)
			plain[at + (seed >> 8) % BLOCK] = 1;
	}
}

static void reads_back_as_written(void **state)
{
	(void)state;
	static const size_t steps[] = {SIZE, BLOCK, 3 * BLOCK, 1000, 4097, 65536, 13};
	uint8_t *plain = malloc(SIZE);
	for (uint32_t seed = 1; seed <= 3; seed++) {
		fill(plain, seed);
		for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
			write_in(plain, SIZE, steps[i]);
		plain[SIZE - 1] = 1; /* else it ends in a hole */
		write_in(plain, SIZE, 65536);
	}
	free(plain);
}

static void zeros_take_no_room(void **state)
{
	(void)state;
	uint8_t *plain = calloc(1, SIZE);
	assert_true(write_in(plain, SIZE, SIZE) <= BLOCK);
	assert_true(write_in(plain, SIZE, 1000) <= BLOCK); /* pieces of zeros are joined into holes */
	memset(plain + (size_t)100 * BLOCK, 7, (size_t)10 * BLOCK);
	uint64_t taken = write_in(plain, SIZE, 65536);
	assert_true(taken >= (uint64_t)10 * BLOCK && taken < (uint64_t)64 * BLOCK);
	free(plain);
}

static void nothing_is_an_empty_file(void **state)
{
	(void)state;
	struct sparse s = {.fd = create()};
	struct stat st;
	assert_null(sparse_write(&s, "", 0));
	assert_null(sparse_finish(&s));
	assert_int_equal(fstat(s.fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(s.fd);
}

static void a_failed_write_is_an_error(void **state)
{
	(void)state;
	close(create());
	int fd = open(in_folder("file"), O_RDONLY);
	struct sparse s = {.fd = fd};
	struct pl_error *e = sparse_write(&s, "data", 4);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_int_equal(s.size, 0);
	pl_error_free(e);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_as_written),
		cmocka_unit_test(zeros_take_no_room),
		cmocka_unit_test(nothing_is_an_empty_file),
		cmocka_unit_test(a_failed_write_is_an_error),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
