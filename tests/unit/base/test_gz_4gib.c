/*
 * A member of more than 4 GiB: counts of 32 bits wrap there, in the format and in
 * the libraries, while a copy may still come from 32 KiB back. The stream is made
 * as it goes: 32 KiB stored, then copies of 258 bytes from 32768 back, so that the
 * content repeats every 32 KiB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gz_lab.h"

#define PERIOD 32768
#define COPY 258
#define COPIES ((UINT64_C(1) << 32) / COPY + 200000)
#define WINDOW ((size_t)256 << 10)

static const struct gz_backend *backend;

struct big {
	struct gz *gz;
	uint8_t period[2 * PERIOD];
	uint8_t *window;
	uint64_t size; /* what has come out */
};

/* What came out must be the period, wherever it is cut. */
static void check(struct big *b, const uint8_t *got, size_t size)
{
	while (size > 0) {
		size_t at = b->size % PERIOD;
		size_t n = least(size, PERIOD);
		assert_memory_equal(got, b->period + at, n);
		got += n;
		size -= n;
		b->size += n;
	}
}

static enum gz_phase feed(struct big *b, const struct pl_buf *data)
{
	struct gz_io io = {(const uint8_t *)data->data, data->size, NULL, 0};
	enum gz_phase phase = GZ_START;
	do {
		io.out = b->window;
		io.out_left = WINDOW;
		phase = gz_decode(b->gz, &io);
		check(b, b->window, WINDOW - io.out_left);
	} while (io.out_left == 0 && phase < GZ_TRAILING);
	return phase;
}

/* The CRC of the content, put together from that of a period. */
static uint32_t crc_of(const struct big *b, uint64_t size)
{
	uLong one = crc32(0, b->period, PERIOD), all = one;
	for (uint64_t n = 1; n < size / PERIOD; n++)
		all = crc32_combine(all, one, PERIOD);
	return (uint32_t)crc32(all, b->period, (uInt)(size % PERIOD));
}

static void begin(struct big *b, struct pl_buf *data)
{
	uint32_t seed = 3;
	for (size_t i = 0; i < PERIOD; i++) {
		seed = seed * 1664525 + 1013904223;
		b->period[i] = b->period[i + PERIOD] = (uint8_t)(seed >> 24);
	}
	b->window = malloc(WINDOW);
	assert_non_null(b->window);
	assert_null(gz_create_with(backend, &b->gz));
	add_header(data, 0, NULL, 0);
	add_stored(data, b->period, PERIOD);
	assert_int_equal(feed(b, data), GZ_MEMBER);
	pl_buf_clear(data);
}

static void more_than_4_gib(void **state)
{
	(void)state;
	enum { BATCH = 400000 }; /* of a multiple of four copies: whole bytes, after the first */
	static struct big b;
	struct pl_buf data;
	struct bits w = {&data, 0, 0};

	pl_buf_init(&data, (size_t)1 << 24);
	begin(&b, &data);
	add_bits(&w, 3, 3); /* the last block, fixed codes */
	for (int i = 0; i < BATCH; i++)
		add_farthest_copy(&w);
	uint64_t copies = 0;
	for (; copies < COPIES; copies += BATCH) {
		assert_int_equal(feed(&b, &data), GZ_MEMBER);
		/* The bits that were left begin the next batch, and each ends as this one did. */
		if (copies == 0) {
			pl_buf_clear(&data);
			for (int i = 0; i < BATCH; i++)
				add_farthest_copy(&w);
		}
	}
	pl_buf_clear(&data);
	add_code(&w, 0, 7);
	end_bits(&w);
	uint64_t size = PERIOD + copies * COPY;
	add_le(&data, crc_of(&b, size), 4);
	add_le(&data, (uint32_t)size, 4);
	assert_int_equal(feed(&b, &data), GZ_BETWEEN);
	assert_true(size > UINT32_MAX);
	assert_true(b.size == size);
	gz_destroy(b.gz);
	free(b.window);
	pl_buf_deinit(&data);
	memset(&b, 0, sizeof b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(more_than_4_gib)};
	int failed = 0;
	for (size_t i = 0; gz_backends()[i]; i++) {
		backend = gz_backends()[i];
		printf("# with %s\n", backend->library);
		failed += cmocka_run_group_tests_name(backend->library, tests, NULL, NULL);
	}
	return failed;
}
