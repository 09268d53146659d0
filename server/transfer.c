#include "server/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "base/wait.h"

#define PROGRESS_EVERY (500 * PL_MS)
/* How often a worker is asked whether it is done, and whether it has news. */
#define ASK_EVERY (4 * PL_MS)
#define NEWS_EVERY (100 * PL_MS)

struct pl_error *transfer_create(
	struct transfer_place *place, struct peer peer, int64_t now, struct transfer **ret)
{
	struct transfer *t = calloc(1, sizeof *t);

	if (!t)
		return pl_error_nomem();
	t->place = place;
	t->peer = peer;
	t->started = now;
	t->progress_at = now;
	sink_init(&t->sink, place->keep.dir_fd, place->keep.quota);
	session_init(&t->session, &place->limits, now);
	*ret = t;
	return NULL;
}

void transfer_destroy(struct transfer *t)
{
	if (!t)
		return;
	keep_deinit(&t->keep);
	sink_deinit(&t->sink);
	free(t);
}

bool transfer_active(const struct transfer *t)
{
	return t->keep.added && !t->told;
}

bool transfer_over(const struct transfer *t)
{
	return t->told;
}

/* ---- events ------------------------------------------------------------------ */

static void tell(const struct transfer *t, struct server_event *e)
{
	char peer[PEER_TEXT];

	if (!t->place->on_event)
		return;
	e->name = t->session.name;
	e->peer = peer_text(t->peer, peer);
	e->features = t->session.features;
	e->bytes = t->bytes;
	t->place->on_event(t->place->arg, e);
}

static uint64_t rate(uint64_t bytes, int64_t ns)
{
	return ns > 0 ? (uint64_t)((double)bytes * (double)PL_SECOND / (double)ns) : 0;
}

static void tell_progress(struct transfer *t, int64_t now)
{
	if (now - t->progress_at < PROGRESS_EVERY || t->bytes == t->progress_bytes)
		return;
	tell(t, &(struct server_event){
			.kind = SERVER_PROGRESS,
			.bytes_per_second = rate(t->bytes - t->progress_bytes, now - t->progress_at),
		});
	t->progress_at = now;
	t->progress_bytes = t->bytes;
}

/* The folder and a name in it; malloc'd, the name alone if there is no memory. */
static char *path_of(const struct transfer *t, const char *name)
{
	char *path = NULL;

	pl_error_free(pl_fs_join(t->place->dir, name, &path));
	if (!path)
		pl_error_free(pl_strdup(name, &path));
	return path;
}

static void tell_done(struct transfer *t, int64_t now)
{
	const struct keep_result *r = &t->keep.result;
	const struct unpack *core = &t->keep.core;
	bool wanted = t->place->keep.decompress && r->gzip == SERVER_GZIP_OK;
	char *path = path_of(t, t->sink.now);
	char *core_path = core->now[0] ? path_of(t, core->now) : NULL;

	t->told = true;
	/* What was acknowledged and then could not be written is not in the file. */
	if (!r->whole && t->sink.written < t->bytes)
		t->bytes = t->sink.written;
	tell(t, &(struct server_event){
			.kind = SERVER_DONE,
			.path = path ? path : "",
			.packets = t->session.packets,
			.resent = t->session.resent,
			.duration = now - t->started,
			.bytes_per_second = rate(t->bytes, now - t->started),
			.complete = r->whole,
			.reason = r->reason,
			.gzip = r->gzip,
			.core = core_path,
			.core_reason = wanted ? core->reason : "",
			.kernel_uuid = keep_uuid(&t->keep),
		});
	free(path);
	free(core_path);
}

/* Whoever follows a client must not hear of its next file before the end of the last. */
static bool has_untold_predecessor(const struct transfer *t)
{
	for (const struct transfer *old = t->next; old; old = old->next)
		if (peer_equal(old->peer, t->peer) && !old->told)
			return true;
	return false;
}

static void tell_news(struct transfer *t, int64_t now)
{
	const char *uuid = t->identified ? NULL : keep_uuid(&t->keep);

	if (!t->announced) {
		if (has_untold_predecessor(t))
			return;
		t->announced = true;
		tell(t, &(struct server_event){.kind = SERVER_STARTED});
	}
	if (uuid) {
		t->identified = true;
		tell(t, &(struct server_event){.kind = SERVER_IDENTIFIED, .kernel_uuid = uuid});
	}
	if (t->finished)
		tell_done(t, now);
	else
		tell_progress(t, now);
}

static void log_change(const struct transfer *t, enum session_state before)
{
	char peer[PEER_TEXT];

	if (t->session.state == before)
		return;
	pl_log(t->place->keep.log, PL_LOG_DEBUG, "%s from %s: %s -> %s%s%s", t->session.name,
		peer_text(t->peer, peer), session_state_name(before), session_state_name(t->session.state),
		t->session.reason[0] ? ": " : "", t->session.reason);
}

/* ---- the file ------------------------------------------------------------------ */

static struct pl_error *flush(struct transfer *t)
{
	struct pl_error *err = sink_flush(&t->sink);

	t->held_since = 0;
	if (!err)
		keep_arrived(&t->keep, t->sink.size, t->gaps);
	return err;
}

static struct pl_error *write_data(struct transfer *t, const struct session_step *step, int64_t now)
{
	uint64_t written = t->sink.written;

	if (step->offset != t->sink.size)
		t->gaps = true;
	struct pl_error *err = sink_write(&t->sink, step->offset, step->data, step->size);
	if (err)
		return err;
	t->bytes += step->size;
	if (t->sink.written != written) {
		t->held_since = 0;
		keep_arrived(&t->keep, t->sink.size - t->sink.held, t->gaps);
	}
	if (t->held_since == 0 && t->sink.held > 0)
		t->held_since = now;
	return NULL;
}

static struct pl_error *open_file(struct transfer *t)
{
	struct pl_error *err = sink_open(&t->sink, t->session.name);

	if (err)
		return err;
	err = keep_begin(&t->keep, &t->place->keep, &t->sink);
	if (err) {
		sink_discard(&t->sink);
		t->sink.passing = true; /* no memory, or no thread */
	}
	return err;
}

static void give_last_order(struct transfer *t, enum keep_order order, enum note_why why)
{
	struct keep *k = &t->keep;

	t->ending = true;
	peer_text(t->peer, k->peer);
	snprintf(k->reason, sizeof k->reason, "%s", t->session.reason);
	k->note.why = why;
	k->note.bytes = t->bytes;
	k->note.packets = t->session.packets;
	k->note.resent = t->session.resent;
	keep_end(k, order);
}

/* The name changes at once: the same guest may begin the same file again. */
static void abandon(struct transfer *t, enum note_why why)
{
	if (t->ending || !t->keep.added)
		return;
	pl_error_free(flush(t));
	pl_log_error(t->place->keep.log, sink_set_aside(&t->sink));
	give_last_order(t, KEEP_ABANDON, why);
}

/* "File exists" and the like, short enough for the wire. */
static void fail(struct transfer *t, struct pl_error *err, int64_t now, struct session_step *step)
{
	char reason[SESSION_REASON_MAX];

	pl_error_brief(err, reason, sizeof reason);
	pl_error_free(err);
	*step = session_fail(&t->session, t->sink.code, reason, now);
	abandon(t, t->sink.why);
}

/* ---- steps ---------------------------------------------------------------------- */

/* `why` is what it would be if the step abandons the file. */
static void carry_out(struct transfer *t, struct session_step *step, enum note_why why, int64_t now)
{
	struct pl_error *err = NULL;

	switch (step->op) {
	case SESSION_OPEN:
		err = open_file(t);
		break;
	case SESSION_WRITE:
		err = write_data(t, step, now);
		break;
	case SESSION_CLOSE:
		err = flush(t);
		if (!err)
			give_last_order(t, KEEP_COMMIT, NOTE_OTHER);
		break;
	case SESSION_ABANDON:
		abandon(t, why);
		break;
	case SESSION_NOTHING:
	case SESSION_REPLACE:
		break;
	}
	if (err)
		fail(t, err, now, step);
}

void transfer_packet(struct transfer *t, const struct wire_packet *p, int64_t now, struct session_step *step)
{
	enum session_state before = t->session.state;

	*step = session_packet(&t->session, p, now);
	carry_out(t, step, p->op == WIRE_ERROR ? NOTE_PEER_ERROR : NOTE_LIMIT, now);
	log_change(t, before);
}

/* The keep is done: the client may know. */
static void end(struct transfer *t, int64_t now, struct session_step *step)
{
	const struct keep_result *r = &t->keep.result;

	t->finished = true;
	if (t->session.state != SESSION_CLOSING)
		return;
	*step = r->received ? session_closed(&t->session, now)
			    : session_fail(&t->session, r->code, r->reason, now);
}

void transfer_look(struct transfer *t, bool behind, int64_t now, struct session_step *step)
{
	enum session_state before = t->session.state;

	*step = (struct session_step){.op = SESSION_NOTHING};
	if (t->ending && !t->finished && keep_over(&t->keep))
		end(t, now, step);
	else if (!behind && now >= session_deadline(&t->session))
		*step = session_tick(&t->session, now);
	carry_out(t, step, NOTE_TIMED_OUT, now);
	if (t->held_since && now - t->held_since >= TRANSFER_HOLD && !t->ending) {
		struct pl_error *err = flush(t);
		if (err)
			fail(t, err, now, step);
	}
	log_change(t, before);
	if (t->keep.added && !t->told)
		tell_news(t, now);
}

int64_t transfer_deadline(const struct transfer *t, int64_t now)
{
	int64_t due = session_deadline(&t->session);
	int64_t ask = PL_TIME_FOREVER;

	if (t->ending && !t->told)
		ask = now + ASK_EVERY;
	else if (t->held_since)
		ask = t->held_since + TRANSFER_HOLD;
	else if (!t->told && t->place->keep.decompress && !t->identified)
		ask = now + NEWS_EVERY;
	return ask < due ? ask : due;
}

void transfer_stop(struct transfer *t, enum note_why why, const char *reason)
{
	if (t->ending || t->session.state == SESSION_NEW)
		return;
	snprintf(t->session.reason, sizeof t->session.reason, "%s", reason);
	t->session.state = SESSION_GONE;
	abandon(t, why);
}
