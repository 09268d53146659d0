/*
 * The decoder, once with every library of the build, against streams whose
 * content is known; the gzip program says which of them are good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gz_lab.h"

static const struct gz_backend *backend;

static const char text[] = "Anonymous UUID: panic(cpu 0 caller 0xffffff8000000000): \"a test\"@test.c:1\n";
#define TEXT (sizeof text - 1)

static const size_t steps[] = {ALL, 1, 7, 4096};
#define STEPS (sizeof steps / sizeof steps[0])

/* Text, zeroes and noise, as in a core. */
static void fill_plain(uint8_t *to, size_t size)
{
	uint32_t seed = 7;
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		switch (i / 5000 % 3) {
		case 0:
			to[i] = (uint8_t)text[i * 7 % TEXT];
			break;
		case 1:
			to[i] = 0;
			break;
		default:
			to[i] = (uint8_t)(seed >> 24);
			break;
		}
	}
}

static void assert_same(const struct pl_buf *got, const void *plain, size_t size)
{
	assert_int_equal(got->size, size);
	if (size > 0)
		assert_memory_equal(got->data, plain, size);
}

/* Good, with this content, however it is cut into pieces. */
static void assert_good(const struct pl_buf *data, unsigned members, const void *plain, size_t size)
{
	for (size_t i = 0; i < STEPS * STEPS; i++) {
		struct outcome o;
		decode(backend, data, steps[i / STEPS], steps[i % STEPS], &o);
		assert_string_equal(o.detail, "");
		assert_int_equal(o.phase, GZ_BETWEEN);
		assert_int_equal(o.members, members);
		assert_int_equal(o.used, data->size);
		assert_int_equal(o.padding, 0);
		assert_same(&o.out, plain, size);
		outcome_deinit(&o);
	}
}

/* Damaged after these bytes, of whose end so many may be missing. */
static void assert_damaged(const struct pl_buf *data, const void *plain, size_t size, size_t missing)
{
	assert_int_not_equal(gzip_says(data, "", 0), 0);
	for (size_t i = 0; i < STEPS * STEPS; i++) {
		struct outcome o;
		decode(backend, data, steps[i / STEPS], steps[i % STEPS], &o);
		assert_int_equal(o.phase, GZ_CORRUPT);
		assert_string_not_equal(o.detail, "");
		assert_true(o.out.size <= size && size - o.out.size <= missing);
		assert_same(&o.out, plain, o.out.size);
		outcome_deinit(&o);
	}
}

/* What ISA-L may keep back when a code is damaged: base/gz.h. */
static size_t kept_back(void)
{
	return backend == &gz_zlib ? 0 : 1024;
}

static void every_header(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 32; flags++) { /* 1: FTEXT */
		struct pl_buf b;
		pl_buf_init(&b, 100000);
		add_member(&b, flags, text, TEXT);
		assert_int_equal(gzip_says(&b, text, TEXT), 0);
		assert_good(&b, 1, text, TEXT);
		pl_buf_deinit(&b);
	}
}

static void sizes_of_extra(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 256, 65535};
	static char extra[65535];
	for (size_t i = 0; i < 4; i++) {
		struct pl_buf b;
		pl_buf_init(&b, 100000);
		add_header(&b, FEXTRA | FNAME, extra, sizes[i]);
		add_deflate(&b, text, TEXT, 6, Z_DEFAULT_STRATEGY);
		add_trailer(&b, text, TEXT);
		assert_int_equal(gzip_says(&b, text, TEXT), 0);
		assert_good(&b, 1, text, TEXT);
		pl_buf_deinit(&b);
	}
}

static void damaged_header(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	add_member(&b, FHCRC | FNAME, text, TEXT);
	b.data[12] ^= 1; /* of the name */
	assert_damaged(&b, "", 0, 0);
	b.data[12] ^= 1;
	b.data[2] = 7;
	assert_damaged(&b, "", 0, 0);
	b.data[2] = 8;
	for (unsigned bit = 5; bit < 8; bit++) {
		b.data[3] = (char)(1 << bit);
		assert_damaged(&b, "", 0, 0);
	}
	pl_buf_deinit(&b);
}

static void kinds_of_block(void **state)
{
	(void)state;
	static uint8_t plain[80000]; /* more than any window of a library */
	static const int kinds[][2] = {{0, Z_DEFAULT_STRATEGY}, {1, Z_DEFAULT_STRATEGY},
		{9, Z_DEFAULT_STRATEGY}, {6, Z_FIXED}, {6, Z_HUFFMAN_ONLY}, {6, Z_RLE}};
	fill_plain(plain, sizeof plain);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct pl_buf b;
		pl_buf_init(&b, 1000000);
		add_header(&b, 0, NULL, 0);
		add_deflate(&b, plain, sizeof plain, kinds[i][0], kinds[i][1]);
		add_trailer(&b, plain, sizeof plain);
		assert_int_equal(gzip_says(&b, plain, sizeof plain), 0);
		assert_good(&b, 1, plain, sizeof plain);
		pl_buf_deinit(&b);
	}
}

/* The farthest and longest copies that the format has, across every window. */
static void farthest_copies(void **state)
{
	(void)state;
	enum { COPIES = 180, SIZE = 32768 + 258 * COPIES };
	uint8_t *plain = malloc(SIZE);
	struct pl_buf b;
	struct bits w = {&b, 0, 0};

	fill_plain(plain, 32768);
	for (size_t i = 32768; i < SIZE; i++)
		plain[i] = plain[i - 32768];
	pl_buf_init(&b, 1000000);
	add_header(&b, 0, NULL, 0);
	add_stored(&b, plain, 32768);
	add_bits(&w, 3, 3); /* the last block, fixed codes */
	for (int i = 0; i < COPIES; i++)
		add_farthest_copy(&w);
	add_code(&w, 0, 7);
	end_bits(&w);
	add_trailer(&b, plain, SIZE);
	assert_int_equal(gzip_says(&b, plain, SIZE), 0);
	assert_good(&b, 1, plain, SIZE);
	pl_buf_deinit(&b);
	free(plain);
}

static void many_members(void **state)
{
	(void)state;
	struct pl_buf b, plain;
	pl_buf_init(&b, 100000);
	pl_buf_init(&plain, 100000);
	for (unsigned i = 0; i < 40; i++) {
		size_t size = i % 3 == 0 ? 0 : TEXT - i; /* every third is empty */
		add_member(&b, i % 32, text, size);
		add(&plain, text, size);
	}
	assert_int_equal(gzip_says(&b, plain.data, plain.size), 0);
	assert_good(&b, 40, plain.data, plain.size);
	pl_buf_deinit(&b);
	pl_buf_deinit(&plain);
}

static void cut_anywhere(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	add_member(&b, FHCRC | FEXTRA | FNAME | FCOMMENT, text, TEXT);
	size_t size = b.size;
	for (size_t cut = 0; cut < size; cut++) {
		b.size = cut;
		if (cut > 0) /* gzip takes an empty file for an empty stream */
			assert_int_not_equal(gzip_says(&b, "", 0), 0);
		for (size_t i = 0; i < STEPS * STEPS; i++) {
			struct outcome o;
			decode(backend, &b, steps[i / STEPS], steps[i % STEPS], &o);
			assert_int_equal(o.phase, cut < 2 ? GZ_START : GZ_MEMBER);
			assert_int_equal(o.used, cut);
			assert_int_equal(o.members, 0);
			assert_true(o.out.size <= TEXT);
			assert_same(&o.out, text, cut + 8 >= size ? TEXT : o.out.size);
			outcome_deinit(&o);
		}
	}
	b.size = size;
	assert_good(&b, 1, text, TEXT);
	pl_buf_deinit(&b);
}

static void what_follows(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		size_t used; /* of them */
		enum gz_phase phase;
	} cases[] = {
		{"\0", 1, 1, GZ_BETWEEN},
		{"\0\0\0\0\0\0\0\0\0", 9, 9, GZ_BETWEEN},
		{"\0\0x", 3, 2, GZ_TRAILING},
		{"xyz", 3, 0, GZ_TRAILING},
		{"\x1f", 1, 1, GZ_BETWEEN},
		{"\x1f\x8c", 2, 1, GZ_TRAILING},
		{"\x1f\0", 2, 1, GZ_TRAILING},
		{"\0\x1f\x8b\x08", 4, 1, GZ_TRAILING},
		{"\x1f\x8b", 2, 2, GZ_MEMBER},
		{"\x1f\x8b\x08\0", 4, 4, GZ_MEMBER},
		{"\x1f\x8b\x07", 3, 3, GZ_CORRUPT},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pl_buf b;
		pl_buf_init(&b, 1000);
		add_member(&b, 0, text, TEXT);
		size_t whole = b.size;
		add(&b, cases[i].bytes, cases[i].size);
		for (size_t s = 0; s < STEPS * STEPS; s++) {
			struct outcome o;
			decode(backend, &b, steps[s / STEPS], steps[s % STEPS], &o);
			assert_int_equal(o.phase, cases[i].phase);
			assert_int_equal(o.members, 1);
			assert_int_equal(o.used, whole + cases[i].used);
			bool within = o.phase == GZ_MEMBER || o.phase == GZ_CORRUPT;
			assert_int_equal(o.padding, within ? 0 : cases[i].used);
			assert_same(&o.out, text, TEXT);
			outcome_deinit(&o);
		}
		pl_buf_deinit(&b);
	}
}

/* After padding gzip takes nothing for a member, and so do we. */
static void padding_ends_it(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 10000);
	add_member(&b, 0, text, TEXT);
	size_t first = b.size;
	add(&b, "\0\0\0\0", 4);
	assert_int_equal(gzip_says(&b, text, TEXT), 0);
	add_member(&b, 0, text, TEXT);
	assert_int_not_equal(gzip_says(&b, "", 0), 0);
	struct outcome o;
	decode(backend, &b, ALL, ALL, &o);
	assert_int_equal(o.phase, GZ_TRAILING);
	assert_int_equal(o.used, first + 4);
	assert_same(&o.out, text, TEXT);
	outcome_deinit(&o);
	pl_buf_deinit(&b);
}

static void not_gzip(void **state)
{
	(void)state;
	static const char *const others[] = {"\xcf\xfa\xed\xfe", "x", "\x1f\x9d\x90", "\x1fx", "\1"};
	for (size_t i = 0; i < 5; i++) {
		struct pl_buf b;
		pl_buf_init(&b, 100);
		add(&b, others[i], strlen(others[i]));
		struct outcome o;
		decode(backend, &b, i % 2 ? ALL : 1, ALL, &o);
		assert_int_equal(o.phase, GZ_OTHER);
		assert_int_equal(o.members, 0);
		assert_int_equal(o.padding, 0);
		assert_string_equal(o.detail, "");
		outcome_deinit(&o);
		pl_buf_deinit(&b);
	}
}

static void wrong_trailer(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	add_member(&b, 0, text, TEXT);
	for (size_t back = 1; back <= 8; back++) {
		char *byte = b.data + b.size - back;
		*byte = (char)(*byte ^ 0x10);
		assert_damaged(&b, text, TEXT, 0);
		*byte = (char)(*byte ^ 0x10);
	}
	assert_good(&b, 1, text, TEXT);
	pl_buf_deinit(&b);
}

/* Stored bytes in front of it, which must all come out. */
static void damaged_block(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
	} bad[] = {
		{"\x07", 1},                       /* block type 3 */
		{"\x01\x05\x00\x05\x00", 5},       /* stored: the length and its complement differ */
		{"\xfd\xff\xff", 3},               /* dynamic: 288 codes, more than there are */
		{"\x05\x00\x00\x00\x00\x00", 6},   /* dynamic: no code for the lengths of codes */
		{"\x1b\x07\xff\xff\xff\xff", 6},   /* fixed: a length code that stands for nothing */
		{"\x1b\x7d", 2},                   /* fixed: so does a distance code */
		{"\x06\x05\x00\xfa\xffnever", 10}, /* type 3, and then a block that is good */
	};
	static uint8_t plain[70000];
	fill_plain(plain, sizeof plain);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct pl_buf b;
		pl_buf_init(&b, 1000000);
		add_header(&b, 0, NULL, 0);
		add_stored(&b, plain, 35000);
		add_stored(&b, plain + 35000, 35000);
		add(&b, bad[i].bytes, bad[i].size);
		for (int n = 0; n < 400; n++) /* more than any header of a block has */
			add_byte(&b, 0xff);
		assert_damaged(&b, plain, sizeof plain, kept_back());
		pl_buf_deinit(&b);
	}
}

static void copy_from_before_the_start(void **state)
{
	(void)state;
	static uint8_t plain[32767];
	struct pl_buf b;
	struct bits w = {&b, 0, 0};
	fill_plain(plain, sizeof plain);
	pl_buf_init(&b, 100000);
	add_header(&b, 0, NULL, 0);
	add_stored(&b, plain, sizeof plain);
	add_bits(&w, 3, 3);
	add_farthest_copy(&w);
	add_code(&w, 0, 7);
	end_bits(&w);
	for (int n = 0; n < 400; n++) /* near the end of the input ISA-L has another loop */
		add_byte(&b, 0);
	assert_damaged(&b, plain, sizeof plain, kept_back());
	pl_buf_deinit(&b);
}

static void reset_forgets(void **state)
{
	(void)state;
	uint8_t window[200];
	struct pl_buf b, torn;
	struct gz *g = NULL;
	pl_buf_init(&b, 1000);
	pl_buf_init(&torn, 1000);
	add_member(&b, FNAME, text, TEXT);
	add(&torn, b.data, b.size);
	torn.data[b.size - 1] = 1;
	assert_null(gz_create_with(backend, &g));
	for (size_t cut = 0; cut <= torn.size; cut++) {
		struct gz_io io = {(const uint8_t *)torn.data, cut, window, sizeof window};
		gz_decode(g, &io);
		gz_reset(g);
		assert_string_equal(gz_detail(g), "");
		assert_int_equal(gz_members(g), 0);
		io = (struct gz_io){(const uint8_t *)b.data, b.size, window, sizeof window};
		assert_int_equal(gz_decode(g, &io), GZ_BETWEEN);
		assert_memory_equal(window, text, TEXT);
		assert_int_equal(sizeof window - io.out_left, TEXT);
		gz_reset(g);
	}
	gz_destroy(g);
	pl_buf_deinit(&b);
	pl_buf_deinit(&torn);
}

static void nothing_given(void **state)
{
	(void)state;
	uint8_t window[200];
	struct pl_buf b;
	struct gz *g = NULL;
	struct gz_io none = {NULL, 0, NULL, 0};
	pl_buf_init(&b, 1000);
	add_member(&b, 0, text, TEXT);
	assert_null(gz_create_with(backend, &g));
	assert_int_equal(gz_decode(g, &none), GZ_START);
	/* No room: what is in front of the data is taken all the same. */
	struct gz_io io = {(const uint8_t *)b.data, b.size, NULL, 0};
	assert_int_equal(gz_decode(g, &io), GZ_MEMBER);
	assert_int_equal(gz_decode(g, &none), GZ_MEMBER);
	assert_true(io.in_left > 0);
	io.out = window;
	io.out_left = sizeof window;
	assert_int_equal(gz_decode(g, &io), GZ_BETWEEN);
	assert_int_equal(gz_decode(g, &none), GZ_BETWEEN);
	assert_int_equal(io.in_left, 0);
	assert_memory_equal(window, text, TEXT);
	gz_destroy(g);
	gz_destroy(NULL);
	pl_buf_deinit(&b);
}

static void first_is_what_is_used(void **state)
{
	(void)state;
	assert_string_equal(gz_library(), gz_backends()[0]->library);
	assert_true(strncmp(gz_library(), "ISA-L ", 6) == 0 || strncmp(gz_library(), "zlib ", 5) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_header),
		cmocka_unit_test(sizes_of_extra),
		cmocka_unit_test(damaged_header),
		cmocka_unit_test(kinds_of_block),
		cmocka_unit_test(farthest_copies),
		cmocka_unit_test(many_members),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(what_follows),
		cmocka_unit_test(padding_ends_it),
		cmocka_unit_test(not_gzip),
		cmocka_unit_test(wrong_trailer),
		cmocka_unit_test(damaged_block),
		cmocka_unit_test(copy_from_before_the_start),
		cmocka_unit_test(reset_forgets),
		cmocka_unit_test(nothing_given),
		cmocka_unit_test(first_is_what_is_used),
	};
	int failed = 0;
	for (size_t i = 0; gz_backends()[i]; i++) {
		backend = gz_backends()[i];
		printf("# with %s\n", backend->library);
		failed += cmocka_run_group_tests_name(backend->library, tests, NULL, NULL);
	}
	return failed;
}
