/*
 * server/workers.h: who gets a turn, and when. Turns are counted, not timed; a
 * test that waits for what never comes fails at its deadline.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/workers.h"

#define PATIENCE (60 * PL_SECOND)
#define HOUR (3600 * PL_SECOND)
#define MANY 1000
#define TURNS 5

static struct workers *pool;

static int end(void **state)
{
	(void)state;
	workers_destroy(pool);
	pool = NULL;
	return 0;
}

static void make(unsigned threads)
{
	assert_null(workers_create(threads, &pool));
}

static void add(struct work *w)
{
	assert_null(workers_add(pool, w));
}

/* Until `done` is true. */
static void expect(bool (*done)(const void *arg), const void *arg)
{
	struct pl_wait w = pl_wait_for(PATIENCE, NULL);

	while (!done(arg) && pl_wait_ms(&w) > 0)
		pl_error_free(pl_wait_sleep(&w, PL_MS / 10));
	assert_true(done(arg));
}

static bool is_over(const void *w)
{
	return workers_over(pool, w);
}

static bool is_set(const void *flag)
{
	return atomic_load((const atomic_bool *)flag);
}

/* ---- work that counts its turns ---------------------------------------------------------- */

struct counted {
	struct work work; /* first, so that it is found again */
	int64_t pause;
	unsigned turns; /* of the threads, the caller's once it is over */
	unsigned wanted;
	atomic_flag busy;
	bool overlapped;
};

static int64_t count_turn(struct work *w, uint8_t *scratch)
{
	struct counted *c = (struct counted *)(void *)w;

	(void)scratch;
	c->overlapped |= atomic_flag_test_and_set(&c->busy);
	c->turns++;
	atomic_flag_clear(&c->busy);
	return c->turns < c->wanted ? c->pause : WORK_OVER;
}

static struct counted counted(unsigned wanted, int64_t pause)
{
	return (struct counted){
		.work = {.turn = count_turn}, .pause = pause, .wanted = wanted, .busy = ATOMIC_FLAG_INIT};
}

static void test_a_thousand(void **state)
{
	static struct counted works[MANY];
	static const int64_t pauses[] = {WORK_AGAIN, PL_MS, PL_MS / 100};

	(void)state;
	make(3);
	for (unsigned i = 0; i < MANY; i++) {
		works[i] = counted(TURNS, pauses[i % 3]);
		add(&works[i].work);
	}
	for (unsigned i = 0; i < MANY; i++) {
		expect(is_over, &works[i].work);
		assert_int_equal(works[i].turns, TURNS);
		assert_false(works[i].overlapped);
	}
}

static void test_over_is_not_before_the_end(void **state)
{
	struct counted never = counted(2, HOUR);
	struct counted once = counted(1, 0);

	(void)state;
	make(1);
	add(&never.work);
	add(&once.work);
	expect(is_over, &once.work);
	/* With one thread the first has had its turn by now. */
	assert_false(workers_over(pool, &never.work));
	workers_hurry(pool, &never.work);
	expect(is_over, &never.work);
	assert_int_equal(never.turns, 2);
	/* What is over has no more turns. */
	workers_hurry(pool, &never.work);
	struct counted later = counted(1, 0);
	add(&later.work);
	expect(is_over, &later.work);
	assert_int_equal(never.turns, 2);
}

/* ---- work that stops at a gate ------------------------------------------------------------- */

struct gate {
	struct work work;
	atomic_bool inside;
	atomic_bool open;
	uint8_t *scratch;
	atomic_uint turns;
	unsigned wanted; /* with an hour between them */
};

static int64_t pass_gate(struct work *w, uint8_t *scratch)
{
	struct gate *g = (struct gate *)(void *)w;

	g->scratch = scratch;
	memset(scratch, 'x', WORK_SCRATCH);
	atomic_store(&g->inside, true);
	struct pl_wait patience = pl_wait_for(PATIENCE, NULL);
	while (!atomic_load(&g->open) && pl_wait_ms(&patience) > 0)
		sched_yield();
	return atomic_fetch_add(&g->turns, 1) + 1 < g->wanted ? HOUR : WORK_OVER;
}

/* The one in the middle of those that wait, and no other. */
static void test_hurry(void **state)
{
	struct gate late[3];

	(void)state;
	make(2);
	for (int i = 0; i < 3; i++) {
		late[i] = (struct gate){.work = {.turn = pass_gate}, .open = true, .wanted = 2};
		add(&late[i].work);
		expect(is_set, &late[i].inside);
	}
	static const int order[] = {1, 2, 0};
	for (int i = 0; i < 3; i++) {
		workers_hurry(pool, &late[order[i]].work);
		expect(is_over, &late[order[i]].work);
		assert_int_equal(late[order[i]].turns, 2);
		for (int k = i + 1; k < 3; k++)
			assert_false(workers_over(pool, &late[order[k]].work));
	}
}

static bool had_two_turns(const void *gate)
{
	return atomic_load(&((const struct gate *)gate)->turns) == 2;
}

/* It counts once: the turn after the next is an hour away again. */
static void test_hurry_during_its_turn(void **state)
{
	struct gate g = {.work = {.turn = pass_gate}, .wanted = 3};
	struct counted other = counted(1, 0);

	(void)state;
	make(1);
	add(&g.work);
	expect(is_set, &g.inside);
	workers_hurry(pool, &g.work);
	atomic_store(&g.open, true);
	expect(had_two_turns, &g);
	add(&other.work);
	expect(is_over, &other.work);
	assert_false(workers_over(pool, &g.work));
	workers_hurry(pool, &g.work);
	expect(is_over, &g.work);
}

/* Two turns at the same time: each thread has a scratch of its own. */
static void test_threads_work_side_by_side(void **state)
{
	struct gate a = {.work = {.turn = pass_gate}, .wanted = 1};
	struct gate b = {.work = {.turn = pass_gate}, .wanted = 1};

	(void)state;
	make(2);
	add(&a.work);
	add(&b.work);
	expect(is_set, &a.inside);
	expect(is_set, &b.inside);
	assert_ptr_not_equal(a.scratch, b.scratch);
	atomic_store(&a.open, true);
	atomic_store(&b.open, true);
	expect(is_over, &a.work);
	expect(is_over, &b.work);
}

/* ---- taking turns ---------------------------------------------------------------------------- */

#define RIVALS 10
#define ROUNDS 100

struct rival {
	struct work work;
	unsigned turns;
};

/* One thread alone touches these. */
static struct rival rivals[RIVALS];
static unsigned largest_lead;

static int64_t take_round(struct work *w, uint8_t *scratch)
{
	struct rival *r = (struct rival *)(void *)w;
	unsigned least = ++r->turns;

	(void)scratch;
	for (unsigned i = 0; i < RIVALS; i++)
		least = rivals[i].turns < least ? rivals[i].turns : least;
	if (r->turns - least > largest_lead)
		largest_lead = r->turns - least;
	return r->turns < ROUNDS ? WORK_AGAIN : WORK_OVER;
}

/* All want their next turn at once: none has more than one turn more than another. */
static void test_no_starvation(void **state)
{
	struct gate last = {.work = {.turn = pass_gate}, .open = true, .wanted = 2};
	struct gate first = {.work = {.turn = pass_gate}, .wanted = 1};

	(void)state;
	make(1);
	/* Behind all of them in the queue, and not in their way. */
	add(&last.work);
	add(&first.work);
	expect(is_set, &first.inside);
	for (unsigned i = 0; i < RIVALS; i++) {
		rivals[i] = (struct rival){.work = {.turn = take_round}};
		add(&rivals[i].work);
	}
	atomic_store(&first.open, true);
	for (unsigned i = 0; i < RIVALS; i++) {
		expect(is_over, &rivals[i].work);
		assert_int_equal(rivals[i].turns, ROUNDS);
	}
	assert_int_equal(largest_lead, 1);
	assert_false(workers_over(pool, &last.work));
	workers_hurry(pool, &last.work);
	expect(is_over, &last.work);
}

/* ---- beginning and end -------------------------------------------------------------------------- */

static void test_destroy_without_work(void **state)
{
	(void)state;
	make(4);
	workers_destroy(pool);
	pool = NULL;
	workers_destroy(NULL);
}

static void test_destroy_with_idle_threads(void **state)
{
	struct counted c = counted(3, WORK_AGAIN);

	(void)state;
	make(4);
	add(&c.work);
	expect(is_over, &c.work);
	workers_destroy(pool);
	pool = NULL;
	assert_int_equal(c.turns, 3);
}

/* A stack for which there is no address space; the C library of GNU lets a process ask for it. */
static bool ask_for_stacks(size_t size)
{
#ifdef __GLIBC__
	pthread_attr_t attr;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, size), 0);
	assert_int_equal(pthread_setattr_default_np(&attr), 0);
	pthread_attr_destroy(&attr);
	return true;
#else
	(void)size;
	return false;
#endif
}

static void test_no_thread_can_be_started(void **state)
{
	struct counted refused = counted(1, 0);
	struct counted next = counted(1, 0);

	(void)state;
	if (!ask_for_stacks((size_t)1 << 48))
		skip();
	make(2);
	struct pl_error *err = workers_add(pool, &refused.work);
	assert_true(ask_for_stacks((size_t)8 << 20));
	assert_non_null(err);
	assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
	pl_error_free(err);
	/* It was not taken, and the next one has its thread. */
	add(&next.work);
	expect(is_over, &next.work);
	assert_int_equal(refused.turns, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_thousand),
		TEST(test_over_is_not_before_the_end),
		TEST(test_hurry),
		TEST(test_hurry_during_its_turn),
		TEST(test_threads_work_side_by_side),
		TEST(test_no_starvation),
		TEST(test_destroy_without_work),
		TEST(test_destroy_with_idle_threads),
		TEST(test_no_thread_can_be_started),
	};

	return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
