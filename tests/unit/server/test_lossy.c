/*
 * Dumps by the thousand over networks that lose, repeat, cut, delay and
 * reorder, to a session that is checked at each step (dump_model.h).
 *
 * Whatever happens: the file is what the kernel sent up to where it gave up,
 * and one that closes although the kernel believes that all was taken is
 * whole. On a network that keeps the order (every lab's) the kernel never sees
 * a stale ACK either, and loses nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/server/dump_model.h"

#define SEEDS 5000
#define BLOCKS 60
#define BLOCK_SIZE 40
#define SIZE (BLOCKS * BLOCK_SIZE - 7)

static struct model_faults bad_network(unsigned seed)
{
	return (struct model_faults){
		.loss = seed * 37 % 300,
		.duplicate = seed * 53 % 200,
		.garbage = seed % 6 * 20,
		.delay = seed % 7 * PL_MS,
		.jitter = seed % 11 * 40 * PL_MS + 1,
		.thinking = seed % 5 * 50,
		.think = seed % 13 * 300 * PL_MS,
		.close = seed % 3 * 4 * PL_SECOND,
	};
}

static struct model_faults ordered_network(unsigned seed)
{
	return (struct model_faults){
		.loss = seed % 8 * 10,
		.delay = (seed % 10) * (seed % 10) * 2 * PL_MS + 1,
		.jitter = seed % 3 * 5 * PL_MS,
		.ordered = true,
		.garbage = seed % 7 * 20,
		.thinking = seed % 5 * 100,
		.think = (seed % 13 + 1) * 250 * PL_MS,
		.print = seed % 4 * 4 * PL_MS,
		.poll = seed % 2 * 3 * PL_MS,
		.close = seed % 4 * 2 * PL_SECOND,
	};
}

static void test_any_network(void **state)
{
	unsigned whole = 0;
	unsigned stale = 0;

	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct model_faults faults = bad_network(seed);
		struct model *m = model_create(seed, &faults);
		bool taken = model_dump(m, "core", BLOCK_SIZE, SIZE);
		model_settle(m);
		/* The kernel's belief may be wrong on such a network; then the file is not called whole. */
		if (m->closed && taken)
			assert_int_equal(m->written, SIZE);
		assert_int_equal(m->session.state, SESSION_GONE);
		whole += m->closed && taken;
		stale += m->stale > 0;
		free(m);
	}
	print_message(
		"# %u networks that reorder: %u dumps whole, %u kernels took an old answer for success\n",
		SEEDS, whole, stale);
	assert_true(whole > SEEDS / 2);
	assert_true(stale > 0);
}

/* UDP has checksums and lengths, but who knows what sends to the port. */
static void test_cut_packets(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS / 4; seed++) {
		struct model_faults faults = bad_network(seed);
		faults.truncate = 20 + seed % 10 * 20;
		struct model *m = model_create(seed, &faults);
		(void)model_dump(m, "core", BLOCK_SIZE, SIZE);
		model_settle(m);
		assert_true(m->written <= SIZE);
		free(m);
	}
}

static void test_ordered_network(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		struct model_faults faults = ordered_network(seed);
		struct model *m = model_create(seed, &faults);
		assert_true(model_dump(m, "core", BLOCK_SIZE, SIZE));
		assert_true(m->closed);
		assert_int_equal(m->written, SIZE);
		/* Another follows at once: no answer of the core's may pass for one of its own. */
		assert_true(model_dump(m, "core-2", BLOCK_SIZE, 3));
		assert_int_equal(m->features, 3);
		assert_int_equal(m->stale, 0);
		free(m);
	}
}

/* Nobody loses a packet, but the kernel stops for long; everything waits for it. */
static void test_slow_client(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < SEEDS / 4; seed++) {
		struct model_faults faults = {
			.delay = PL_MS,
			.ordered = true,
			.thinking = 300,
			.think = (int64_t)(seed % 500 + 1) * 20 * PL_MS,
			.print = seed % 4 * 4 * PL_MS,
		};
		struct model *m = model_create(seed, &faults);
		assert_true(model_dump(m, "core", BLOCK_SIZE, SIZE));
		assert_int_equal(m->written, SIZE);
		assert_int_equal(m->stale, 0);
		model_settle(m);
		/* One for the repeats and one a nudge at most: duplicates do not breed, and nothing is left.
		 */
		assert_true(m->sent <= 5 * (BLOCKS + 2));
		assert_null(model_next(m, true));
		free(m);
	}
}

/* A kernel that is steadily slow is not asked again and again. */
static void test_pace_is_learned(void **state)
{
	(void)state;
	for (unsigned ms = 10; ms <= 400; ms += 10) {
		struct model_faults faults = {
			.delay = PL_MS / 10, .ordered = true, .thinking = 0, .think = ms * PL_MS};
		struct model *m = model_create(ms, &faults);
		struct packet wrq = make_wrq("core", 2, 3, 1406);
		m->block_size = BLOCK_SIZE;
		m->file_size = SIZE;
		assert_true(model_exchange(m, &wrq));
		for (unsigned i = 0; i < BLOCKS; i++) {
			/* Fast at first, then slow for good. */
			m->faults.thinking = i < BLOCKS / 2 ? 0 : 1000;
			assert_true(model_data(m, (uint64_t)i * BLOCK_SIZE));
		}
		assert_true(m->sent <= BLOCKS + 1 + 12);
		free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_network),
		cmocka_unit_test(test_cut_packets),
		cmocka_unit_test(test_ordered_network),
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_pace_is_learned),
	};

	return cmocka_run_group_tests_name("lossy", tests, NULL, NULL);
}
