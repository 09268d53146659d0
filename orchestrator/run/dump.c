#include "orchestrator/run/dump.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dump {
	struct server *server;
	pthread_t thread;
	bool running;
	pthread_mutex_t mutex; /* guards state and error */
	struct dump_state state;
	struct pl_cancel *user;
	struct pl_cancel began;   /* see dump_began() */
	struct pl_cancel stop;    /* ends the thread */
	struct pl_cancel changed; /* only its pipe is used: wakes dump_wait() */
	char address[16];
	uint16_t port;
};

static void announce(struct dump *d)
{
	d->state.version++;
	if (write(d->changed.write_fd, "", 1) < 0)
		return; /* full: the waiter wakes anyway */
}

/*
 * Which transfer is the run's: the first to begin, until one whose name says
 * that it is a core begins while the present one is none or is over and
 * incomplete. The guest is one host, and anything in it may send a file.
 */
static bool takes_over(const struct dump_state *s, const char *name)
{
	if (!s->started)
		return true;
	if (s->finished && s->complete && strncmp(s->name, "core", 4) == 0)
		return false;
	return strncmp(name, "core", 4) == 0 && (s->finished || strncmp(s->name, "core", 4) != 0);
}

static bool is_current(const struct dump_state *s, const struct server_event *e)
{
	return s->started && strcmp(s->name, e->name) == 0 && strcmp(s->peer, e->peer) == 0;
}

static void begin(struct dump_state *s, const struct server_event *e)
{
	*s = (struct dump_state){.started = true, .version = s->version, .refused = s->refused};
	snprintf(s->name, sizeof s->name, "%s", e->name);
	snprintf(s->peer, sizeof s->peer, "%s", e->peer);
}

static void end(struct dump_state *s, const struct server_event *e)
{
	s->finished = true;
	s->complete = e->complete;
	s->packets = e->packets;
	s->resent = e->resent;
	s->duration = e->duration;
	s->gzip = e->gzip;
	snprintf(s->path, sizeof s->path, "%s", e->path == NULL ? "" : e->path);
	snprintf(s->core, sizeof s->core, "%s", e->core == NULL ? "" : e->core);
	snprintf(s->reason, sizeof s->reason, "%s", e->reason == NULL ? "" : e->reason);
}

/* In the server's thread. */
static void on_event(void *arg, const struct server_event *e)
{
	struct dump *d = arg;
	pthread_mutex_lock(&d->mutex);
	struct dump_state *s = &d->state;
	if (e->kind == SERVER_STARTED && takes_over(s, e->name)) {
		begin(s, e);
		pl_cancel_set(&d->began);
	} else if (e->kind == SERVER_REFUSED) {
		s->refused++;
		snprintf(s->refusal, sizeof s->refusal, "%s", e->reason);
	} else if (is_current(s, e)) {
		s->bytes = e->bytes;
		s->bytes_per_second = e->bytes_per_second;
	}
	if (e->kind == SERVER_DONE && is_current(s, e) && !s->finished)
		end(s, e);
	announce(d);
	pthread_mutex_unlock(&d->mutex);
}

/* The socket broke: whatever was under way will not end by itself. */
static void fail(struct dump *d, struct pl_error *e)
{
	char line[256];
	pthread_mutex_lock(&d->mutex);
	d->state.finished = true;
	d->state.complete = false;
	snprintf(d->state.reason, sizeof d->state.reason, "%s", pl_error_line(e, line, sizeof line));
	announce(d);
	pthread_mutex_unlock(&d->mutex);
	pl_error_free(e);
}

static void *serve(void *arg)
{
	struct dump *d = arg;
	bool forwarded = false;
	for (;;) {
		struct pollfd fds[3] = {
			{.fd = server_fd(d->server), .events = POLLIN},
			{.fd = d->stop.read_fd, .events = POLLIN},
			{.fd = forwarded ? -1 : d->user->read_fd, .events = POLLIN},
		};
		struct pl_wait w = {.until = server_deadline(d->server)};
		if (poll(fds, 3, pl_wait_ms(&w)) < 0 && errno != EINTR) {
			fail(d, pl_error_errno(PL_ERR_LAB, errno, "the dump server cannot wait"));
			break;
		}
		if (pl_cancelled(&d->stop))
			break;
		if (!forwarded && pl_cancelled(d->user)) {
			pl_cancel_set(&d->began);
			forwarded = true;
		}
		struct pl_error *e = server_dispatch(d->server);
		if (e != NULL) {
			fail(d, e);
			break;
		}
	}
	return NULL;
}

static struct pl_error *start_thread(struct dump *d)
{
	/* Signals belong to the main thread. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&d->thread, NULL, serve, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0)
		return pl_error_errno(PL_ERR_LAB, failed, "no thread for the dump server");
	d->running = true;
	return NULL;
}

struct pl_error *dump_start(
	const struct server_config *c, const struct pl_log *log, struct pl_cancel *cancel, struct dump **ret)
{
	struct dump *d = calloc(1, sizeof *d);
	if (d == NULL)
		return pl_error_nomem();
	d->user = cancel;
	d->began.read_fd = d->began.write_fd = -1;
	d->stop = d->changed = d->began;
	pthread_mutex_init(&d->mutex, NULL);
	struct pl_error *e = pl_cancel_init(&d->began);
	if (e == NULL)
		e = pl_cancel_init(&d->stop);
	if (e == NULL)
		e = pl_cancel_init(&d->changed);
	if (e == NULL)
		e = server_create(c, log, on_event, d, &d->server);
	if (e == NULL) {
		snprintf(d->address, sizeof d->address, "%s", server_address(d->server));
		d->port = server_port(d->server);
		e = start_thread(d);
	}
	if (e != NULL) {
		dump_stop(d, NULL);
		return e;
	}
	*ret = d;
	return NULL;
}

const char *dump_address(const struct dump *d)
{
	return d->address;
}

uint16_t dump_port(const struct dump *d)
{
	return d->port;
}

void dump_look(struct dump *d, struct dump_state *ret)
{
	pthread_mutex_lock(&d->mutex);
	*ret = d->state;
	pthread_mutex_unlock(&d->mutex);
}

struct pl_error *dump_wait(struct dump *d, unsigned seen, const struct pl_wait *w)
{
	for (;;) {
		char drained[64];
		while (read(d->changed.read_fd, drained, sizeof drained) > 0)
			continue;
		pthread_mutex_lock(&d->mutex);
		bool differs = d->state.version != seen;
		pthread_mutex_unlock(&d->mutex);
		if (differs)
			return NULL;
		struct pollfd fd = {.fd = d->changed.read_fd, .events = POLLIN};
		struct pl_error *e = pl_wait_poll(w, &fd, 1);
		if (e != NULL)
			return e;
	}
}

const struct pl_cancel *dump_began(struct dump *d)
{
	return &d->began;
}

void dump_stop(struct dump *d, struct dump_state *last)
{
	if (d == NULL)
		return;
	if (d->running) {
		pl_cancel_set(&d->stop);
		pthread_join(d->thread, NULL);
	}
	server_destroy(d->server);
	if (last != NULL)
		*last = d->state;
	if (d->began.read_fd >= 0)
		pl_cancel_deinit(&d->began);
	if (d->stop.read_fd >= 0)
		pl_cancel_deinit(&d->stop);
	if (d->changed.read_fd >= 0)
		pl_cancel_deinit(&d->changed);
	pthread_mutex_destroy(&d->mutex);
	free(d);
}
