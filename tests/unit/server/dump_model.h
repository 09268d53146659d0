/*
 * A kernel that dumps, a network by seed and a session, all in virtual time.
 * Nothing of it is taken from server/ but the session under test.
 *
 * The kernel is xnu's osfmk/kdp/kdp_udp.c (kdp_send_crashdump_pkt): it waits
 * 7.5 s for an answer (WRQ: 10.5 s), then 3 s a retry with a pause that grows;
 * a 15th try is not sent. ACK of block - 1: the first is skipped, from the
 * second on it sends again. ERROR: it sends again. ANY OTHER answer counts as
 * success. What arrives while it compresses waits in a queue. A DATA that was
 * given up is tried once more with the same block, then the EOF follows.
 *
 * Checked at every step, whatever the network does:
 *   - only the newest block is acknowledged, and the bytes written then are
 *     those of the blocks so far, no more and no less;
 *   - at most two repeats without hearing from the client, at most three
 *     nudges a block, none before the first block or after the EOF;
 *   - a tick moves the session's deadline (no busy loop);
 *   - answers cost the client at most 7 of its tries, on a network that keeps
 *     the order.
 */
#ifndef TESTS_SERVER_DUMP_MODEL_H
#define TESTS_SERVER_DUMP_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/wait.h"
#include "server/session.h"
#include "tests/unit/server/packets.h"

#define MODEL_NET 256
#define MODEL_TRIES 15
#define MODEL_SPIN (100 * PL_MS) /* xnu: panic_timeout */

struct model_faults {
	unsigned loss;      /* in 1000, each way */
	unsigned duplicate; /* in 1000, each way */
	unsigned truncate;  /* in 1000, to the server */
	unsigned garbage;   /* in 1000 packets to the server comes a strange one as well */
	int64_t delay;
	int64_t jitter;    /* more delay, 0 to this */
	bool ordered;      /* no packet overtakes another */
	unsigned thinking; /* blocks in 1000 before which the client is busy */
	int64_t think;
	int64_t print; /* what each line that the kernel prints takes it */
	int64_t poll;  /* the client looks this often; 0: whenever something arrives */
	int64_t close; /* what making the file durable takes */
};

struct model_flying {
	bool to_server;
	int64_t at;
	uint64_t serial;
	struct packet packet;
};

enum model_outcome { MODEL_WAITING, MODEL_TAKEN, MODEL_GAVE_UP };

struct model {
	uint64_t random;
	struct model_faults faults;
	int64_t now;
	uint64_t serial;
	struct model_flying net[MODEL_NET];
	size_t flying;
	int64_t last_at[2];
	/* the server */
	struct session session;
	int64_t closes_at; /* PL_TIME_FOREVER: nothing to close */
	uint64_t written;
	bool closed;
	unsigned repeats; /* since the client was heard */
	unsigned nudges;  /* for this block */
	/* the kernel */
	size_t block_size;
	uint64_t file_size;
	uint32_t block;
	unsigned features;
	struct packet packet;
	unsigned tries;
	unsigned skipped;
	unsigned prodded; /* tries of this packet that answers have cost */
	int64_t sent_at;
	int64_t timeout_at;
	int64_t busy_until;
	/* figures */
	uint64_t sent;
	uint64_t foreseen; /* of them at most, because the server repeated and nudged */
	uint64_t stale;    /* answers that it took for success and were not */
	int64_t data_began;
	int64_t data_ended;
};

/* ---- the network ------------------------------------------------------------- */

static inline unsigned model_dice(struct model *m, unsigned sides)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (unsigned)((m->random >> 11) % sides);
}

static inline bool model_chance(struct model *m, unsigned of_1000)
{
	return of_1000 > 0 && model_dice(m, 1000) < of_1000;
}

static inline void model_fly(struct model *m, bool to_server, const struct packet *p)
{
	int64_t at = m->now + m->faults.delay;

	if (m->faults.jitter)
		at += (int64_t)model_dice(m, (unsigned)m->faults.jitter);
	if (m->faults.ordered && at < m->last_at[to_server])
		at = m->last_at[to_server];
	m->last_at[to_server] = at;
	if (m->flying == MODEL_NET)
		fail_msg("a storm: %d packets under way", MODEL_NET);
	struct model_flying *f = &m->net[m->flying++];
	f->to_server = to_server;
	f->at = at;
	f->serial = m->serial++;
	f->packet.size = p->size;
	memcpy(f->packet.bytes, p->bytes, p->size);
}

/* Neither a block that could come next, nor an ERROR, which ends a dump by right. */
static inline struct packet model_garbage(struct model *m)
{
	static const unsigned opcodes[] = {0, 1, 3, 4, 6, 7, 8, 0x103, 0xffff};
	unsigned opcode = opcodes[model_dice(m, sizeof opcodes / sizeof opcodes[0])];
	uint32_t block = 1000000 + model_dice(m, 1000);
	struct packet p = make_header(opcode, block);

	for (unsigned n = model_dice(m, 20); n > 0; n--)
		put_number(&p, model_dice(m, 256), 1);
	if (model_chance(m, 300))
		p.size = model_dice(m, 6);
	return p;
}

static inline void model_send(struct model *m, bool to_server, const struct packet *p)
{
	struct packet cut = {.size = p->size};

	if (model_chance(m, m->faults.loss))
		return;
	memcpy(cut.bytes, p->bytes, p->size);
	if (to_server && model_chance(m, m->faults.truncate))
		cut.size = model_dice(m, (unsigned)p->size);
	model_fly(m, to_server, &cut);
	if (model_chance(m, m->faults.duplicate))
		model_fly(m, to_server, p);
	if (to_server && model_chance(m, m->faults.garbage)) {
		cut = model_garbage(m);
		model_fly(m, true, &cut);
	}
}

static inline struct model_flying *model_next(struct model *m, bool with_client)
{
	struct model_flying *first = NULL;

	for (size_t i = 0; i < m->flying; i++) {
		struct model_flying *f = &m->net[i];
		if (!f->to_server && !with_client)
			continue;
		if (!first || f->at < first->at || (f->at == first->at && f->serial < first->serial))
			first = f;
	}
	return first;
}

/* ---- the server ---------------------------------------------------------------- */

static inline uint8_t model_byte(uint64_t at)
{
	return (uint8_t)(at * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

/* Of the blocks up to this one, the WRQ being 0. */
static inline uint64_t model_bytes_up_to(const struct model *m, uint64_t block)
{
	return block * m->block_size < m->file_size ? block * m->block_size : m->file_size;
}

static inline void model_write(struct model *m, const struct session_step *step)
{
	uint64_t start = model_bytes_up_to(m, m->session.newest - 1);

	assert_int_equal(step->offset, m->written);
	for (size_t i = 0; i < step->size; i++)
		if (step->data[i] != model_byte(start + i))
			fail_msg("byte %zu of block %u is wrong", i, m->session.newest);
	m->written += step->size;
	m->nudges = 0;
}

static inline void model_check_answer(struct model *m, const uint8_t *a, bool unasked)
{
	if (a[1] == 5) {
		assert_true(unasked && m->session.state == SESSION_RECEIVING && m->session.packets > 1);
		assert_true(++m->nudges <= 3);
		m->foreseen++;
		return;
	}
	assert_int_equal(a[1], 4);
	assert_int_equal(packet_block(a), m->session.newest);
	/* A cut packet is a short one: the server can't tell. */
	if (m->session.packets > 1 || !m->faults.truncate)
		assert_int_equal(a[0], m->session.packets == 1 ? 3 : 0);
	if (!m->faults.truncate && !m->closed)
		assert_int_equal(m->written, model_bytes_up_to(m, m->session.newest));
	if (!unasked)
		return;
	assert_true(++m->repeats <= 2);
	m->foreseen += m->repeats == 2;
}

static inline void model_server_does(struct model *m, const struct session_step *step, bool unasked)
{
	struct packet p = {.size = step->answer_size};

	if (step->op == SESSION_WRITE)
		model_write(m, step);
	if (step->op == SESSION_CLOSE) {
		m->closed = true;
		m->closes_at = m->now + m->faults.close;
	}
	if (step->answer_size == 0)
		return;
	memcpy(p.bytes, step->answer, p.size);
	model_check_answer(m, p.bytes, unasked);
	model_send(m, false, &p);
}

static inline void model_begin_session(struct model *m)
{
	const struct session_limits limits = {.max_size = 1 << 30, .idle_timeout = 120 * PL_SECOND};

	session_init(&m->session, &limits, m->now);
	m->closes_at = PL_TIME_FOREVER;
	m->written = 0;
	m->closed = false;
	m->repeats = 0;
	m->nudges = 0;
}

static inline void model_server_takes(struct model *m, const struct packet *p)
{
	struct wire_packet decoded;
	uint64_t packets = m->session.packets;
	uint64_t resent = m->session.resent;

	if (!wire_decode(p->bytes, p->size, &decoded))
		return;
	struct session_step step = session_packet(&m->session, &decoded, m->now);
	if (step.op == SESSION_REPLACE) {
		model_begin_session(m);
		step = session_packet(&m->session, &decoded, m->now);
	}
	if (m->session.packets != packets || m->session.resent != resent)
		m->repeats = 0;
	model_server_does(m, &step, false);
}

static inline int64_t model_server_due(const struct model *m)
{
	int64_t due = m->session.state == SESSION_GONE ? PL_TIME_FOREVER : session_deadline(&m->session);

	if (m->closes_at < due)
		due = m->closes_at;
	return due > m->now ? due : m->now;
}

static inline void model_server_is_due(struct model *m)
{
	struct session_step step;

	if (m->closes_at <= m->now) {
		m->closes_at = PL_TIME_FOREVER;
		step = session_closed(&m->session, m->now);
		model_server_does(m, &step, false);
		return;
	}
	step = session_tick(&m->session, m->now);
	model_server_does(m, &step, m->session.state == SESSION_RECEIVING);
	assert_true(m->session.state == SESSION_GONE || session_deadline(&m->session) > m->now);
}

/* ---- the kernel ------------------------------------------------------------------ */

static inline enum model_outcome model_turn(struct model *m, bool listening);

/* It looks at nothing meanwhile. */
static inline void model_busy(struct model *m, int64_t ns)
{
	int64_t until = m->now + ns;

	while (m->now < until) {
		m->busy_until = until;
		(void)model_turn(m, false);
	}
}

static inline enum model_outcome model_transmit(struct model *m)
{
	if (++m->tries >= MODEL_TRIES)
		return MODEL_GAVE_UP;
	m->sent++;
	m->sent_at = m->now;
	model_send(m, true, &m->packet);
	return MODEL_WAITING;
}

/* Those that are left are for its timeouts. */
static inline enum model_outcome model_prodded(struct model *m)
{
	m->prodded++;
	if (m->faults.ordered)
		assert_true(m->prodded <= 7);
	return model_transmit(m);
}

static inline enum model_outcome model_hears(struct model *m, const struct packet *p)
{
	uint32_t block = packet_block(p->bytes);

	if (p->bytes[1] == 5) {
		model_busy(m, m->faults.print);
		m->timeout_at = m->now + 3 * PL_SECOND;
		return model_prodded(m);
	}
	if (m->block > 0 && block == m->block - 1) {
		model_busy(m, m->faults.print);
		return ++m->skipped > 1 ? model_prodded(m) : MODEL_WAITING;
	}
	if (m->packet.bytes[1] == 2)
		m->features = p->bytes[0];
	m->stale += block != m->block;
	return MODEL_TAKEN;
}

static inline enum model_outcome model_times_out(struct model *m)
{
	model_busy(m, m->tries % 4 * MODEL_SPIN);
	m->timeout_at = m->now + 3 * PL_SECOND;
	return model_transmit(m);
}

/* When the kernel sees what arrived at that time. */
static inline int64_t model_seen_at(const struct model *m, const struct model_flying *f)
{
	int64_t at = f->at > m->now ? f->at : m->now;

	if (f->to_server || m->faults.poll == 0)
		return at;
	int64_t polls = (at - m->sent_at + m->faults.poll - 1) / m->faults.poll;
	return m->sent_at + polls * m->faults.poll;
}

/* The next event of the whole; the kernel listens, or is busy until busy_until. */
static inline enum model_outcome model_turn(struct model *m, bool listening)
{
	struct model_flying *f = model_next(m, listening);
	int64_t client_at = listening ? m->timeout_at : m->busy_until;
	int64_t arrives = f ? model_seen_at(m, f) : PL_TIME_FOREVER;
	int64_t due = model_server_due(m);

	if (arrives <= client_at && arrives <= due) {
		struct packet p = {.size = f->packet.size};
		bool to_server = f->to_server;
		memcpy(p.bytes, f->packet.bytes, p.size);
		m->now = arrives;
		*f = m->net[--m->flying];
		if (!to_server)
			return model_hears(m, &p);
		model_server_takes(m, &p);
		return MODEL_WAITING;
	}
	if (due < client_at) {
		m->now = due;
		model_server_is_due(m);
		return MODEL_WAITING;
	}
	m->now = client_at > m->now ? client_at : m->now;
	return listening ? model_times_out(m) : MODEL_WAITING;
}

static inline bool model_exchange(struct model *m, const struct packet *p)
{
	if (model_chance(m, m->faults.thinking))
		model_busy(m, m->faults.think);
	m->packet = *p;
	m->tries = 0;
	m->skipped = 0;
	m->prodded = 0;
	m->timeout_at = m->now + (p->bytes[1] == 2 ? 10500 * PL_MS : 7500 * PL_MS);
	enum model_outcome outcome = model_transmit(m);
	while (outcome == MODEL_WAITING)
		outcome = model_turn(m, true);
	m->block += outcome == MODEL_TAKEN;
	return outcome == MODEL_TAKEN;
}

static inline bool model_data(struct model *m, uint64_t at)
{
	uint64_t left = m->file_size - at;
	struct packet p = make_header(3, m->block);

	for (size_t i = 0; i < m->block_size && i < left; i++)
		p.bytes[p.size++] = model_byte(at + i);
	/* The flush of the output tries a block that failed once more. */
	return model_exchange(m, &p) || model_exchange(m, &p);
}

/* A dump from the WRQ to the EOF. True if the kernel believes that all was taken. */
static inline bool model_dump(struct model *m, const char *name, size_t block_size, uint64_t file_size)
{
	struct packet p = make_wrq(name, 2, 3, 1406);
	bool taken = true;

	m->block_size = block_size;
	m->file_size = file_size;
	m->block = 0;
	if (!model_exchange(m, &p))
		return false;
	m->data_began = m->now;
	for (uint64_t at = 0; taken && at < file_size; at += block_size)
		taken = model_data(m, at);
	m->data_ended = m->now;
	p = make_header(7, m->block);
	return model_exchange(m, &p) && taken;
}

static inline struct model *model_create(uint64_t seed, const struct model_faults *faults)
{
	struct model *m = calloc(1, sizeof *m);

	assert_non_null(m);
	m->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	m->faults = *faults;
	m->now = PL_SECOND;
	model_begin_session(m);
	return m;
}

/* All that is under way arrives, and the server forgets the transfer. */
static inline void model_settle(struct model *m)
{
	model_busy(m, 600 * PL_SECOND);
}

#endif
