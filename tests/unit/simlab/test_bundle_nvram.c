/* VMware's .nvram: against bytes laid out by hand, and through changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/simlab/bundle_nvram.h"

/* A file with one section before the store, a store of 128 bytes, and one after it. */
static const uint8_t FILE_BYTES[] = {
	'M',
	'R',
	'V',
	'N',
	1,
	0,
	0,
	0, /* head */
	'C',
	'M',
	'O',
	'S',
	't',
	'i',
	'm',
	'A',
	2,
	0,
	0,
	0,
	0xAB,
	0xCD, /* a section */
	'E',
	'F',
	'I',
	'_',
	'N',
	'V',
	0,
	0,
	128,
	0,
	0,
	0, /* the store's head */
	'V',
	'M',
	'W',
	'N',
	'V',
	'R',
	'A',
	'M',
	0,
	0,
	0,
	0,
	56,
	0,
	0,
	0,
	/* Apple's GUID, attributes 7, 12 bytes of data, 6 of them the name "hi" */
	0x10,
	0x61,
	0x43,
	0x7C,
	0x2A,
	0xAB,
	0xBB,
	0x4B,
	0xA8,
	0x80,
	0xFE,
	0x41,
	0x99,
	0x5C,
	0x9F,
	0x82,
	7,
	0,
	0,
	0,
	12,
	0,
	0,
	0,
	6,
	0,
	0,
	0,
	'h',
	0,
	'i',
	0,
	0,
	0,
	'v',
	'a',
	'l',
	'u',
	'e',
	'!',
};
#define STORE_AT 34
#define STORE_SIZE 128
#define TAIL "TAIL....\0\0\0"
#define FILE_SIZE (STORE_AT + STORE_SIZE + 12)

static void make_file(uint8_t out[static FILE_SIZE])
{
	memset(out, 0xFF, FILE_SIZE);
	memcpy(out, FILE_BYTES, sizeof FILE_BYTES);
	memcpy(out + STORE_AT + STORE_SIZE, TAIL, 12);
}

static void no_error(struct pl_error *e)
{
	if (e != NULL)
		fail_msg("%s", pl_error_what(e));
}

static void test_decodes(void **state)
{
	uint8_t file[FILE_SIZE];
	struct nvram n;
	(void)state;
	make_file(file);
	no_error(nvram_decode(file, sizeof file, &n));
	assert_int_equal(n.count, 1);
	assert_string_equal(n.variables[0].name, "hi");
	assert_int_equal(n.variables[0].attributes, 7);
	const struct nvram_variable *v = nvram_get(&n, NVRAM_APPLE, "hi");
	assert_non_null(v);
	assert_int_equal(v->size, 6);
	assert_memory_equal(v->value, "value!", 6);
	assert_null(nvram_get(&n, NVRAM_EFI_GLOBAL, "hi"));
	nvram_deinit(&n);
}

static void test_encodes_the_same_bytes(void **state)
{
	uint8_t file[FILE_SIZE];
	struct nvram n;
	struct pl_buf b;
	(void)state;
	make_file(file);
	pl_buf_init(&b, NVRAM_FILE_MAX);
	no_error(nvram_decode(file, sizeof file, &n));
	no_error(nvram_encode(&n, &b));
	assert_int_equal(b.size, sizeof file);
	assert_memory_equal(b.data, file, sizeof file);
	pl_buf_deinit(&b);
	nvram_deinit(&n);
}

static void test_set_and_delete(void **state)
{
	uint8_t file[FILE_SIZE];
	struct nvram n;
	struct nvram again;
	struct pl_buf b;
	char text[16];
	(void)state;
	make_file(file);
	pl_buf_init(&b, NVRAM_FILE_MAX);
	no_error(nvram_decode(file, sizeof file, &n));
	no_error(nvram_set(&n, NVRAM_APPLE, "bits", "\x77\0\0\0", 4));
	nvram_delete(&n, NVRAM_APPLE, "hi");
	nvram_delete(&n, NVRAM_APPLE, "never there");
	no_error(nvram_encode(&n, &b));
	assert_int_equal(b.size, sizeof file);
	assert_memory_equal(b.data + STORE_AT + STORE_SIZE, TAIL, 12);
	/* used: 16 + record of 28 + "bits" and NUL in UTF-16 + 4 */
	assert_int_equal((uint8_t)b.data[STORE_AT + 12], 16 + 28 + 10 + 4);
	assert_int_equal((uint8_t)b.data[STORE_AT + 58], 0xFF);
	no_error(nvram_decode(b.data, b.size, &again));
	assert_int_equal(nvram_u32(&again, "bits", 0), 0x77);
	assert_int_equal(nvram_u32(&again, "other", 5), 5);
	assert_string_equal(nvram_text(&again, "hi", text, sizeof text), "");
	pl_buf_deinit(&b);
	nvram_deinit(&again);
	nvram_deinit(&n);
}

static void test_what_does_not_fit(void **state)
{
	uint8_t file[FILE_SIZE];
	uint8_t big[STORE_SIZE] = {0};
	struct nvram n;
	struct pl_buf b;
	(void)state;
	make_file(file);
	pl_buf_init(&b, NVRAM_FILE_MAX);
	no_error(nvram_decode(file, sizeof file, &n));
	no_error(nvram_set(&n, NVRAM_APPLE, "big", big, sizeof big));
	struct pl_error *e = nvram_encode(&n, &b);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	pl_error_free(e);
	pl_buf_deinit(&b);
	nvram_deinit(&n);
}

/* Each prefix of a good file, and each byte of it spoilt, is refused or taken, never read beyond. */
static void test_broken_files(void **state)
{
	uint8_t file[FILE_SIZE];
	struct nvram n;
	size_t refused = 0;
	(void)state;
	make_file(file);
	for (size_t size = 0; size < STORE_AT + STORE_SIZE; size++) {
		uint8_t *exact = malloc(size + 1);
		memcpy(exact, file, size);
		struct pl_error *e = nvram_decode(exact, size, &n);
		assert_non_null(e);
		pl_error_free(e);
		nvram_deinit(&n);
		free(exact);
	}
	for (size_t at = 0; at < sizeof FILE_BYTES; at++) {
		make_file(file);
		file[at] ^= 0xFF;
		struct pl_error *e = nvram_decode(file, sizeof file, &n);
		refused += e != NULL;
		pl_error_free(e);
		nvram_deinit(&n);
	}
	assert_true(refused > 20);
}

static void test_fresh_file(void **state)
{
	struct nvram n;
	struct pl_buf b;
	(void)state;
	pl_buf_init(&b, NVRAM_FILE_MAX);
	no_error(nvram_create(&n));
	no_error(nvram_encode(&n, &b));
	/* The size that Fusion's own files have. */
	assert_int_equal(b.size, 270840);
	assert_memory_equal(b.data, "MRVN\1\0\0\0CMOStimA", 16);
	assert_memory_equal(b.data + 8684, "EFI_NV\0\0\0\0\4\0VMWNVRAM", 20);
	assert_null(nvram_get(&n, NVRAM_APPLE, "csr-active-config"));
	assert_non_null(nvram_get(&n, NVRAM_EFI_GLOBAL, "BootOrder"));
	pl_buf_deinit(&b);
	nvram_deinit(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decodes),
		cmocka_unit_test(test_encodes_the_same_bytes),
		cmocka_unit_test(test_set_and_delete),
		cmocka_unit_test(test_what_does_not_fit),
		cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_fresh_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
