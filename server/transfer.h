/*
 * One transfer: a session (what to do), its sink (the file) and its verifier,
 * with the figures for the events. It does no networking: the server gives it
 * packets and sends its answers.
 */
#ifndef SERVER_TRANSFER_H
#define SERVER_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "server/server.h"
#include "server/session.h"
#include "server/sink.h"
#include "server/verify.h"
#include "server/wire.h"

struct peer {
	uint32_t address; /* host byte order */
	uint16_t port;
};

#define PEER_TEXT 24
/** "ip:port". Returns out. */
const char *peer_text(struct peer p, char out[static PEER_TEXT]);

/* What all transfers of a server share; it outlives them. */
struct transfer_place {
	int dir_fd;
	const char *dir;
	struct session_limits limits;
	const struct pl_log *log;
	void (*on_event)(void *arg, const struct server_event *e);
	void *arg;
};

struct transfer {
	const struct transfer_place *place;
	struct peer peer;
	struct session session;
	struct sink sink;
	struct verify *verify;
	struct verify_result verdict;
	uint64_t bytes; /* written */
	int64_t started;
	int64_t progress_at; /* of the last progress event */
	uint64_t progress_bytes;
	struct session_step fed; /* a write that the verifier has not seen yet */
	bool announced;          /* STARTED was sent */
	bool finished;           /* the file has its last name */
	bool complete;
	bool told; /* DONE was sent */
};

struct pl_error *transfer_create(
	const struct transfer_place *place, struct peer peer, int64_t now, struct transfer **ret) PL_MUST_USE;

/**
 * Takes a packet; step->answer is to be sent, and SESSION_REPLACE is the one
 * op that is left to the caller. Afterwards call transfer_after(): what it
 * does may be slow, and the client is waiting for the answer.
 */
void transfer_packet(struct transfer *t, const struct wire_packet *p, int64_t now, struct session_step *step);

/** The session's deadline has come. The same rules. */
void transfer_tick(struct transfer *t, int64_t now, struct session_step *step);

/** Verifies what was written, sends the events. */
void transfer_after(struct transfer *t, int64_t now);

/** Stops it where it is: incomplete, for that reason. Nothing if it is finished. */
void transfer_stop(struct transfer *t, const char *reason, int64_t now);

/** Under way, not lingering after its end. */
bool transfer_active(const struct transfer *t);

/** Stops it, if it is not finished, without an event. NULL-safe. */
void transfer_destroy(struct transfer *t);

#endif
