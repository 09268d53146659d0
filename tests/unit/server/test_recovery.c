/*
 * What losses cost: dumps of 4 MiB in virtual time. The limits are of virtual
 * time, so no machine is too slow for them.
 *
 * A WRQ or an ACK of the EOF that is lost costs the client's own 10.5 s or
 * 7.5 s: before the WRQ the server knows nothing, and after the EOF it may not
 * repeat anything (session.h). So the blocks are timed by themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/server/dump_model.h"

#define SEEDS 100
#define SIZE (4u << 20)
#define SEGMENT 1406

struct figures {
	int64_t mean; /* of the blocks */
	int64_t worst;
	int64_t whole_mean; /* with WRQ and EOF */
	int64_t whole_worst;
	unsigned slow; /* above 2 s */
};

static void measure(const struct model_faults *faults, unsigned seeds, struct figures *ret)
{
	*ret = (struct figures){0};
	for (unsigned seed = 0; seed < seeds; seed++) {
		struct model *m = model_create(seed, faults);
		bool taken = model_dump(m, "core", SEGMENT, SIZE);
		int64_t blocks = m->data_ended - m->data_began;
		int64_t whole = m->now - PL_SECOND;
		assert_true(taken);
		assert_true(m->closed);
		assert_int_equal(m->written, SIZE);
		assert_int_equal(m->stale, 0);
		ret->mean += blocks / seeds;
		ret->whole_mean += whole / seeds;
		ret->worst = blocks > ret->worst ? blocks : ret->worst;
		ret->whole_worst = whole > ret->whole_worst ? whole : ret->whole_worst;
		ret->slow += blocks >= 2 * PL_SECOND;
		free(m);
	}
	print_message("# loss %u.%u %%: blocks %.2f s, worst %.2f s; with WRQ and EOF %.2f s, worst %.2f s\n",
		faults->loss / 10, faults->loss % 10, (double)ret->mean / PL_SECOND,
		(double)ret->worst / PL_SECOND, (double)ret->whole_mean / PL_SECOND,
		(double)ret->whole_worst / PL_SECOND);
}

/* As on a virtual switch: 0.2 ms there and back. */
static struct model_faults network(unsigned loss)
{
	return (struct model_faults){.loss = loss, .delay = PL_MS / 10, .ordered = true};
}

static void test_no_loss(void **state)
{
	struct model_faults faults = network(0);
	struct figures f;

	(void)state;
	measure(&faults, 1, &f);
	assert_true(f.worst < 600 * PL_MS);
}

static void test_one_percent(void **state)
{
	struct model_faults faults = network(10);
	struct figures f;

	(void)state;
	measure(&faults, SEEDS, &f);
	assert_int_equal(f.slow, 0);
}

static void test_five_percent(void **state)
{
	struct model_faults faults = network(50);
	struct figures f;

	(void)state;
	measure(&faults, SEEDS, &f);
	assert_true(f.mean < 10 * PL_SECOND);
}

static void test_twenty_percent(void **state)
{
	struct model_faults faults = network(200);
	struct figures f;

	(void)state;
	measure(&faults, SEEDS / 4, &f);
	/* Mostly the client's own retries; it finishes. */
	assert_true(f.worst < 600 * PL_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_loss),
		cmocka_unit_test(test_one_percent),
		cmocka_unit_test(test_five_percent),
		cmocka_unit_test(test_twenty_percent),
	};

	return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
