/* The output of a part: the file is what was put in and so is its SHA-256, whatever the number of blocks. */
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
#include "orchestrator/core/part_out.h"

#define MOST (20 * PART_OUT_BLOCK + 5)

static uint8_t *plain;

static int make_plain(void **state)
{
	uint32_t n = 1;

	plain = malloc(MOST);
	for (size_t i = 0; plain && i < MOST; i++) {
		n = n * 1664525 + 1013904223;
		plain[i] = i / 8192 % 3 ? (uint8_t)(n >> 24) : 0; /* with holes */
	}
	return plain ? make_folder(state) : -1;
}

static int drop_plain(void **state)
{
	free(plain);
	return remove_folder(state);
}

static int create(void)
{
	int fd = open(in_folder("out"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* In pieces of at most step. */
static struct pl_error *put(struct part_out *o, const uint8_t *data, size_t size, size_t step)
{
	while (size > 0) {
		uint8_t *to;
		size_t room;
		struct pl_error *e = part_out_room(o, &to, &room);
		if (e)
			return e;
		assert_true(room > 0);
		size_t n = size < room ? size : room;
		n = n < step ? n : step;
		memcpy(to, data, n);
		e = part_out_made(o, n);
		if (e)
			return e;
		data += n;
		size -= n;
	}
	return NULL;
}

static void check(size_t size, size_t step)
{
	struct part_out *o;
	struct sha256 hash;
	char hex[SHA256_HEX], want[SHA256_HEX];
	int fd = create();

	assert_null(part_out_create(fd, &o));
	assert_null(put(o, plain, size, step));
	assert_int_equal(part_out_size(o), size);
	assert_null(part_out_end(o, hex));
	part_out_destroy(o);
	sha256_init(&hash);
	sha256_add(&hash, plain, size);
	sha256_end(&hash, want);
	assert_string_equal(hex, want);
	uint8_t *back = malloc(size + 1);
	assert_non_null(back);
	assert_int_equal(pread(fd, back, size + 1, 0), (ssize_t)size);
	assert_memory_equal(back, plain, size);
	free(back);
	close(fd);
}

static void writes_and_hashes_what_was_put_in(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, PART_OUT_BLOCK - 1, PART_OUT_BLOCK, PART_OUT_BLOCK + 1,
		2 * PART_OUT_BLOCK, PART_OUT_BLOCKS * PART_OUT_BLOCK, MOST};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		check(sizes[i], PART_OUT_BLOCK);
		check(sizes[i], 70001);
	}
}

static void stops_at_the_first_error(void **state)
{
	(void)state;
	struct part_out *o;
	char hex[SHA256_HEX];

	close(create());
	int fd = open(in_folder("out"), O_RDONLY);
	assert_null(part_out_create(fd, &o));
	struct pl_error *e = put(o, plain, MOST, PART_OUT_BLOCK); /* more blocks than there is room for */
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_true(part_out_size(o) < MOST);
	pl_error_free(e);
	part_out_destroy(o);

	assert_null(part_out_create(fd, &o));
	e = put(o, plain, 2 * PART_OUT_BLOCK - 1, PART_OUT_BLOCK);
	if (!e) /* the writer had not come to it */
		e = part_out_end(o, hex);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_free(e);
	part_out_destroy(o);
	close(fd);
}

static void can_be_left_at_any_time(void **state)
{
	(void)state;
	struct part_out *o;
	int fd = create();

	for (size_t blocks = 0; blocks <= 3; blocks++) {
		assert_null(part_out_create(fd, &o));
		assert_null(put(o, plain, blocks * PART_OUT_BLOCK, PART_OUT_BLOCK));
		part_out_destroy(o);
	}
	part_out_destroy(NULL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_hashes_what_was_put_in),
		cmocka_unit_test(stops_at_the_first_error),
		cmocka_unit_test(can_be_left_at_any_time),
	};
	return cmocka_run_group_tests(tests, make_plain, drop_plain);
}
