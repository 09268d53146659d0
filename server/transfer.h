/*
 * One transfer: a session (what to do), its sink (the file being received) and
 * its keep (what a worker does with the file), with the figures for the events.
 * It does no networking: the server gives it packets and sends its answers.
 */
#ifndef SERVER_TRANSFER_H
#define SERVER_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "server/keep.h"
#include "server/peer.h"
#include "server/server.h"
#include "server/session.h"
#include "server/sink.h"
#include "server/wire.h"

/* Data may be acknowledged and not yet written for so long. */
#define TRANSFER_HOLD (10 * PL_MS)

/* What all transfers of a server share; it outlives them. */
struct transfer_place {
	const char *dir;
	struct session_limits limits;
	struct keep_place keep;
	void (*on_event)(void *arg, const struct server_event *e);
	void *arg;
};

struct transfer {
	struct transfer_place *place;
	struct transfer *next; /* the table's: of one peer the older ones come behind */
	struct peer peer;
	struct session session;
	struct sink sink;
	struct keep keep;
	uint64_t bytes; /* of data taken */
	int64_t started;
	int64_t held_since;  /* what the sink holds back, 0: nothing */
	int64_t progress_at; /* of the last progress event */
	uint64_t progress_bytes;
	bool gaps;       /* not written in order */
	bool ending;     /* the keep has its last order */
	bool finished;   /* and has carried it out */
	bool announced;  /* STARTED was sent */
	bool identified; /* IDENTIFIED was sent */
	bool told;       /* DONE was sent */
};

struct pl_error *transfer_create(
	struct transfer_place *place, struct peer peer, int64_t now, struct transfer **ret) PL_MUST_USE;

/**
 * Takes a packet; step->answer is to be sent, and SESSION_REPLACE is the one op
 * that is left to the caller. Events wait for transfer_look().
 */
void transfer_packet(struct transfer *t, const struct wire_packet *p, int64_t now, struct session_step *step);

/**
 * What is due: a repeated answer, writing what was held back, the end of the
 * keep, events. step->answer is to be sent. `behind`: there may be packets that
 * nobody has looked at, so that silence means nothing. Call it every few milliseconds
 * while packets come, and by transfer_deadline().
 */
void transfer_look(struct transfer *t, bool behind, int64_t now, struct session_step *step);

int64_t transfer_deadline(const struct transfer *t, int64_t now);

/** Stops it where it is: incomplete, for that reason. Nothing if it is ending by itself. */
void transfer_stop(struct transfer *t, enum note_why why, const char *reason);

/** Takes packets of the file, is still making it durable, or has its end to tell. */
bool transfer_active(const struct transfer *t);

/** Its file has its last name, and that was told. */
bool transfer_over(const struct transfer *t);

/** It is over, or never began a file. NULL-safe. */
void transfer_destroy(struct transfer *t);

#endif
