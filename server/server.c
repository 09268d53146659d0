#include "server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "base/wait.h"
#include "server/refusal.h"
#include "server/transfer.h"

/* Packets taken in one dispatch, so that the caller's other work gets its turn. */
#define BATCH 256
/* Ended transfers that still answer, beside those under way. */
#define LINGERING_MAX 256
/* A stop-and-wait client has one packet under way, but there are several clients. */
#define RECEIVE_BUFFER (1 << 20)

struct server {
	int fd;
	struct transfer_place place;
	char *dir;
	char address[INET_ADDRSTRLEN];
	uint16_t port;
	size_t max_sessions;
	struct server_network *allow;
	size_t allow_count;
	struct transfer **table;
	size_t count;
	size_t capacity; /* of table, fixed */
	struct refusals refusals;
};

void server_config_init(struct server_config *c)
{
	*c = (struct server_config){
		.bind = "0.0.0.0",
		.socket = -1,
		.port = WIRE_PORT,
		.dir = ".",
		.max_size = UINT64_C(64) << 30,
		.max_sessions = 64,
		.idle_timeout = 120 * PL_SECOND,
	};
}

const char *server_gzip_name(enum server_gzip g)
{
	static const char *const names[] = {"none", "ok", "truncated", "corrupt"};

	return names[g];
}

/* ---- making and closing ------------------------------------------------------ */

static struct pl_error *open_dir(struct server *s, const char *dir)
{
	struct pl_error *err = pl_strdup(dir, &s->dir);

	if (!err)
		err = pl_fs_mkdirs(dir);
	if (err)
		return err;
	s->place.dir = s->dir;
	s->place.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->place.dir_fd < 0)
		return pl_error_at(
			pl_error_errno(PL_ERR_LAB, errno, "cannot open the folder for dumps"), "%s", dir);
	/* Now rather than when the guest has panicked. */
	if (faccessat(s->place.dir_fd, ".", W_OK | X_OK, 0) < 0)
		return pl_error_hint(
			pl_error_at(
				pl_error_errno(PL_ERR_LAB, errno, "cannot write to the folder"), "%s", dir),
			"choose a folder that you may write to");
	return NULL;
}

static struct pl_error *bind_error(int errnum, const struct server_config *c)
{
	struct pl_error *err = pl_error_errno(PL_ERR_LAB, errnum, "cannot listen");

	err = pl_error_at(err, "%s:%u", c->bind, (unsigned)c->port);
	if (errnum == EADDRINUSE)
		return pl_error_hint(
			err, "another dump server has the port; stop it, or choose another port");
	if (errnum == EADDRNOTAVAIL)
		return pl_error_hint(err, "bind to an address of this host");
	if (errnum == EACCES)
		return pl_error_hint(err, "choose a port above 1023");
	return err;
}

static struct pl_error *open_socket(struct server *s, const struct server_config *c)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(c->port)};
	socklen_t length = sizeof sin;
	int size = RECEIVE_BUFFER;

	if (inet_pton(AF_INET, c->bind, &sin.sin_addr) != 1)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "'%s' is not an IPv4 address", c->bind),
			"give one like 192.168.56.1");
	s->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (s->fd < 0)
		return bind_error(errno, c);
	if (fcntl(s->fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0)
		return bind_error(errno, c);
	/* A wish: the default will do for a few guests. */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (bind(s->fd, (struct sockaddr *)&sin, sizeof sin) < 0 ||
		getsockname(s->fd, (struct sockaddr *)&sin, &length) < 0)
		return bind_error(errno, c);
	s->port = ntohs(sin.sin_port);
	inet_ntop(AF_INET, &sin.sin_addr, s->address, sizeof s->address);
	return NULL;
}

static struct pl_error *make_tables(struct server *s, const struct server_config *c)
{
	s->max_sessions = c->max_sessions ? c->max_sessions : 1;
	s->capacity = s->max_sessions + LINGERING_MAX;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): a table of pointers is meant */
	s->table = calloc(s->capacity, sizeof *s->table);
	s->allow_count = c->allow_count;
	s->allow = calloc(c->allow_count + 1, sizeof *s->allow);
	if (!s->table || !s->allow)
		return pl_error_nomem();
	if (c->allow_count > 0)
		memcpy(s->allow, c->allow, c->allow_count * sizeof *s->allow);
	return NULL;
}

struct pl_error *server_create(const struct server_config *c, const struct pl_log *log,
	void (*on_event)(void *arg, const struct server_event *e), void *arg, struct server **ret)
{
	struct server *s = calloc(1, sizeof *s);

	if (!s)
		return pl_error_nomem();
	s->fd = -1;
	s->place = (struct transfer_place){
		.dir_fd = -1,
		.limits = {.max_size = c->max_size, .max_seek = c->max_seek, .idle_timeout = c->idle_timeout},
		.log = log,
		.on_event = on_event,
		.arg = arg,
	};
	struct pl_error *err = make_tables(s, c);
	if (!err)
		err = open_dir(s, c->dir);
	if (!err)
		err = open_socket(s, c);
	if (err) {
		server_destroy(s);
		return err;
	}
	*ret = s;
	return NULL;
}

void server_destroy(struct server *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		transfer_stop(s->table[i], "the server stopped", pl_now());
		transfer_destroy(s->table[i]);
	}
	if (s->fd >= 0)
		close(s->fd);
	if (s->place.dir_fd >= 0)
		close(s->place.dir_fd);
	free(s->table);
	free(s->allow);
	free(s->dir);
	free(s);
}

/* ---- what the caller asks ------------------------------------------------------ */

int server_fd(const struct server *s)
{
	return s->fd;
}

const char *server_address(const struct server *s)
{
	return s->address;
}

uint16_t server_port(const struct server *s)
{
	return s->port;
}

size_t server_active(const struct server *s)
{
	size_t active = 0;

	for (size_t i = 0; i < s->count; i++)
		active += transfer_active(s->table[i]);
	return active;
}

int64_t server_deadline(const struct server *s)
{
	int64_t first = PL_TIME_FOREVER;

	for (size_t i = 0; i < s->count; i++) {
		int64_t due = session_deadline(&s->table[i]->session);
		if (due < first)
			first = due;
	}
	return first;
}

/* ---- answering ----------------------------------------------------------------- */

static void answer(struct server *s, struct peer to, const struct session_step *step)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = htons(to.port), .sin_addr.s_addr = htonl(to.address)};
	char text[PEER_TEXT];

	if (step->answer_size == 0)
		return;
	/* An answer that can't be sent is a lost one: the protocol recovers from that. */
	if (sendto(s->fd, step->answer, step->answer_size, 0, (struct sockaddr *)&sin, sizeof sin) < 0)
		pl_log(s->place.log, PL_LOG_DEBUG, "answer to %s not sent: %s", peer_text(to, text),
			strerror(errno));
}

static void answer_refusal(struct server *s, const struct refusal *f)
{
	struct session_step step = {.op = SESSION_NOTHING};

	step.answer_size = wire_put_error(step.answer, f->code, f->reason);
	answer(s, f->peer, &step);
}

static void refuse(
	struct server *s, struct peer peer, const struct wire_packet *wrq, uint32_t code, const char *reason)
{
	const struct refusal *f = refusals_add(&s->refusals, peer, wrq->name, code, reason, pl_now());
	char text[PEER_TEXT];

	answer_refusal(s, f);
	peer_text(peer, text);
	pl_log(s->place.log, PL_LOG_DEBUG, "refused '%s' from %s: %s", f->name, text, f->reason);
	if (s->place.on_event)
		s->place.on_event(s->place.arg, &(struct server_event){
							.kind = SERVER_REFUSED,
							.name = f->name,
							.peer = text,
							.path = "",
							.reason = f->reason,
							.code = code,
						});
}

/* ---- the table ------------------------------------------------------------------- */

static struct transfer *find(const struct server *s, struct peer peer)
{
	for (size_t i = 0; i < s->count; i++) {
		struct transfer *t = s->table[i];
		if (t->peer.port == peer.port && t->peer.address == peer.address &&
			t->session.state != SESSION_GONE)
			return t;
	}
	return NULL;
}

static void reap(struct server *s)
{
	for (size_t i = 0; i < s->count;) {
		if (s->table[i]->session.state != SESSION_GONE) {
			i++;
			continue;
		}
		transfer_destroy(s->table[i]);
		s->table[i] = s->table[--s->count];
	}
}

/* Room for one more: an ended transfer that was silent the longest gives way. */
static void make_room(struct server *s)
{
	struct transfer *oldest = NULL;
	int64_t since = INT64_MAX;

	if (s->count < s->capacity)
		return;
	for (size_t i = 0; i < s->count; i++) {
		struct transfer *t = s->table[i];
		int64_t heard_at = t->session.heard_at;
		if (!transfer_active(t) && heard_at < since) {
			oldest = t;
			since = heard_at;
		}
	}
	if (oldest)
		oldest->session.state = SESSION_GONE;
	reap(s);
}

static bool allowed(const struct server *s, struct peer peer)
{
	for (size_t i = 0; i < s->allow_count; i++)
		if (((peer.address ^ s->allow[i].address) & s->allow[i].mask) == 0)
			return true;
	return s->allow_count == 0;
}

/* ---- a WRQ that starts a transfer -------------------------------------------------- */

static void start(
	struct server *s, struct peer peer, const struct wire_packet *wrq, struct transfer *old, int64_t now)
{
	struct transfer *t;
	struct session_step step;
	struct pl_error *err;

	/* The same name again is the same guest once more: its file must give way first. */
	if (old && strcmp(old->session.name, wrq->name) == 0)
		transfer_stop(old, "the client began again", now);
	err = transfer_create(&s->place, peer, now, &t);
	if (err) {
		pl_error_free(err);
		refuse(s, peer, wrq, WIRE_E_OTHER, "out of memory");
		return;
	}
	transfer_packet(t, wrq, now, &step);
	if (t->session.state != SESSION_RECEIVING) {
		refuse(s, peer, wrq, t->session.code, t->session.reason);
		transfer_destroy(t);
		return;
	}
	answer(s, peer, &step);
	if (old) {
		transfer_stop(old, "the client began another file", now);
		old->session.state = SESSION_GONE;
		reap(s);
	}
	make_room(s);
	s->table[s->count++] = t;
	transfer_after(t, now);
}

static void take_wrq(
	struct server *s, struct peer peer, const struct wire_packet *wrq, struct transfer *old, int64_t now)
{
	const struct refusal *f = refusals_find(&s->refusals, peer, wrq->name, now);

	if (f)
		answer_refusal(s, f);
	else if (!allowed(s, peer))
		refuse(s, peer, wrq, WIRE_E_ACCESS, "this address is not allowed");
	else if (!name_is_safe(wrq->name))
		refuse(s, peer, wrq, WIRE_E_ACCESS, "not a safe file name");
	else if (strcasecmp(wrq->mode, "octet") != 0)
		refuse(s, peer, wrq, WIRE_E_ILLEGAL, "the transfer mode is not octet");
	else if (server_active(s) - (old && transfer_active(old)) >= s->max_sessions)
		refuse(s, peer, wrq, WIRE_E_OTHER, "too many transfers under way");
	else
		start(s, peer, wrq, old, now);
}

/* ---- the loop's body ----------------------------------------------------------------- */

static void take_packet(struct server *s, struct peer peer, const uint8_t *bytes, size_t size)
{
	struct wire_packet p;
	struct session_step step;
	int64_t now = pl_now();
	struct transfer *t = find(s, peer);

	if (!wire_decode(bytes, size, &p))
		return;
	if (!t) {
		if (p.op == WIRE_WRQ)
			take_wrq(s, peer, &p, NULL, now);
		return;
	}
	/* A session takes safe names only; from a known peer others are refused as from any. */
	if (p.op == WIRE_WRQ && !name_is_safe(p.name)) {
		take_wrq(s, peer, &p, t, now);
		return;
	}
	transfer_packet(t, &p, now, &step);
	answer(s, peer, &step);
	if (step.op == SESSION_REPLACE)
		take_wrq(s, peer, &p, t, now);
	else
		transfer_after(t, now);
}

/* One packet; false when there is none. */
static struct pl_error *receive(struct server *s, bool *more)
{
	uint8_t bytes[WIRE_PACKET_MAX];
	struct sockaddr_in from = {0};
	socklen_t length = sizeof from;
	ssize_t n = recvfrom(s->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length);

	*more = n >= 0;
	if (n >= 0) {
		struct peer peer = {.address = ntohl(from.sin_addr.s_addr), .port = ntohs(from.sin_port)};
		take_packet(s, peer, bytes, (size_t)n);
		return NULL;
	}
	switch (errno) {
	case EINTR:
	case ECONNREFUSED: /* an ICMP message about an earlier answer */
	case EHOSTUNREACH:
	case ENETUNREACH:
		*more = true;
		return NULL;
	case EAGAIN:
#if EWOULDBLOCK != EAGAIN
	case EWOULDBLOCK:
#endif
		return NULL;
	default:
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot receive"), "%s:%u", s->address,
			(unsigned)s->port);
	}
}

static void tick(struct server *s, struct transfer *t, int64_t now)
{
	struct session_step step;

	if (now < session_deadline(&t->session))
		return;
	transfer_tick(t, now, &step);
	answer(s, t->peer, &step);
	transfer_after(t, now);
}

struct pl_error *server_dispatch(struct server *s)
{
	struct pl_error *err = NULL;
	bool more = true;

	for (int i = 0; i < BATCH && more && !err; i++)
		err = receive(s, &more);
	int64_t now = pl_now();
	for (size_t i = 0; i < s->count; i++)
		tick(s, s->table[i], now);
	reap(s);
	return err;
}
