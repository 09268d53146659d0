/* server/table.h: which transfer a packet is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/table.h"

#define CAPACITY 1000

static struct transfer_place place;
static struct table table;

static int begin(void **state)
{
	(void)state;
	place.limits.idle_timeout = PL_SECOND;
	assert_null(table_init(&table, CAPACITY));
	return 0;
}

static int end(void **state)
{
	(void)state;
	table_deinit(&table);
	return 0;
}

static struct peer peer(unsigned host, unsigned port)
{
	return (struct peer){.address = 0xc0a83800u + host, .port = (uint16_t)port};
}

static struct transfer *add(struct peer p)
{
	struct transfer *t;

	assert_null(transfer_create(&place, p, 0, &t));
	table_add(&table, t);
	return t;
}

static size_t index_of(const struct transfer *t)
{
	size_t i = 0;

	while (i < table.count && table.items[i] != t)
		i++;
	assert_true(i < table.count);
	return i;
}

static void test_empty(void **state)
{
	(void)state;
	assert_null(table_find(&table, peer(1, 1069)));
}

static void test_address_and_port_both_count(void **state)
{
	struct transfer *a = add(peer(1, 1069));
	struct transfer *b = add(peer(1, 1070));
	struct transfer *c = add(peer(2, 1069));

	(void)state;
	assert_ptr_equal(table_find(&table, peer(1, 1069)), a);
	assert_ptr_equal(table_find(&table, peer(1, 1070)), b);
	assert_ptr_equal(table_find(&table, peer(2, 1069)), c);
	assert_null(table_find(&table, peer(2, 1070)));
}

/* The next peer after *p, by its host or its port, that shares a chain with one in the table. */
static struct transfer *add_colliding(struct peer *p, bool by_host)
{
	for (unsigned tries = 0; tries < 60000; tries++) {
		p->address += by_host;
		p->port = (uint16_t)(p->port + !by_host);
		struct transfer *t = add(*p);
		if (t->next)
			return t;
		table_remove(&table, index_of(t));
	}
	fail_msg("no two peers share a chain");
	return NULL;
}

static void test_colliding_peers(void **state)
{
	struct transfer *all[9];
	struct peer p = peer(1, 1069);

	(void)state;
	all[0] = add(p);
	for (int i = 1; i < 9; i++)
		all[i] = add_colliding(&p, i % 2);
	for (int i = 0; i < 9; i++)
		assert_ptr_equal(table_find(&table, all[i]->peer), all[i]);
	for (int i = 1; i < 9; i += 2) {
		struct peer gone = all[i]->peer;
		table_remove(&table, index_of(all[i]));
		assert_null(table_find(&table, gone));
	}
	for (int i = 0; i < 9; i += 2)
		assert_ptr_equal(table_find(&table, all[i]->peer), all[i]);
}

static void test_full(void **state)
{
	const struct transfer *all[CAPACITY];

	(void)state;
	for (unsigned i = 0; i < CAPACITY; i++)
		all[i] = add(peer(i % 250, 1069 + i / 250));
	assert_int_equal(table.count, CAPACITY);
	for (unsigned i = 0; i < CAPACITY; i++)
		assert_ptr_equal(table_find(&table, peer(i % 250, 1069 + i / 250)), all[i]);
}

/* Transfers of one peer are in one chain: the newest takes its packets, if it is not gone. */
static void test_the_newest_of_a_peer(void **state)
{
	struct transfer *old = add(peer(1, 1069));
	struct transfer *middle = add(peer(1, 1069));
	struct transfer *new = add(peer(1, 1069));

	(void)state;
	assert_ptr_equal(table_find(&table, peer(1, 1069)), new);
	new->session.state = SESSION_GONE;
	assert_ptr_equal(table_find(&table, peer(1, 1069)), middle);
	middle->session.state = SESSION_GONE;
	assert_ptr_equal(table_find(&table, peer(1, 1069)), old);
	old->session.state = SESSION_GONE;
	assert_null(table_find(&table, peer(1, 1069)));
}

static void test_remove_each_place_of_a_chain(void **state)
{
	(void)state;
	for (unsigned place_in_chain = 0; place_in_chain < 3; place_in_chain++) {
		struct transfer *chain[3];
		for (unsigned i = 0; i < 3; i++)
			chain[2 - i] = add(peer(1, 1069));
		table_remove(&table, index_of(chain[place_in_chain]));
		/* The other two, from the newest. */
		for (unsigned i = 0; i < 3; i++) {
			if (i == place_in_chain)
				continue;
			assert_ptr_equal(table_find(&table, peer(1, 1069)), chain[i]);
			table_remove(&table, index_of(chain[i]));
		}
		assert_null(table_find(&table, peer(1, 1069)));
		assert_int_equal(table.count, 0);
	}
}

static void test_the_last_item_fills_the_gap(void **state)
{
	(void)state;
	add(peer(1, 1));
	const struct transfer *b = add(peer(2, 2));
	const struct transfer *c = add(peer(3, 3));
	table_remove(&table, 0);
	assert_int_equal(table.count, 2);
	assert_ptr_equal(table.items[0], c);
	assert_ptr_equal(table.items[1], b);
	table_remove(&table, 1);
	assert_ptr_equal(table.items[0], c);
	assert_null(table_find(&table, peer(1, 1)));
	assert_null(table_find(&table, peer(2, 2)));
	assert_ptr_equal(table_find(&table, peer(3, 3)), c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_address_and_port_both_count),
		TEST(test_colliding_peers),
		TEST(test_full),
		TEST(test_the_newest_of_a_peer),
		TEST(test_remove_each_place_of_a_chain),
		TEST(test_the_last_item_fills_the_gap),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
