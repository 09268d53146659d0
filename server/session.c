#include "server/session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/wait.h"

/* Beside the first: the client consumes one, and the other makes it send again. */
#define EXTRAS_MAX 2
/* Before the client's pace is known; it has polls of 3 ms and may print. */
#define REPEAT_FIRST (200 * PL_MS)
#define REPEAT_MIN (25 * PL_MS)
#define REPEAT_MAX (500 * PL_MS)
/* The client's own retries are 3 s apart or more: after this, nothing of ours is under way. */
#define CLIENT_RETRY (2 * PL_SECOND)
/* A WRQ in mid-transfer: a late copy before this silence, a rebooted guest after. */
#define RESTART_AFTER (5 * PL_SECOND)
/* Its 15 tries take 46 s, twice that with the extra flush; then nobody asks any more. */
#define LINGER (120 * PL_SECOND)
/* Stale memory may stand where newer kernels have the packet size. */
#define SEGMENT_SANE_MIN 64

static const unsigned features_known = WIRE_LARGE_CRASHDUMPS | WIRE_LARGE_PKT_SIZE;

static const struct session_step nothing = {.op = SESSION_NOTHING};

const char *session_state_name(enum session_state state)
{
	static const char *const names[] = {"new", "receiving", "closed", "failed", "gone"};

	return names[state];
}

static void change_state(struct session *s, enum session_state to, const char *reason)
{
	s->state = to;
	snprintf(s->reason, sizeof s->reason, "%s", reason);
}

void session_init(struct session *s, const struct session_limits *limits, int64_t now)
{
	*s = (struct session){.state = SESSION_NEW, .limits = *limits, .heard_at = now, .acked_at = now};
}

/* ---- acknowledging ----------------------------------------------------------- */

static struct session_step acknowledge(struct session *s, struct session_step step, int64_t now)
{
	s->acked_at = now;
	step.answer_size = wire_put_ack(step.answer, s->newest, s->packets == 1 ? s->features : 0);
	return step;
}

/* As TCP's (RFC 6298): the mean and four deviations. */
static void learn_pace(struct session *s, int64_t turn)
{
	if (s->turn == 0) {
		s->turn = turn;
		s->turn_var = turn / 2;
		return;
	}
	int64_t off = turn > s->turn ? turn - s->turn : s->turn - turn;
	s->turn_var += (off - s->turn_var) / 4;
	s->turn += (turn - s->turn) / 8;
}

static int64_t repeat_at(const struct session *s)
{
	int64_t wait = s->turn ? s->turn + 4 * s->turn_var : REPEAT_FIRST;

	if (wait < REPEAT_MIN)
		wait = REPEAT_MIN;
	if (wait > REPEAT_MAX)
		wait = REPEAT_MAX;
	return s->acked_at + (wait << s->extras);
}

static bool may_repeat(const struct session *s)
{
	return s->state == SESSION_RECEIVING && s->extras < EXTRAS_MAX;
}

/* The block after the newest has come and is good. */
static struct session_step take(struct session *s, struct session_step step, int64_t now)
{
	if (s->extras == 0)
		learn_pace(s, now - s->acked_at);
	s->echoes = s->extras > 1 ? s->extras - 1 : 0;
	s->extras = 0;
	s->newest++;
	s->packets++;
	s->heard_at = now;
	return acknowledge(s, step, now);
}

/* The newest block has come again. */
static struct session_step taken_before(struct session *s, int64_t now)
{
	bool client_timed_out = now - s->heard_at >= CLIENT_RETRY;
	/* Sooner than this it can't be a reaction to the last ACK: that is still under way. */
	bool ack_under_way = now - s->acked_at < s->turn / 2;

	s->resent++;
	s->heard_at = now;
	if (client_timed_out) {
		s->echoes = 0;
	} else if (s->echoes > 0) {
		s->echoes--;
		return nothing;
	}
	if (client_timed_out || !ack_under_way)
		s->extras = 0;
	else if (s->extras > 0)
		return nothing;
	else
		s->extras++;
	return acknowledge(s, nothing, now);
}

/* ---- the events -------------------------------------------------------------- */

static struct session_step open_file(struct session *s, const struct wire_packet *p, int64_t now)
{
	snprintf(s->name, sizeof s->name, "%s", p->name);
	s->features = p->features & features_known;
	s->junk = name_junk(s->name);
	s->segment = s->features & WIRE_LARGE_PKT_SIZE ? WIRE_LARGE_DATA : WIRE_SMALL_DATA;
	/* A core's packets have no junk to cut: a stale size must not cost it data. */
	if (s->junk && p->segment >= SEGMENT_SANE_MIN && p->segment < s->segment)
		s->segment = p->segment;
	s->packets = 1;
	s->heard_at = now;
	change_state(s, SESSION_RECEIVING, "");
	return acknowledge(s, (struct session_step){.op = SESSION_OPEN}, now);
}

static struct session_step asked_again(struct session *s, const struct wire_packet *p, int64_t now)
{
	bool same = strcmp(p->name, s->name) == 0;

	if (same && s->packets == 1)
		return taken_before(s, now);
	/* An ACK of block 0 would now pass for that of a later block. */
	if (same && now - s->heard_at < RESTART_AFTER)
		return nothing;
	return (struct session_step){.op = SESSION_REPLACE};
}

static bool passes_limit(const struct session *s, uint64_t offset, size_t size)
{
	uint64_t max = s->limits.max_size ? s->limits.max_size : INT64_MAX;

	return offset > max || size > max - offset;
}

/*
 * _panicd_corename= can give a log any name. Its full packets tell: a core's
 * are never longer than the segment.
 */
static void notice_log(struct session *s, const struct wire_packet *p)
{
	size_t junk = strlen(s->name) + 1;

	if (s->packets == 1 && p->size == s->segment + junk)
		s->junk = junk;
}

static struct session_step data(struct session *s, const struct wire_packet *p, int64_t now)
{
	notice_log(s, p);
	if (p->size < s->junk)
		return nothing;
	size_t size = p->size - s->junk;
	if (size > s->segment)
		size = s->segment;
	if (passes_limit(s, s->offset, size))
		return session_fail(s, WIRE_E_FULL, "larger than the size limit", now);

	struct session_step step = {
		.op = SESSION_WRITE, .offset = s->offset, .data = p->payload, .size = size};
	s->offset += size;
	return take(s, step, now);
}

static struct session_step seek(struct session *s, const struct wire_packet *p, int64_t now)
{
	uint64_t offset;

	if (!wire_seek_offset(p, s->features & WIRE_LARGE_CRASHDUMPS, &offset))
		return nothing;
	if (passes_limit(s, offset, 0))
		return session_fail(s, WIRE_E_FULL, "seeks past the size limit", now);
	s->offset = offset;
	return take(s, nothing, now);
}

static struct session_step end_of_file(struct session *s, int64_t now)
{
	struct session_step step = take(s, (struct session_step){.op = SESSION_CLOSE}, now);

	change_state(s, SESSION_CLOSED, "");
	return step;
}

/* DATA, SEEK or EOF while the file is open. */
static struct session_step block(struct session *s, const struct wire_packet *p, int64_t now)
{
	/* The WRQ is block 0, and in 2^32 blocks so is another packet: it can only come again by its kind. */
	if (p->block == s->newest && s->packets > 1)
		return taken_before(s, now);
	if (p->block != s->newest + 1)
		return nothing;
	if (p->op == WIRE_DATA)
		return data(s, p, now);
	if (p->op == WIRE_SEEK)
		return seek(s, p, now);
	return end_of_file(s, now);
}

static struct session_step peer_error(struct session *s, const struct wire_packet *p)
{
	char reason[SESSION_REASON_MAX];

	snprintf(reason, sizeof reason, "the client reported error %u", (unsigned)p->block);
	change_state(s, SESSION_GONE, reason);
	return (struct session_step){.op = SESSION_ABANDON};
}

static struct session_step refuse(struct session *s, int64_t now)
{
	struct session_step step = nothing;

	s->heard_at = now;
	step.answer_size = wire_put_error(step.answer, s->code, s->reason);
	return step;
}

static struct session_step receiving_tick(struct session *s, int64_t now)
{
	if (now - s->heard_at >= s->limits.idle_timeout) {
		change_state(s, SESSION_GONE, "the client went silent");
		return (struct session_step){.op = SESSION_ABANDON};
	}
	if (!may_repeat(s) || now < repeat_at(s))
		return nothing;
	s->extras++;
	return acknowledge(s, nothing, now);
}

static struct session_step linger_tick(struct session *s, int64_t now)
{
	if (now - s->heard_at >= LINGER)
		change_state(s, SESSION_GONE, "");
	return nothing;
}

/* ---- the machine --------------------------------------------------------------- */

#define AT(state, op) ((unsigned)(state) << 4 | (unsigned)(op))

struct session_step session_packet(struct session *s, const struct wire_packet *p, int64_t now)
{
	switch (AT(s->state, p->op)) {
	case AT(SESSION_NEW, WIRE_WRQ):
		return open_file(s, p, now);
	case AT(SESSION_RECEIVING, WIRE_WRQ):
		return asked_again(s, p, now);
	case AT(SESSION_RECEIVING, WIRE_DATA):
	case AT(SESSION_RECEIVING, WIRE_SEEK):
	case AT(SESSION_RECEIVING, WIRE_EOF):
		return block(s, p, now);
	case AT(SESSION_RECEIVING, WIRE_ERROR):
		return peer_error(s, p);
	case AT(SESSION_CLOSED, WIRE_EOF):
		return p->block == s->newest ? taken_before(s, now) : nothing;
	case AT(SESSION_CLOSED, WIRE_WRQ):
	case AT(SESSION_FAILED, WIRE_WRQ):
		return (struct session_step){.op = SESSION_REPLACE};
	case AT(SESSION_FAILED, WIRE_DATA):
	case AT(SESSION_FAILED, WIRE_SEEK):
	case AT(SESSION_FAILED, WIRE_EOF):
		return refuse(s, now);
	default:
		return nothing;
	}
}

struct session_step session_tick(struct session *s, int64_t now)
{
	if (s->state == SESSION_RECEIVING)
		return receiving_tick(s, now);
	return s->state == SESSION_GONE ? nothing : linger_tick(s, now);
}

int64_t session_deadline(const struct session *s)
{
	int64_t end = s->heard_at + (s->state == SESSION_RECEIVING ? s->limits.idle_timeout : LINGER);

	if (may_repeat(s) && repeat_at(s) < end)
		return repeat_at(s);
	return end;
}

struct session_step session_fail(struct session *s, enum wire_code code, const char *reason, int64_t now)
{
	change_state(s, SESSION_FAILED, reason);
	s->code = code;
	struct session_step step = refuse(s, now);
	step.op = SESSION_ABANDON;
	return step;
}
