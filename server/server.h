/*
 * The kernel dump server: one UDP socket, a table of sessions, files in one
 * folder. It knows nothing of Fusion or SSH and does not own the loop: the
 * caller polls server_fd() until server_deadline() and calls
 * server_dispatch().
 *
 * Protocol: xnu osfmk/kdp/kdp_core.c and kdp_udp.c; see docs/dump-protocol.md.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

struct server_network {
	uint32_t address; /* host byte order */
	uint32_t mask;
};

struct server_config {
	const char *bind;  /* IPv4 address */
	uint16_t port;     /* 0: a free one */
	const char *dir;   /* made if absent */
	uint64_t max_size; /* bytes of one file; 0: no limit */
	size_t max_sessions;
	int64_t idle_timeout;               /* ns without a packet before a transfer counts as dead */
	const struct server_network *allow; /* none: any source */
	size_t allow_count;
};

/** Fills in the defaults: port 1069, 64 GiB, 64 sessions, 120 s. */
void server_config_init(struct server_config *c);

enum server_event_kind { SERVER_STARTED, SERVER_PROGRESS, SERVER_DONE, SERVER_REFUSED };

enum server_gzip { SERVER_GZIP_NONE, SERVER_GZIP_OK, SERVER_GZIP_TRUNCATED, SERVER_GZIP_CORRUPT };
const char *server_gzip_name(enum server_gzip g);

/* Valid during the callback only. Names are as the peer sent them, checked. */
struct server_event {
	enum server_event_kind kind;
	const char *name; /* the file's name; for REFUSED escaped */
	const char *peer; /* "ip:port" */
	unsigned features;
	uint64_t bytes; /* written so far, or in all */
	uint64_t bytes_per_second;
	/* DONE */
	const char *path; /* where it is now */
	uint64_t packets;
	uint64_t resent;  /* packets that came again */
	int64_t duration; /* ns */
	bool complete;
	const char *reason; /* why not complete or refused; "" else */
	enum server_gzip gzip;
	/* REFUSED */
	uint32_t code;
};

struct server;

struct pl_error *server_create(const struct server_config *c, const struct pl_log *log,
	void (*on_event)(void *arg, const struct server_event *e), void *arg,
	struct server **ret) PL_MUST_USE;

int server_fd(const struct server *s);
const char *server_address(const struct server *s); /* "127.0.0.1" */
uint16_t server_port(const struct server *s);

/** When server_dispatch() must run even without a packet (a pl_now() value). */
int64_t server_deadline(const struct server *s);

/** Takes what has arrived and what is due. An error is the socket's own. */
struct pl_error *server_dispatch(struct server *s) PL_MUST_USE;

/** Transfers under way. */
size_t server_active(const struct server *s);

/** Marks what is under way as incomplete (with its event) and closes. NULL-safe. */
void server_destroy(struct server *s);

#endif
