/*
 * A session and a model of the kernel's client over a virtual network that
 * loses, repeats, delays and reorders packets, by seed.
 *
 * The client's rules (xnu osfmk/kdp/kdp_core.c): poll 7.5 s for an answer, 3 s
 * a retry, 15 tries; an ACK of block - 1 is skipped once and makes it send
 * again from the second on; ANY other ACK counts as success. It does not look
 * at its queue while it compresses. A DATA that failed is tried once more with
 * the same block, then the EOF follows.
 *
 * Whatever happens: a file that the server calls whole is what the client sent
 * up to where it gave up. On a network that keeps the order (every lab's) the
 * client never sees a stale ACK, and few copies of one are ever under way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/session.h"
#include "tests/unit/server/packets.h"

#define BLOCKS 60
#define BLOCK_SIZE 40
#define FLYING_MAX 4096

struct faults {
	unsigned loss;      /* in 1000 */
	unsigned duplicate; /* in 1000 */
	int64_t delay;
	int64_t jitter;
	bool ordered;
	unsigned thinking; /* blocks in 1000 before which the client is busy */
	int64_t think;
};

struct flying {
	bool used;
	bool to_server;
	int64_t at;
	uint64_t serial;
	struct packet packet;
};

enum outcome { WAITING, TAKEN, GAVE_UP };

struct world {
	uint64_t random;
	uint64_t serial;
	struct faults faults;
	int64_t now;
	struct flying net[FLYING_MAX];
	int64_t last_at[2]; /* in order: no packet arrives before this one */
	/* the server */
	struct session session;
	uint8_t file[BLOCKS * BLOCK_SIZE];
	size_t file_size;
	bool closed;
	/* the client */
	uint32_t block;
	struct packet packet;
	unsigned tries;
	unsigned skipped;
	int64_t timeout_at;
	int64_t busy_until;
	unsigned stale;
	/* figures */
	unsigned most_copies;
	uint64_t sent;
};

static unsigned dice(struct world *w, unsigned sides)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (unsigned)(w->random % sides);
}

static void fly_once(struct world *w, bool to_server, const struct packet *p)
{
	int64_t at = w->now + w->faults.delay;

	if (w->faults.jitter)
		at += (int64_t)dice(w, (unsigned)w->faults.jitter);
	if (w->faults.ordered && at < w->last_at[to_server])
		at = w->last_at[to_server];
	w->last_at[to_server] = at;
	for (size_t i = 0; i < FLYING_MAX; i++)
		if (!w->net[i].used) {
			w->net[i] = (struct flying){true, to_server, at, w->serial++, *p};
			return;
		}
	fail_msg("a storm: %d packets under way", FLYING_MAX);
}

static void fly(struct world *w, bool to_server, const struct packet *p)
{
	if (dice(w, 1000) < w->faults.loss)
		return;
	fly_once(w, to_server, p);
	if (dice(w, 1000) < w->faults.duplicate)
		fly_once(w, to_server, p);
}

static bool sooner(const struct flying *a, const struct flying *b)
{
	return a->at != b->at ? a->at < b->at : a->serial < b->serial;
}

/* The next to arrive. */
static struct flying *next_flying(struct world *w, bool with_client)
{
	struct flying *first = NULL;

	for (size_t i = 0; i < FLYING_MAX; i++) {
		struct flying *f = &w->net[i];
		if (f->used && (f->to_server || with_client) && (!first || sooner(f, first)))
			first = f;
	}
	return first;
}

static unsigned ack_block(const struct packet *p)
{
	const uint8_t *b = p->bytes;

	return (unsigned)b[2] << 24 | (unsigned)b[3] << 16 | (unsigned)b[4] << 8 | b[5];
}

static void count_copies(struct world *w, uint32_t block)
{
	unsigned copies = 0;

	for (size_t i = 0; i < FLYING_MAX; i++)
		copies += w->net[i].used && !w->net[i].to_server && w->net[i].packet.bytes[1] == 4 &&
			  ack_block(&w->net[i].packet) == block;
	if (copies > w->most_copies)
		w->most_copies = copies;
}

static void server_does(struct world *w, const struct session_step *step)
{
	if (step->op == SESSION_WRITE) {
		assert_true(step->offset + step->size <= sizeof w->file);
		memcpy(w->file + step->offset, step->data, step->size);
		if (step->offset + step->size > w->file_size)
			w->file_size = step->offset + step->size;
	}
	struct session_step end;
	if (step->op == SESSION_CLOSE) {
		w->closed = true;
		end = session_closed(&w->session, w->now);
		step = &end;
	}
	if (step->answer_size > 0) {
		struct packet p = {.size = step->answer_size};
		memcpy(p.bytes, step->answer, p.size);
		fly(w, false, &p);
		if (p.bytes[1] == 4)
			count_copies(w, ack_block(&p));
	}
}

static void client_sends(struct world *w)
{
	w->tries++;
	w->sent++;
	w->timeout_at = w->now + (w->tries == 1 ? 7500 * PL_MS : 3000 * PL_MS);
	fly(w, true, &w->packet);
}

static enum outcome client_hears(struct world *w, const struct packet *p)
{
	uint32_t block = ack_block(p);

	if (p->bytes[1] == 5) {
		client_sends(w);
		return WAITING;
	}
	if (block == w->block)
		return TAKEN;
	if (block == w->block - 1) {
		if (++w->skipped > 1)
			client_sends(w);
		return WAITING;
	}
	w->stale++;
	return TAKEN;
}

static int64_t server_due(const struct world *w)
{
	return w->session.state == SESSION_GONE ? PL_TIME_FOREVER : session_deadline(&w->session);
}

/* One event of the world; the client is `listening` or busy until busy_until. */
static enum outcome turn(struct world *w, bool listening)
{
	struct flying *f = next_flying(w, listening);
	int64_t client_at = listening ? w->timeout_at : w->busy_until;
	int64_t arrives = f ? (f->at > w->now ? f->at : w->now) : PL_TIME_FOREVER;

	if (arrives <= client_at && arrives <= server_due(w)) {
		struct packet p = f->packet;
		struct wire_packet decoded;
		bool to_server = f->to_server;
		w->now = arrives;
		f->used = false;
		if (!to_server)
			return client_hears(w, &p);
		assert_true(wire_decode(p.bytes, p.size, &decoded));
		struct session_step step = session_packet(&w->session, &decoded, w->now);
		server_does(w, &step);
	} else if (server_due(w) < client_at) {
		w->now = server_due(w) > w->now ? server_due(w) : w->now;
		struct session_step step = session_tick(&w->session, w->now);
		server_does(w, &step);
	} else {
		w->now = client_at;
		if (listening && w->tries >= 15)
			return GAVE_UP;
		if (listening)
			client_sends(w);
	}
	return WAITING;
}

static bool exchange(struct world *w, const struct packet *p)
{
	enum outcome outcome = WAITING;

	if (dice(w, 1000) < w->faults.thinking)
		for (w->busy_until = w->now + w->faults.think; w->now < w->busy_until;)
			(void)turn(w, false);
	w->packet = *p;
	w->tries = 0;
	w->skipped = 0;
	client_sends(w);
	while (outcome == WAITING)
		outcome = turn(w, true);
	if (outcome == TAKEN)
		w->block++;
	return outcome == TAKEN;
}

static void block_bytes(unsigned i, uint8_t out[BLOCK_SIZE])
{
	for (unsigned k = 0; k < BLOCK_SIZE; k++)
		out[k] = (uint8_t)(i * 31 + k * 7 + 1);
}

/* The whole dump; blocks that the client believes were taken. */
static unsigned dump(struct world *w, bool *eof_taken)
{
	struct packet p = make_wrq("core", 2, 3, 1406);
	unsigned taken = 0;

	*eof_taken = false;
	if (!exchange(w, &p))
		return 0;
	for (; taken < BLOCKS; taken++) {
		uint8_t bytes[BLOCK_SIZE];
		block_bytes(taken, bytes);
		p = make_data(w->block, bytes, sizeof bytes);
		if (!exchange(w, &p) && !exchange(w, &p))
			break;
	}
	p = make_header(7, w->block);
	*eof_taken = exchange(w, &p);
	return taken;
}

static void check_file(const struct world *w)
{
	for (unsigned i = 0; i * BLOCK_SIZE < w->file_size; i++) {
		uint8_t bytes[BLOCK_SIZE];
		block_bytes(i, bytes);
		assert_memory_equal(w->file + i * BLOCK_SIZE, bytes, BLOCK_SIZE);
	}
}

static struct world *make_world(uint64_t seed, const struct faults *faults)
{
	static const struct session_limits limits = {.max_size = 1 << 20, .idle_timeout = 120 * PL_SECOND};
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	w->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w->faults = *faults;
	w->now = PL_SECOND;
	session_init(&w->session, &limits, w->now);
	return w;
}

/* Late packets of all kinds are delivered after the client has gone. */
static void let_all_arrive(struct world *w)
{
	w->busy_until = w->now + 400 * PL_SECOND;
	while (w->now < w->busy_until)
		(void)turn(w, false);
}

static void test_any_network(void **state)
{
	unsigned whole = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct faults faults = {
			.loss = (unsigned)(seed * 37 % 300),
			.duplicate = (unsigned)(seed * 53 % 200),
			.delay = (int64_t)(seed % 7) * PL_MS,
			.jitter = (int64_t)(seed % 11) * 40 * PL_MS + 1,
			.thinking = (unsigned)(seed % 5) * 50,
			.think = (int64_t)(seed % 13) * 300 * PL_MS,
		};
		struct world *w = make_world(seed, &faults);
		bool eof_taken;
		unsigned taken = dump(w, &eof_taken);
		let_all_arrive(w);
		check_file(w);
		/* The client's belief may be wrong on such a network; then the file is not called whole. */
		if (w->closed && taken == BLOCKS)
			assert_int_equal(w->file_size, BLOCKS * BLOCK_SIZE);
		assert_int_equal(w->session.state, SESSION_GONE);
		whole += w->closed && taken == BLOCKS;
		free(w);
	}
	assert_true(whole > 100);
}

static void test_ordered_network(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 400; seed++) {
		struct faults faults = {
			.loss = (unsigned)(seed % 8) * 10,
			.delay = (int64_t)(seed % 5) * PL_MS + 1,
			.jitter = (int64_t)(seed % 3) * 5 * PL_MS,
			.ordered = true,
			.thinking = (unsigned)(seed % 5) * 100,
			.think = (int64_t)(seed % 13 + 1) * 250 * PL_MS,
		};
		struct world *w = make_world(seed, &faults);
		bool eof_taken;
		assert_int_equal(dump(w, &eof_taken), BLOCKS);
		assert_true(eof_taken);
		assert_true(w->closed);
		assert_int_equal(w->file_size, BLOCKS * BLOCK_SIZE);
		check_file(w);
		assert_int_equal(w->stale, 0);
		/* The first was read before the client became busy, so two wait for it. */
		assert_true(w->most_copies <= 2);
		free(w);
	}
}

/* A client that is busy makes the server repeat; nothing of that is left over after the EOF. */
static void test_nothing_is_left_over(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct faults faults = {.delay = PL_MS,
			.ordered = true,
			.thinking = 500,
			.think = (int64_t)seed * 40 * PL_MS};
		struct world *w = make_world(seed, &faults);
		bool eof_taken;
		assert_int_equal(dump(w, &eof_taken), BLOCKS);
		let_all_arrive(w);
		assert_null(next_flying(w, true));
		/* One for the repeats and one a nudge at most: duplicates do not breed. */
		assert_true(w->sent <= 5 * (BLOCKS + 2));
		free(w);
	}
}

/* Losses cost tens of milliseconds, not the client's 7.5 s. */
static void test_losses_are_cheap(void **state)
{
	int64_t total = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct faults faults = {.loss = 10, .delay = PL_MS / 10, .ordered = true};
		struct world *w = make_world(seed, &faults);
		bool eof_taken;
		int64_t start = w->now;
		assert_int_equal(dump(w, &eof_taken), BLOCKS);
		total += w->now - start;
		free(w);
	}
	/* 100 dumps of 62 blocks, 124 losses: without repeats 9.3 s for every tenth block. */
	assert_true(total < 100 * PL_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_network),
		cmocka_unit_test(test_ordered_network),
		cmocka_unit_test(test_nothing_is_left_over),
		cmocka_unit_test(test_losses_are_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
