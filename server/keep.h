/*
 * What happens to a file beside receiving it, in a worker's thread: its content
 * is followed and unpacked, it is pushed to the disk as it grows, and in the
 * end it is judged, flushed and given its last name.
 *
 * Until keep_end() the sink belongs to the receiving thread, which only says
 * how far the file has got; from then on it is the worker's until keep_over().
 */
#ifndef SERVER_KEEP_H
#define SERVER_KEEP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "server/note.h"
#include "server/quota.h"
#include "server/sink.h"
#include "server/unpack.h"
#include "server/verify.h"
#include "server/workers.h"

/* What all files of a server share; it outlives them. */
struct keep_place {
	int dir_fd;
	bool decompress;
	struct unpack_identify identify;
	struct quota *quota;
	struct workers *workers;
	const struct pl_log *log;
	_Atomic int64_t decode_until; /* pl_now(): what is not decoded by then stays so; 0: no hurry */
};

enum keep_order {
	KEEP_FOLLOW,
	KEEP_COMMIT,  /* all has come: NAME if it is whole, else as below */
	KEEP_ABANDON, /* no more will come, and it has been set aside */
};

#define KEEP_REASON_MAX 128

struct keep_result {
	bool whole;          /* it is NAME, on disk */
	bool received;       /* all has come and the disk took it, whatever it is worth */
	enum wire_code code; /* if a COMMIT failed for another reason than its content */
	char reason[KEEP_REASON_MAX];
	enum server_gzip gzip;
};

struct keep {
	struct work work;
	struct keep_place *place;
	struct sink *sink;
	struct verify verify;
	struct unpack core;
	uint64_t pushed; /* to the disk, up to here */
	bool restarted;
	bool unchecked; /* there was no time to decode all of it */
	/* From the receiving thread. */
	_Atomic uint64_t end;     /* of what is written */
	_Atomic uint64_t arrived; /* written, from the start without a gap */
	_Atomic bool gaps;
	_Atomic int order;
	bool added;
	/* Set before keep_end(), read by the worker. */
	struct note note;
	char peer[32];
	char started[32];
	char name[NAME_LENGTH_MAX + 1];
	char reason[KEEP_REASON_MAX];
	/* Valid once it is over. */
	struct keep_result result;
};

/** Begins to follow the open sink. After an error nothing needs to be undone. */
struct pl_error *keep_begin(struct keep *k, struct keep_place *place, struct sink *sink) PL_MUST_USE;

/** The sink was flushed: `bytes` from its start, all of them unless it has gaps. */
void keep_arrived(struct keep *k, uint64_t bytes, bool gaps);

/** The last order. For ABANDON the note and its reason are set. */
void keep_end(struct keep *k, enum keep_order order);

/** Whether it is done; the result is then valid. */
bool keep_over(struct keep *k);

/** The kernel's UUID once it is known, else NULL. */
const char *keep_uuid(struct keep *k);

/** It must be over, or never have begun. */
void keep_deinit(struct keep *k);

#endif
