#include "server/session.h"

#include <stdio.h>
#include <string.h>

#include "base/wait.h"

/* Beside the first: the client consumes one, and the other makes it send again. */
#define EXTRAS_MAX 2
#define NUDGES_MAX 3
/* Before the client's pace is known. */
#define REPEAT_FIRST (200 * PL_MS)
/* It looks for packets for 3 ms at a time. */
#define REPEAT_MIN (5 * PL_MS)
#define REPEAT_MAX (500 * PL_MS)
/* The client prints a line for each. */
#define NUDGE_MIN (40 * PL_MS)
#define NUDGE_WAITS 4
/* The client tries again after 7.5 s. */
#define CLOSING_PATIENCE (6 * PL_SECOND)
/* The client's own retries are 3 s apart or more: after this, nothing of ours is under way. */
#define CLIENT_RETRY (2 * PL_SECOND)
/* An EOF that comes so soon after its ACK left before that was read: the client spins up to 0.3 s first. */
#define CROSSING (1 * PL_SECOND)
/* A WRQ in mid-transfer: a late copy before this silence, a rebooted guest after. */
#define RESTART_AFTER (5 * PL_SECOND)
/* Its 15 tries take 46 s, twice that with the extra flush; then nobody asks any more. */
#define LINGER (120 * PL_SECOND)
/* Stale memory may stand where newer kernels have the packet size. */
#define SEGMENT_SANE_MIN 64

static const unsigned features_known = WIRE_LARGE_CRASHDUMPS | WIRE_LARGE_PKT_SIZE;

static const struct session_step nothing = {.op = SESSION_NOTHING};
static const struct session_step replace = {.op = SESSION_REPLACE};

const char *session_state_name(enum session_state state)
{
	static const char *const names[] = {"new", "receiving", "closing", "closed", "failed", "gone"};

	return names[state];
}

static void change_state(struct session *s, enum session_state to, const char *reason)
{
	s->state = to;
	snprintf(s->reason, sizeof s->reason, "%s", reason);
}

void session_init(struct session *s, const struct session_limits *limits, int64_t now)
{
	*s = (struct session){.state = SESSION_NEW, .limits = *limits, .heard_at = now, .quiet_at = now};
}

/* ---- acknowledging ----------------------------------------------------------- */

static struct session_step acknowledge(struct session *s, struct session_step step, int64_t now)
{
	s->acked_at = now;
	s->quiet_at = now;
	step.answer_size = wire_put_ack(step.answer, s->newest, s->packets == 1 ? s->features : 0);
	return step;
}

/* The client was heard: what was sent before has been consumed or lost. */
static void begin_anew(struct session *s)
{
	s->extras = 0;
	s->spare = 0;
}

/* As TCP's (RFC 6298): the mean and four deviations. */
static void learn_pace(struct session *s, int64_t turn)
{
	if (turn > REPEAT_MAX)
		turn = REPEAT_MAX;
	if (s->turn == 0) {
		s->turn = turn;
		s->turn_var = turn / 2;
		return;
	}
	int64_t off = turn > s->turn ? turn - s->turn : s->turn - turn;
	s->turn_var += (off - s->turn_var) / 4;
	s->turn += (turn - s->turn) / 8;
}

/* The block after the newest has come and is good. */
static void take(struct session *s, int64_t now)
{
	/* After a repeat the time says nothing yet: a loss, or a slow client? */
	s->late = s->extras ? now - s->first_at : 0;
	if (s->extras == 0)
		learn_pace(s, now - s->first_at);
	s->echoes = s->spare;
	begin_anew(s);
	s->nudges = 0;
	s->newest++;
	s->packets++;
	s->heard_at = now;
}

static struct session_step take_and_acknowledge(struct session *s, struct session_step step, int64_t now)
{
	take(s, now);
	s->first_at = now;
	return acknowledge(s, step, now);
}

/* True if our own repeats have caused this duplicate: its answer is under way. */
static bool is_echo(struct session *s)
{
	if (s->echoes == 0)
		return false;
	s->echoes--;
	if (s->late)
		learn_pace(s, s->late);
	s->late = 0;
	return true;
}

/* The newest block has come again. */
static struct session_step taken_before(struct session *s, int64_t now)
{
	bool client_timed_out = now - s->heard_at >= CLIENT_RETRY;
	/* Sooner than this it can't be a reaction to the last ACK: that is still under way. */
	bool ack_under_way = now - s->acked_at < s->turn / 2;

	s->resent++;
	s->heard_at = now;
	s->quiet_at = now;
	if (client_timed_out)
		s->echoes = 0;
	else if (is_echo(s))
		return nothing;
	if (client_timed_out || !ack_under_way)
		begin_anew(s);
	else if (s->extras > 0)
		return nothing;
	else
		s->extras++;
	return acknowledge(s, nothing, now);
}

/* ---- speaking up after silence ------------------------------------------------ */

static int64_t repeat_wait(const struct session *s)
{
	int64_t wait = s->turn ? s->turn + 4 * s->turn_var : REPEAT_FIRST;

	if (wait < REPEAT_MIN)
		return REPEAT_MIN;
	return wait < REPEAT_MAX ? wait : REPEAT_MAX;
}

static int64_t nudge_wait(const struct session *s)
{
	int64_t wait = NUDGE_WAITS * repeat_wait(s);

	/* Four times as long each time. */
	return (wait < NUDGE_MIN ? NUDGE_MIN : wait) << 2 * s->nudges;
}

/* When the silence has been too long; PL_TIME_FOREVER: all has been said. */
static int64_t speak_at(const struct session *s)
{
	if (s->extras < EXTRAS_MAX)
		return s->quiet_at + repeat_wait(s);
	if (s->packets > 1 && s->nudges < NUDGES_MAX)
		return s->quiet_at + nudge_wait(s);
	return PL_TIME_FOREVER;
}

static struct session_step repeat(struct session *s, int64_t now)
{
	s->extras++;
	if (s->extras > 1)
		s->spare++;
	return acknowledge(s, nothing, now);
}

static struct session_step nudge(struct session *s, int64_t now)
{
	struct session_step step = nothing;

	s->nudges++;
	s->spare++;
	/* Foreseen, but they would have come by now; the answer to this must not be taken for one. */
	s->echoes = 0;
	s->quiet_at = now;
	step.answer_size = wire_put_error(step.answer, WIRE_E_OTHER, "say again");
	return step;
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
	s->first_at = now;
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
	return replace;
}

/* A name of its own shows that this is no late copy. */
static struct session_step asked_while_closing(const struct session *s, const struct wire_packet *p)
{
	return strcmp(p->name, s->name) == 0 ? nothing : replace;
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
	if (size > 0 && s->offset > s->end)
		s->end = s->offset;
	return take_and_acknowledge(s, step, now);
}

static struct session_step seek(struct session *s, const struct wire_packet *p, int64_t now)
{
	uint64_t offset;

	if (!wire_seek_offset(p, s->features & WIRE_LARGE_CRASHDUMPS, &offset))
		return nothing;
	if (passes_limit(s, offset, 0))
		return session_fail(s, WIRE_E_FULL, "seeks past the size limit", now);
	if (s->limits.max_seek && offset > s->end && offset - s->end > s->limits.max_seek)
		return session_fail(s, WIRE_E_FULL, "seeks too far past the end", now);
	s->offset = offset;
	return take_and_acknowledge(s, nothing, now);
}

static struct session_step end_of_file(struct session *s, int64_t now)
{
	take(s, now);
	s->eof_at = now;
	change_state(s, SESSION_CLOSING, "");
	return (struct session_step){.op = SESSION_CLOSE};
}

static struct session_step eof_again(struct session *s, const struct wire_packet *p, int64_t now)
{
	if (p->block != s->newest)
		return nothing;
	/* One may cross the ACK: a second ACK would outlive the EOF. */
	if (s->eof_acked && (s->crossed || now - s->acked_at >= CROSSING)) {
		s->crossed = false;
		return taken_before(s, now);
	}
	s->resent++;
	s->heard_at = now;
	s->crossed = !is_echo(s) && s->eof_acked;
	return nothing;
}

static struct session_step acknowledge_eof(struct session *s, int64_t now)
{
	s->eof_acked = true;
	return acknowledge(s, nothing, now);
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
	if (now < speak_at(s))
		return nothing;
	return s->extras < EXTRAS_MAX ? repeat(s, now) : nudge(s, now);
}

static struct session_step closing_tick(struct session *s, int64_t now)
{
	if (s->eof_acked || now - s->eof_at < CLOSING_PATIENCE)
		return nothing;
	return acknowledge_eof(s, now);
}

static int64_t linger_end(const struct session *s)
{
	return (s->heard_at > s->acked_at ? s->heard_at : s->acked_at) + LINGER;
}

static struct session_step linger_tick(struct session *s, int64_t now)
{
	if (now >= linger_end(s))
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
	case AT(SESSION_CLOSING, WIRE_WRQ):
		return asked_while_closing(s, p);
	case AT(SESSION_CLOSING, WIRE_EOF):
	case AT(SESSION_CLOSED, WIRE_EOF):
		return eof_again(s, p, now);
	case AT(SESSION_CLOSED, WIRE_WRQ):
	case AT(SESSION_FAILED, WIRE_WRQ):
		return replace;
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
	switch (s->state) {
	case SESSION_RECEIVING:
		return receiving_tick(s, now);
	case SESSION_CLOSING:
		return closing_tick(s, now);
	case SESSION_NEW:
	case SESSION_CLOSED:
	case SESSION_FAILED:
		return linger_tick(s, now);
	case SESSION_GONE:
		break;
	}
	return nothing;
}

int64_t session_deadline(const struct session *s)
{
	if (s->state == SESSION_CLOSING)
		return s->eof_acked ? PL_TIME_FOREVER : s->eof_at + CLOSING_PATIENCE;
	if (s->state != SESSION_RECEIVING)
		return linger_end(s);

	int64_t dead = s->heard_at + s->limits.idle_timeout;
	return speak_at(s) < dead ? speak_at(s) : dead;
}

struct session_step session_closed(struct session *s, int64_t now)
{
	/* Not change_state(): the caller may have said why the file is incomplete. */
	s->state = SESSION_CLOSED;
	return s->eof_acked ? nothing : acknowledge_eof(s, now);
}

struct session_step session_fail(struct session *s, enum wire_code code, const char *reason, int64_t now)
{
	struct session_step step = nothing;

	change_state(s, SESSION_FAILED, reason);
	s->code = code;
	if (!s->eof_acked)
		step = refuse(s, now);
	step.op = SESSION_ABANDON;
	return step;
}
