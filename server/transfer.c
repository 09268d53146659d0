#include "server/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/wait.h"

#define PROGRESS_EVERY (500 * PL_MS)

const char *peer_text(struct peer p, char out[static PEER_TEXT])
{
	snprintf(out, PEER_TEXT, "%u.%u.%u.%u:%u", p.address >> 24 & 0xff, p.address >> 16 & 0xff,
		p.address >> 8 & 0xff, p.address & 0xff, (unsigned)p.port);
	return out;
}

struct pl_error *transfer_create(
	const struct transfer_place *place, struct peer peer, int64_t now, struct transfer **ret)
{
	struct transfer *t = calloc(1, sizeof *t);
	struct pl_error *err = t ? verify_create(&t->verify) : pl_error_nomem();

	if (err) {
		free(t);
		return err;
	}
	t->place = place;
	t->peer = peer;
	t->started = now;
	t->progress_at = now;
	sink_init(&t->sink);
	session_init(&t->session, &place->limits, now);
	*ret = t;
	return NULL;
}

void transfer_destroy(struct transfer *t)
{
	if (!t)
		return;
	pl_error_free(sink_abandon(&t->sink));
	verify_destroy(t->verify);
	free(t);
}

bool transfer_active(const struct transfer *t)
{
	return t->session.state == SESSION_RECEIVING && !t->finished;
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

static void tell_done(struct transfer *t, int64_t now)
{
	char *path = NULL;
	struct pl_error *err = pl_fs_join(t->place->dir, t->sink.now, &path);

	pl_error_free(err);
	t->told = true;
	tell(t, &(struct server_event){
			.kind = SERVER_DONE,
			.path = path ? path : t->sink.now,
			.packets = t->session.packets,
			.resent = t->session.resent,
			.duration = now - t->started,
			.bytes_per_second = rate(t->bytes, now - t->started),
			.complete = t->complete,
			.reason = t->session.reason,
			.gzip = t->verdict.gzip,
		});
	free(path);
}

static void log_change(const struct transfer *t, enum session_state before)
{
	char peer[PEER_TEXT];

	if (t->session.state == before)
		return;
	pl_log(t->place->log, PL_LOG_DEBUG, "%s from %s: %s -> %s%s%s", t->session.name,
		peer_text(t->peer, peer), session_state_name(before), session_state_name(t->session.state),
		t->session.reason[0] ? ": " : "", t->session.reason);
}

/* ---- the file ------------------------------------------------------------------ */

static void catch_up(struct transfer *t)
{
	if (t->fed.op == SESSION_WRITE)
		verify_feed(t->verify, t->fed.offset, t->fed.data, t->fed.size);
	t->fed.op = SESSION_NOTHING;
}

static void set_reason(struct transfer *t, const char *reason)
{
	snprintf(t->session.reason, sizeof t->session.reason, "%s", reason);
}

static void abandon(struct transfer *t)
{
	char line[256];
	struct pl_error *err = sink_abandon(&t->sink);

	t->finished = true;
	t->verdict = verify_finish(t->verify, "", -1, 0);
	if (err)
		pl_log(t->place->log, PL_LOG_WARN, "%s", pl_error_line(err, line, sizeof line));
	pl_error_free(err);
}

/* All has come; only the content says whether that was all there is. */
static struct pl_error *close_file(struct transfer *t, enum wire_code *code)
{
	t->verdict = verify_finish(t->verify, t->session.name, t->sink.fd, t->sink.size);
	t->complete = t->verdict.whole;
	struct pl_error *err = t->complete ? sink_commit(&t->sink, code) : sink_abandon(&t->sink);
	if (err) {
		t->complete = false;
		return err;
	}
	t->finished = true;
	set_reason(t, t->verdict.reason);
	return NULL;
}

/* "File exists" and the like, short enough for the wire. */
static void fail(
	struct transfer *t, struct pl_error *err, enum wire_code code, int64_t now, struct session_step *step)
{
	char reason[SESSION_REASON_MAX];
	const char *why = pl_error_reason(err);

	snprintf(reason, sizeof reason, "%s%s%s", pl_error_what(err), why ? ": " : "", why ? why : "");
	pl_error_free(err);
	*step = session_fail(&t->session, code, reason, now);
}

static void carry_out(struct transfer *t, struct session_step *step, int64_t now)
{
	struct pl_error *err = NULL;
	enum wire_code code = WIRE_E_OTHER;

	switch (step->op) {
	case SESSION_OPEN:
		err = sink_open(&t->sink, t->place->dir_fd, t->session.name, &code);
		break;
	case SESSION_WRITE:
		err = sink_write(&t->sink, step->offset, step->data, step->size, &code);
		if (!err) {
			t->fed = *step;
			t->bytes += step->size;
		}
		break;
	case SESSION_CLOSE:
		err = close_file(t, &code);
		if (!err)
			*step = session_closed(&t->session, now);
		break;
	case SESSION_ABANDON:
	case SESSION_NOTHING:
	case SESSION_REPLACE:
		break;
	}
	if (err)
		fail(t, err, code, now, step);
	if (step->op == SESSION_ABANDON && !t->finished)
		abandon(t);
}

void transfer_packet(struct transfer *t, const struct wire_packet *p, int64_t now, struct session_step *step)
{
	enum session_state before = t->session.state;

	*step = session_packet(&t->session, p, now);
	carry_out(t, step, now);
	log_change(t, before);
}

void transfer_tick(struct transfer *t, int64_t now, struct session_step *step)
{
	enum session_state before = t->session.state;

	*step = session_tick(&t->session, now);
	carry_out(t, step, now);
	log_change(t, before);
}

void transfer_after(struct transfer *t, int64_t now)
{
	catch_up(t);
	if (!t->announced && t->session.state != SESSION_NEW) {
		t->announced = true;
		tell(t, &(struct server_event){.kind = SERVER_STARTED});
	}
	if (t->finished && !t->told)
		tell_done(t, now);
	else if (!t->finished)
		tell_progress(t, now);
}

void transfer_stop(struct transfer *t, const char *reason, int64_t now)
{
	if (t->finished || t->session.state == SESSION_NEW)
		return;
	catch_up(t);
	set_reason(t, reason);
	t->session.state = SESSION_GONE;
	abandon(t);
	transfer_after(t, now);
}
