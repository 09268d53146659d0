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
	const char *bind; /* IPv4 address */
	uint16_t port;    /* 0: a free one */
	int socket;       /* a bound UDP socket that takes the place of bind and port; -1: none. Taken over */
	const char *dir;  /* made if absent */
	int64_t idle_timeout; /* ns without a packet before a transfer counts as dead */
	int64_t busy_poll;    /* ns of spinning for the next packet of a transfer; 0: none */
	bool decompress;      /* write what NAME.gz holds to NAME beside it */

	/* Who may send, and how much. A limit of 0 is none. */
	const struct server_network *allow; /* none: any source */
	size_t allow_count;
	size_t max_sessions;
	unsigned max_rate;  /* new transfers a second */
	uint64_t max_size;  /* bytes of one file */
	uint64_t max_seek;  /* bytes that a SEEK may pass the end of the file by */
	uint64_t max_total; /* bytes of all files in dir */
	uint64_t min_free;  /* bytes that stay free on its disk */

	/*
	 * What a core that is being decompressed is of: true once uuid is known. Called
	 * from the server's worker threads as the core grows, and once when it is whole.
	 */
	bool (*identify)(void *arg, int core_fd, char uuid[static 37]);
	void *identify_arg;
};

/** Fills in the defaults, docs/paniclab-serve.1 names them. */
void server_config_init(struct server_config *c);

enum server_event_kind {
	SERVER_STARTED,
	SERVER_IDENTIFIED, /* the kernel's UUID is known */
	SERVER_PROGRESS,
	SERVER_DONE,
	SERVER_REFUSED
};

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
	const char *core;        /* what is decompressed, NAME.incomplete if not complete; NULL: nothing */
	const char *core_reason; /* why there is none though it was asked for; "" */
	const char *kernel_uuid; /* of the core, also for IDENTIFIED; NULL: unknown */
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
