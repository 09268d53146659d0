/*
 * A session under arbitrary packets and pauses. The input is a row of events:
 * two bytes of pause in 4 ms, one byte of length, one of choice (odd: the op
 * that follows fails), then a packet.
 *
 * Invariants: only the newest block is acknowledged, and only when all before
 * it were taken one by one; each write has its own acknowledgement; nothing is
 * written past the limit or after the end.
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

struct model {
	struct session session;
	uint64_t blocks; /* taken */
	bool open;
	bool ended;
};

static void check_answer(const struct model *m, const struct session_step *step)
{
	struct wire_packet p;

	if (step->answer_size == 0)
		return;
	CHECK(wire_decode(step->answer, step->answer_size, &p));
	CHECK(p.op == WIRE_ACK || p.op == WIRE_ERROR);
	if (p.op == WIRE_ACK) {
		CHECK(p.block == m->session.newest && p.block == (uint32_t)(m->blocks - 1));
		CHECK(p.features == 0 || m->blocks == 1);
		CHECK(m->open || m->ended);
	} else if (m->session.state == SESSION_RECEIVING) {
		CHECK(p.block == WIRE_E_OTHER && m->blocks > 1);
	} else {
		CHECK(m->session.state == SESSION_FAILED);
	}
}

static void check_op(struct model *m, const struct session_step *step)
{
	switch (step->op) {
	case SESSION_OPEN:
		CHECK(!m->open && !m->ended);
		m->open = true;
		break;
	case SESSION_WRITE:
		CHECK(m->open && step->offset <= MAX_SIZE && step->size <= MAX_SIZE - step->offset);
		CHECK(step->size <= WIRE_LARGE_DATA && step->answer_size == WIRE_ACK_SIZE);
		CHECK(m->session.packets == m->blocks + 1);
		break;
	case SESSION_CLOSE:
	case SESSION_ABANDON:
		CHECK(m->open);
		m->open = false;
		m->ended = true;
		break;
	case SESSION_NOTHING:
	case SESSION_REPLACE:
		break;
	}
}

static void check(struct model *m, const struct session_step *step)
{
	check_op(m, step);
	CHECK(m->session.packets == m->blocks || m->session.packets == m->blocks + 1);
	m->blocks = m->session.packets;
	check_answer(m, step);
	CHECK(m->session.extras <= 2);
}

static void take(struct model *m, const uint8_t *bytes, size_t size, bool fails, int64_t now)
{
	struct wire_packet p;

	if (!wire_decode(bytes, size, &p) || (p.op == WIRE_WRQ && !name_is_safe(p.name)))
		return;
	struct session_step step = session_packet(&m->session, &p, now);
	bool has_op = step.op == SESSION_OPEN || step.op == SESSION_WRITE || step.op == SESSION_CLOSE;
	if (!fails || !has_op) {
		check(m, &step);
		if (step.op == SESSION_CLOSE) {
			step = session_closed(&m->session, now);
			check(m, &step);
		}
		return;
	}
	step = session_fail(&m->session, WIRE_E_FULL, "failed", now);
	CHECK(step.op == SESSION_ABANDON && step.answer_size > 0);
	m->open = false;
	m->ended = true;
	m->blocks = m->session.packets;
}

static void pass(struct model *m, int64_t *now, int64_t pause)
{
	int64_t end = *now + pause;
	unsigned ticks = 0;

	while (m->session.state != SESSION_GONE && session_deadline(&m->session) <= end) {
		*now = session_deadline(&m->session) > *now ? session_deadline(&m->session) : *now;
		struct session_step step = session_tick(&m->session, *now);
		check(m, &step);
		CHECK(++ticks < 10); /* a deadline that ticks don't move would be a busy loop */
	}
	*now = end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct session_limits limits = {.max_size = MAX_SIZE, .idle_timeout = 100 * PL_SECOND};
	struct pl_reader r = pl_reader_be(data, size);
	struct model m = {.blocks = 0};
	int64_t now = PL_SECOND;

	session_init(&m.session, &limits, now);
	while (pl_reader_left(&r) >= 4) {
		int64_t pause = pl_read_u16(&r) * 4 * PL_MS;
		size_t length = pl_read_u8(&r);
		bool fails = pl_read_u8(&r) & 1;
		if (length > pl_reader_left(&r))
			length = pl_reader_left(&r);
		pass(&m, &now, pause);
		take(&m, pl_read_bytes(&r, length), length, fails, now);
	}
	return 0;
}
