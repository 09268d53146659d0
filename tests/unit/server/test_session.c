/*
 * What is cut off packets, for all sizes. The packets are made as a kernel
 * makes them; the rest of a session's rules is in scripts/ (test_scripts.c)
 * and test_lossy.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/session.h"
#include "tests/unit/server/packets.h"

struct kernel {
	int words; /* of the WRQ, see make_wrq() */
	uint32_t mask;
	uint32_t told; /* packet size in the WRQ */
	size_t sends;  /* data bytes in a full packet */
};

static struct session_step take(struct session *s, const struct packet *bytes)
{
	struct wire_packet p;

	assert_true(wire_decode(bytes->bytes, bytes->size, &p));
	return session_packet(s, &p, PL_SECOND);
}

static void begin(struct session *s, const struct kernel *k, const char *name)
{
	const struct session_limits limits = {.idle_timeout = PL_SECOND};
	struct packet wrq = make_wrq(name, k->words, k->mask, k->told);

	session_init(s, &limits, PL_SECOND);
	assert_int_equal(take(s, &wrq).op, SESSION_OPEN);
}

/* One packet with `size` bytes of data, and the name again behind them if it is a log. */
static void check_packet(const struct kernel *k, const char *name, size_t size, bool log)
{
	struct session s;
	uint8_t bytes[WIRE_PACKET_MAX];

	begin(&s, k, name);
	memset(bytes, 'Y', sizeof bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i % 250);
	struct packet p = make_data(1, bytes, size + (log ? strlen(name) + 1 : 0));
	struct session_step step = take(&s, &p);
	assert_int_equal(step.op, SESSION_WRITE);
	assert_int_equal(step.size, size);
	assert_memory_equal(step.data, bytes, size);
}

static const struct kernel kernels[] = {
	{0, 0, 0, 512},        /* before xnu 1699 */
	{1, 3, 0, 1406},       /* mask only */
	{2, 3, 1406, 1406},    /* from xnu 7195 on */
	{2, 3, 600, 600},      /* kdp_crashdump_pkt_size=600 */
	{2, 3, 64, 64},        /* the smallest that is believed */
	{2, 1, 512, 512},      /* a kernel that was not given large packets */
	{2, 3, 0, 1406},       /* stale memory in the size's place */
	{2, 3, 63, 1406},      /* the same */
	{2, 3, 0xffff, 1406},  /* the same */
	{2, 3, 1u << 31, 1406} /* the same */
};

static void test_junk_of_all_sizes(void **state)
{
	char name[NAME_LENGTH_MAX + 1];

	(void)state;
	for (size_t length = 8; length <= NAME_LENGTH_MAX; length += 23) {
		memset(name, 'x', length);
		name[length] = '\0';
		memcpy(name, "paniclog", 8);
		for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++)
			for (size_t size = 0; size <= kernels[k].sends; size++)
				check_packet(&kernels[k], name, size, true);
	}
}

static void test_cores_of_all_sizes(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++)
		for (size_t size = 0; size <= kernels[k].sends; size++)
			check_packet(&kernels[k], "core-xnu-1.gz", size, false);
}

/* There may be thousands of them. */
static void test_a_session_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct session) <= 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_junk_of_all_sizes),
		cmocka_unit_test(test_cores_of_all_sizes),
		cmocka_unit_test(test_a_session_is_small),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
