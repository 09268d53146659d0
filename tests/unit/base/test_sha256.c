/* SHA-256 by the example values that NIST publishes for FIPS 180 (and SHAVS for no bytes). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/sha256_ways.h"

/* Each test is done with each way that works here. */
static const struct sha256_way *way;

static const char *hash(const void *data, size_t size, size_t step)
{
	static char hex[SHA256_HEX];
	struct sha256 s;

	sha256_init(&s);
	s.way = way;
	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		sha256_add(&s, (const uint8_t *)data + at, n);
	}
	sha256_end(&s, hex);
	return hex;
}

static void gives_the_published_digests(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *digest;
	} vectors[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
		 "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};

	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		for (size_t step = 1; step < 130; step++)
			assert_string_equal(
				hash(vectors[i].text, strlen(vectors[i].text), step), vectors[i].digest);
}

static void gives_that_of_a_million_letters(void **state)
{
	(void)state;
	char *a = malloc(1000000);

	memset(a, 'a', 1000000);
	for (size_t step = 999; step < 1000000; step = step * 10 + 1)
		assert_string_equal(hash(a, 1000000, step),
			"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(a);
}

/* Every length around a block's end is the same in one piece and byte by byte. */
static void does_not_depend_on_the_pieces(void **state)
{
	(void)state;
	uint8_t b[200];
	char whole[SHA256_HEX];

	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(i * 7);
	for (size_t size = 0; size <= sizeof b; size++) {
		memcpy(whole, hash(b, size, sizeof b), sizeof whole);
		assert_string_equal(hash(b, size, 1), whole);
		assert_string_equal(hash(b, size, 63), whole);
	}
}

static void takes_a_way_that_works(void **state)
{
	(void)state;
	bool found = false;

	for (size_t i = 0; sha256_ways()[i]; i++)
		found = found || (sha256_ways()[i] == sha256_best());
	assert_true(found && (!sha256_best()->works || sha256_best()->works()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_published_digests),
		cmocka_unit_test(gives_that_of_a_million_letters),
		cmocka_unit_test(does_not_depend_on_the_pieces),
	};
	const struct CMUnitTest once[] = {cmocka_unit_test(takes_a_way_that_works)};
	int failed = cmocka_run_group_tests(once, NULL, NULL);

	for (size_t i = 0; sha256_ways()[i]; i++) {
		way = sha256_ways()[i];
		if (!way->works || way->works())
			failed += cmocka_run_group_tests_name(way->name, tests, NULL, NULL);
	}
	return failed;
}
