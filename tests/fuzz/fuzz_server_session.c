/*
 * A session under arbitrary packets and pauses. The input is a row of events:
 * two bytes of pause in 4 ms, one byte of length, one of choice, then a packet.
 * Choice: 1: the op that follows fails; 2: a close that follows takes longer;
 * 4: before the packet, a close under way is done; 8: it failed.
 *
 * Invariants:
 *   - only the newest block is acknowledged, and only when all before it were
 *     taken one by one; an ACK has features at block 0 only;
 *   - what is acknowledged was written: each DATA that is taken is one write,
 *     at the place where the one before ended or where a SEEK that was taken
 *     pointed to, and nothing passes the limits;
 *   - unasked: at most two ACKs until the client is heard and three nudges a
 *     block, and none of them before the first block or after the EOF;
 *   - the EOF is acknowledged when the file is closed, or once after 6 s;
 *   - nothing is written after the end, and ticks never come at once again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/reader.h"
#include "base/wait.h"
#include "server/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)                                                                                             \
	do {                                                                                                 \
		if (!(x))                                                                                    \
			abort();                                                                             \
	} while (0)

#define MAX_SIZE 100000u
#define MAX_SEEK 30000u

enum choice { OP_FAILS = 1, CLOSE_IS_SLOW = 2, CLOSE_ENDS = 4, CLOSE_FAILS = 8 };

struct model {
	struct session session;
	int64_t now;
	uint64_t blocks; /* taken */
	uint64_t resent;
	uint64_t offset; /* of the next write */
	uint64_t end;    /* of the file */
	bool open;
	bool ended;
	bool closing;
	bool eof_acked;
	int64_t eof_at;
	unsigned repeats; /* since the client was heard */
	unsigned nudges;  /* since a block was taken */
};

static void begin(struct model *m)
{
	const struct session_limits limits = {
		.max_size = MAX_SIZE, .max_seek = MAX_SEEK, .idle_timeout = 100 * PL_SECOND};
	int64_t now = m->now;

	*m = (struct model){.now = now};
	session_init(&m->session, &limits, now);
}

static void check_error(struct model *m, const struct wire_packet *error, bool unasked)
{
	if (m->session.state == SESSION_FAILED) {
		CHECK(!unasked);
		return;
	}
	CHECK(unasked && m->session.state == SESSION_RECEIVING);
	CHECK(error->block == WIRE_E_OTHER && m->blocks > 1 && ++m->nudges <= 3);
}

static void check_ack(struct model *m, const struct wire_packet *ack, bool unasked)
{
	CHECK(ack->block == m->session.newest && ack->block == (uint32_t)(m->blocks - 1));
	CHECK(ack->features == 0 || m->blocks == 1);
	CHECK(m->open || m->ended);
	if (m->session.state == SESSION_CLOSING && !m->eof_acked) {
		CHECK(unasked && m->now - m->eof_at >= 6 * PL_SECOND);
		m->eof_acked = true;
	} else if (unasked) {
		CHECK(m->session.state == SESSION_RECEIVING && ++m->repeats <= 2);
	}
}

static void check_answer(struct model *m, const struct session_step *step, bool unasked)
{
	struct wire_packet p;

	if (step->answer_size == 0)
		return;
	CHECK(wire_decode(step->answer, step->answer_size, &p));
	CHECK(p.op == WIRE_ACK || p.op == WIRE_ERROR);
	if (p.op == WIRE_ACK)
		check_ack(m, &p, unasked);
	else
		check_error(m, &p, unasked);
}

static void end(struct model *m)
{
	m->open = false;
	m->ended = true;
	m->closing = false;
}

static void check_op(struct model *m, const struct session_step *step)
{
	switch (step->op) {
	case SESSION_OPEN:
		CHECK(!m->open && !m->ended);
		m->open = true;
		break;
	case SESSION_WRITE:
		CHECK(m->open && !m->closing && step->offset == m->offset);
		CHECK(step->offset <= MAX_SIZE && step->size <= MAX_SIZE - step->offset);
		CHECK(step->size <= WIRE_LARGE_DATA && step->answer_size == WIRE_ACK_SIZE);
		CHECK(m->session.packets == m->blocks + 1);
		m->offset += step->size;
		if (step->size > 0 && m->offset > m->end)
			m->end = m->offset;
		break;
	case SESSION_CLOSE:
		CHECK(m->open && !m->closing && step->answer_size == 0);
		CHECK(m->session.state == SESSION_CLOSING);
		m->closing = true;
		m->eof_at = m->now;
		break;
	case SESSION_ABANDON:
		CHECK(m->open);
		end(m);
		break;
	case SESSION_NOTHING:
	case SESSION_REPLACE:
		break;
	}
}

/* What became of a packet; NULL: time has passed or a close ended. */
static void check(struct model *m, const struct session_step *step, const struct wire_packet *p)
{
	bool taken = m->session.packets == m->blocks + 1;

	check_op(m, step);
	CHECK(taken || m->session.packets == m->blocks);
	if (taken) {
		CHECK(p && (p->op != WIRE_DATA || step->op == SESSION_WRITE));
		CHECK(m->blocks == 0 || p->block == (uint32_t)m->blocks);
		m->nudges = 0;
	}
	if (taken && p->op == WIRE_SEEK) {
		CHECK(wire_seek_offset(p, m->session.features & WIRE_LARGE_CRASHDUMPS, &m->offset));
		CHECK(m->offset <= MAX_SIZE && m->offset <= m->end + MAX_SEEK);
	}
	if (taken || m->session.resent != m->resent)
		m->repeats = 0;
	m->blocks = m->session.packets;
	m->resent = m->session.resent;
}

static void fail(struct model *m)
{
	bool told = m->eof_acked;

	struct session_step step = session_fail(&m->session, WIRE_E_FULL, "failed", m->now);
	CHECK(step.op == SESSION_ABANDON && (step.answer_size > 0) == !told);
	CHECK(m->session.state == SESSION_FAILED);
	m->blocks = m->session.packets;
	m->resent = m->session.resent;
	end(m);
}

static void end_close(struct model *m)
{
	struct session_step step = session_closed(&m->session, m->now);

	CHECK(m->session.state == SESSION_CLOSED && step.op == SESSION_NOTHING);
	CHECK((step.answer_size == WIRE_ACK_SIZE) == !m->eof_acked);
	m->eof_acked = true;
	end(m);
	check_answer(m, &step, false);
}

static void take(struct model *m, const uint8_t *bytes, size_t size, unsigned choice)
{
	struct wire_packet p;

	if (!wire_decode(bytes, size, &p) || (p.op == WIRE_WRQ && !name_is_safe(p.name)))
		return;
	struct session_step step = session_packet(&m->session, &p, m->now);
	if (step.op == SESSION_REPLACE) {
		CHECK(p.op == WIRE_WRQ && step.answer_size == 0);
		begin(m);
		step = session_packet(&m->session, &p, m->now);
	}
	bool has_op = step.op == SESSION_OPEN || step.op == SESSION_WRITE || step.op == SESSION_CLOSE;
	if ((choice & OP_FAILS) && has_op) {
		m->open = true;
		fail(m);
		return;
	}
	check(m, &step, &p);
	check_answer(m, &step, false);
	if (step.op == SESSION_CLOSE && !(choice & CLOSE_IS_SLOW))
		end_close(m);
}

static void pass(struct model *m, int64_t pause)
{
	int64_t until = m->now + pause;
	unsigned ticks = 0;

	while (m->session.state != SESSION_GONE && session_deadline(&m->session) <= until) {
		if (session_deadline(&m->session) > m->now)
			m->now = session_deadline(&m->session);
		struct session_step step = session_tick(&m->session, m->now);
		check(m, &step, NULL);
		check_answer(m, &step, true);
		CHECK(++ticks < 10); /* a deadline that ticks don't move would be a busy loop */
	}
	m->now = until;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_reader r = pl_reader_be(data, size);
	struct model m = {.now = PL_SECOND};

	begin(&m);
	while (pl_reader_left(&r) >= 4) {
		int64_t pause = pl_read_u16(&r) * 4 * PL_MS;
		size_t length = pl_read_u8(&r);
		unsigned choice = pl_read_u8(&r);
		if (length > pl_reader_left(&r))
			length = pl_reader_left(&r);
		pass(&m, pause);
		if (m.closing && (choice & CLOSE_FAILS))
			fail(&m);
		else if (m.closing && (choice & CLOSE_ENDS))
			end_close(&m);
		take(&m, pl_read_bytes(&r, length), length, choice);
	}
	return 0;
}
