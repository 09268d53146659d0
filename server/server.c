#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "base/wait.h"
#include "server/admit.h"
#include "server/leftover.h"
#include "server/refusal.h"
#include "server/table.h"
#include "server/udp.h"

/* One dispatch takes packets for so long, so that what is due gets its turn. */
#define SLICE (5 * PL_MS)
/* Longer than any burst: a server that is behind for good must still repeat what was lost. */
#define BEHIND_MAX PL_SECOND
/* Ended transfers that still answer, beside those under way. */
#define LINGERING_MAX 256
/* Unpacking is worth a core each; while one waits for the disk another can work. */
#define WORKERS_MAX 4
/* A gzip stream of 1 GiB can hold 1 TiB: whoever stops the server doesn't wait for all of it. */
#define STOP_PATIENCE (20 * PL_SECOND)

struct server {
	struct udp *udp;
	struct transfer_place place;
	struct quota quota;
	struct admit admit;
	struct table table;
	struct refusals refusals;
	char *dir;
	int64_t busy_poll;
	int64_t packet_at;    /* the last one came */
	int64_t caught_up_at; /* the socket had no more than a batch */
	int64_t due;          /* see server_deadline() */
	size_t active;        /* transfers under way */
	size_t receiving;     /* of them, those that a packet may come for */
};

void server_config_init(struct server_config *c)
{
	*c = (struct server_config){
		.bind = "0.0.0.0",
		.port = WIRE_PORT,
		.socket = -1,
		.dir = ".",
		.idle_timeout = 120 * PL_SECOND,
		.max_sessions = 64,
		.max_rate = 64,
		.max_size = UINT64_C(64) << 30,
		.max_seek = UINT64_C(16) << 30,
		.min_free = UINT64_C(256) << 20,
	};
}

const char *server_gzip_name(enum server_gzip g)
{
	static const char *const names[] = {"none", "ok", "truncated", "corrupt"};

	return names[g];
}

/* ---- making ------------------------------------------------------------------ */

static struct pl_error *open_dir(struct server *s, const char *dir)
{
	struct pl_error *err = pl_strdup(dir, &s->dir);
	int fd;

	if (!err)
		err = pl_fs_mkdirs(dir);
	if (err)
		return err;
	s->place.dir = s->dir;
	fd = s->place.keep.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pl_error_at(
			pl_error_errno(PL_ERR_LAB, errno, "cannot open the folder for dumps"), "%s", dir);
	/* Now rather than when the guest has panicked. */
	if (faccessat(fd, ".", W_OK | X_OK, 0) < 0)
		return pl_error_hint(
			pl_error_at(
				pl_error_errno(PL_ERR_LAB, errno, "cannot write to the folder"), "%s", dir),
			"choose a folder that you may write to");
	return NULL;
}

static unsigned worker_count(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores < 2 ? 2 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned)cores;
}

static struct pl_error *make_parts(struct server *s, const struct server_config *c)
{
	size_t sessions = c->max_sessions ? c->max_sessions : 1;
	struct pl_error *err = table_init(&s->table, sessions + LINGERING_MAX);

	if (!err)
		err = admit_init(&s->admit, c, pl_now());
	if (!err)
		err = open_dir(s, c->dir);
	if (!err)
		err = pl_error_at(
			quota_init(&s->quota, s->place.keep.dir_fd, c->max_total, c->min_free, pl_now()),
			"%s", c->dir);
	if (!err)
		err = workers_create(worker_count(), &s->place.keep.workers);
	if (!err)
		pl_log_error(s->place.keep.log, leftover_settle(s->place.keep.dir_fd, s->place.keep.log));
	return err;
}

static void set_place(struct server *s, const struct server_config *c, const struct pl_log *log)
{
	s->place = (struct transfer_place){
		.limits = {.max_size = c->max_size, .max_seek = c->max_seek, .idle_timeout = c->idle_timeout},
		.keep = {.dir_fd = -1,
			.decompress = c->decompress,
			.identify = {c->identify, c->identify_arg},
			.quota = &s->quota,
			.log = log},
	};
	s->busy_poll = c->busy_poll;
	s->due = PL_TIME_FOREVER;
}

struct pl_error *server_create(const struct server_config *c, const struct pl_log *log,
	void (*on_event)(void *arg, const struct server_event *e), void *arg, struct server **ret)
{
	struct server *s = calloc(1, sizeof *s);
	struct pl_error *err;

	if (!s) {
		if (c->socket >= 0)
			close(c->socket);
		return pl_error_nomem();
	}
	set_place(s, c, log);
	s->place.on_event = on_event;
	s->place.arg = arg;
	/* First, because it takes over the socket even if it fails. */
	err = udp_create(c->bind, c->port, c->socket, c->max_sessions, &s->udp);
	if (!err)
		err = make_parts(s, c);
	if (err) {
		server_destroy(s);
		return err;
	}
	*ret = s;
	return NULL;
}

/* ---- what the caller asks ------------------------------------------------------ */

int server_fd(const struct server *s)
{
	return udp_fd(s->udp);
}

const char *server_address(const struct server *s)
{
	return udp_address(s->udp);
}

uint16_t server_port(const struct server *s)
{
	return udp_port(s->udp);
}

size_t server_active(const struct server *s)
{
	return s->active;
}

static bool is_busy(const struct server *s, int64_t now)
{
	return s->busy_poll > 0 && s->receiving > 0 && now - s->packet_at < s->busy_poll;
}

int64_t server_deadline(const struct server *s)
{
	int64_t now = pl_now();

	return is_busy(s, now) ? now : s->due;
}

/* ---- answering ----------------------------------------------------------------- */

static void answer(struct server *s, struct peer to, const struct session_step *step)
{
	if (step->answer_size > 0)
		udp_answer(s->udp, to, step->answer, step->answer_size);
}

static void send_answers(struct server *s)
{
	int lost = udp_flush(s->udp);

	if (lost)
		pl_log(s->place.keep.log, PL_LOG_DEBUG, "an answer was not sent: %s", strerror(lost));
}

static void answer_refusal(struct server *s, const struct refusal *f)
{
	struct session_step step = {.op = SESSION_NOTHING};

	step.answer_size = wire_put_error(step.answer, f->code, f->reason);
	answer(s, f->peer, &step);
}

static void tell_refusal(struct server *s, const struct refusal *f, int64_t now)
{
	uint64_t untold;
	char text[PEER_TEXT];

	if (!admit_may_tell(&s->admit, now, &untold))
		return;
	if (untold > 0)
		pl_log(s->place.keep.log, PL_LOG_WARN, "%llu more were refused and not told of",
			(unsigned long long)untold);
	peer_text(f->peer, text);
	pl_log(s->place.keep.log, PL_LOG_DEBUG, "refused '%s' from %s: %s", f->name, text, f->reason);
	if (s->place.on_event)
		s->place.on_event(s->place.arg, &(struct server_event){
							.kind = SERVER_REFUSED,
							.name = f->name,
							.peer = text,
							.path = "",
							.reason = f->reason,
							.core_reason = "",
							.code = f->code,
						});
}

static void refuse(struct server *s, struct peer peer, const struct wire_packet *wrq,
	const struct admit_refusal *r, int64_t now)
{
	struct refusal f = refusal_make(peer, wrq->name, r->code, r->reason);

	if (!r->passing) {
		refusals_add(&s->refusals, &f, now);
		answer_refusal(s, &f);
	}
	tell_refusal(s, &f, now);
}

/* ---- a WRQ that starts a transfer -------------------------------------------------- */

/* Room for one more: an ended transfer that was silent the longest gives way. */
static bool make_room(struct server *s)
{
	size_t oldest = s->table.count;
	int64_t since = INT64_MAX;

	if (s->table.count < s->table.capacity)
		return true;
	for (size_t i = 0; i < s->table.count; i++) {
		const struct transfer *t = s->table.items[i];
		if (transfer_over(t) && t->session.heard_at < since) {
			oldest = i;
			since = t->session.heard_at;
		}
	}
	if (oldest == s->table.count)
		return false;
	table_remove(&s->table, oldest);
	return true;
}

/* Not for long: a client that asks again in some seconds may be taken. */
static const struct admit_refusal no_room = {WIRE_E_OTHER, "too many dumps that are not on disk yet", true};
static const struct admit_refusal no_memory = {WIRE_E_OTHER, "out of memory", true};

static void start(struct server *s, struct peer peer, const struct wire_packet *wrq, int64_t now)
{
	bool room = make_room(s);
	struct transfer *t;
	struct session_step step;
	struct pl_error *err = room ? transfer_create(&s->place, peer, now, &t) : NULL;

	if (!room || err) {
		pl_error_free(err);
		refuse(s, peer, wrq, room ? &no_memory : &no_room, now);
		return;
	}
	transfer_packet(t, wrq, now, &step);
	if (t->session.state != SESSION_RECEIVING) {
		refuse(s, peer, wrq,
			&(struct admit_refusal){t->session.code, t->session.reason, t->sink.passing}, now);
		transfer_destroy(t);
		return;
	}
	answer(s, peer, &step);
	table_add(&s->table, t);
	s->active++;
	s->receiving++;
}

/* The client of `old` begins anew: its transfer must give way first. */
static void give_way(struct transfer *old, const struct wire_packet *wrq)
{
	bool same = strcmp(old->session.name, wrq->name) == 0;

	transfer_stop(old, same ? NOTE_BEGAN_AGAIN : NOTE_BEGAN_ANOTHER,
		same ? "the client began again" : "the client began another file");
	old->session.state = SESSION_GONE;
}

static void take_wrq(
	struct server *s, struct peer peer, const struct wire_packet *wrq, struct transfer *old, int64_t now)
{
	const struct refusal *f = refusals_find(&s->refusals, peer, wrq->name, now);
	const struct admit_refusal *r;
	/* One that is over but not on disk yet keeps nobody out. */
	size_t others = s->receiving - (old && old->session.state == SESSION_RECEIVING);

	if (f) {
		answer_refusal(s, f);
		return;
	}
	r = admit_check(&s->admit, peer.address, wrq->name, wrq->mode, others, now);
	if (r) {
		refuse(s, peer, wrq, r, now);
		return;
	}
	if (old)
		give_way(old, wrq);
	start(s, peer, wrq, now);
}

/* ---- the loop's body ----------------------------------------------------------------- */

/*
 * DATA, SEEK or EOF from a peer without a transfer: this server was restarted in
 * the middle of it. An ERROR lets the guest go on at once; without an answer it
 * asks for some minutes.
 */
static void take_stray(struct server *s, struct peer peer, const struct wire_packet *p, int64_t now)
{
	static const struct admit_refusal unknown = {
		WIRE_E_OTHER, "no such dump here: was the server restarted?", false};
	const struct wire_packet nameless = {.name = ""};
	const struct refusal *f;

	if ((p->op != WIRE_DATA && p->op != WIRE_SEEK && p->op != WIRE_EOF) ||
		!admit_allows(&s->admit, peer.address))
		return;
	f = refusals_find(&s->refusals, peer, "", now);
	if (f)
		answer_refusal(s, f);
	else
		refuse(s, peer, &nameless, &unknown, now);
}

static void take_packet(struct server *s, const struct udp_packet *u, int64_t now)
{
	struct wire_packet p;
	struct session_step step;
	struct transfer *t = table_find(&s->table, u->from);

	if (!wire_decode(u->bytes, u->size, &p))
		return;
	/* A session takes safe names only; from a known peer others are refused as from any. */
	if (!t || (p.op == WIRE_WRQ && !name_is_safe(p.name))) {
		if (p.op == WIRE_WRQ)
			take_wrq(s, u->from, &p, t, now);
		else
			take_stray(s, u->from, &p, now);
		return;
	}
	transfer_packet(t, &p, now, &step);
	answer(s, u->from, &step);
	if (step.op == SESSION_REPLACE)
		take_wrq(s, u->from, &p, t, now);
}

/* *now becomes the time at which it had looked. */
static struct pl_error *receive(struct server *s, size_t *count, int64_t *now)
{
	enum udp_waiting waiting = s->receiving > 0 && !is_busy(s, *now) ? UDP_BLOCK : UDP_NOW;
	struct pl_error *err = udp_receive(s->udp, waiting, s->receiving, count);

	*now = pl_now();
	if (err || *count == 0)
		return err;
	s->packet_at = *now;
	for (size_t i = 0; i < *count; i++) {
		struct udp_packet p = udp_packet(s->udp, i);
		take_packet(s, &p, *now);
	}
	send_answers(s);
	return NULL;
}

/* Looks after each transfer, forgets those that are gone, finds when it must be called again. */
static void look_after(struct server *s, bool behind, int64_t now)
{
	struct session_step step;

	s->active = 0;
	s->receiving = 0;
	s->due = PL_TIME_FOREVER;
	for (size_t i = 0; i < s->table.count;) {
		struct transfer *t = s->table.items[i];
		transfer_look(t, behind, now, &step);
		answer(s, t->peer, &step);
		if (t->session.state == SESSION_GONE && transfer_over(t)) {
			table_remove(&s->table, i);
			continue;
		}
		int64_t due = transfer_deadline(t, now);
		s->due = due < s->due ? due : s->due;
		s->active += transfer_active(t);
		s->receiving += t->session.state == SESSION_RECEIVING;
		i++;
	}
	send_answers(s);
}

struct pl_error *server_dispatch(struct server *s)
{
	struct pl_error *err;
	int64_t now = pl_now();
	int64_t until = now + SLICE;
	size_t count;

	do
		err = receive(s, &count, &now);
	while (!err && now < until && (count > 0 || is_busy(s, now)));
	if (count < UDP_BATCH)
		s->caught_up_at = now;
	look_after(s, now - s->caught_up_at > 0 && now - s->caught_up_at < BEHIND_MAX, now);
	return err;
}

/* What is under way gets its last name; workers need their time for that. */
static void finish_all(struct server *s)
{
	atomic_store(&s->place.keep.decode_until, pl_now() + STOP_PATIENCE);
	for (size_t i = 0; i < s->table.count; i++)
		transfer_stop(s->table.items[i], NOTE_SHUT_DOWN, "the server stopped");
	look_after(s, false, pl_now());
	while (s->active > 0) {
		struct pl_wait w = {.until = PL_TIME_FOREVER};
		pl_error_free(pl_wait_sleep(&w, PL_MS));
		look_after(s, false, pl_now());
	}
}

void server_destroy(struct server *s)
{
	if (!s)
		return;
	if (s->table.count > 0)
		finish_all(s);
	workers_destroy(s->place.keep.workers);
	table_deinit(&s->table);
	admit_deinit(&s->admit);
	udp_destroy(s->udp);
	if (s->place.keep.dir_fd >= 0)
		close(s->place.keep.dir_fd);
	free(s->dir);
	free(s);
}
