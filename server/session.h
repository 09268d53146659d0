/*
 * One transfer's side of the protocol, pure: (state, packet, now) gives the
 * new state, what to do, and what to answer once that is done. No sockets, no
 * files, no clock, so that it can be tested and fuzzed by the million.
 *
 * The caller carries out step.op FIRST. If that worked it sends step.answer;
 * if not it calls session_fail() and sends the answer of that instead. So
 * nothing is ever acknowledged that was not written.
 *
 * What the client does with an ACK decides what may be sent (xnu
 * osfmk/kdp/kdp_core.c): its own block's: go on; block - 1: ignored once, the
 * second makes it send again at once; ANY OTHER is taken for success, and the
 * block is lost. Hence:
 *
 *  - only the newest block is ever acknowledged;
 *  - at most two copies of that ACK are under way beside the first: repeats
 *    after silence and answers to duplicates count together;
 *  - a second copy that finds the client waiting for the next block makes that
 *    one come twice; this duplicate is foreseen and not answered, else each
 *    block after it would be sent and acknowledged twice, and a spare ACK of
 *    the EOF would pass for the answer to the next file's WRQ (and lose the
 *    features with it);
 *  - the timer that repeats follows the client's own pace, backs off, and
 *    never touches a closed transfer.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/name.h"
#include "server/wire.h"

enum session_state {
	SESSION_NEW,       /* waits for its WRQ */
	SESSION_RECEIVING, /* takes blocks in order */
	SESSION_CLOSED,    /* EOF acknowledged; acknowledges it again while the client asks */
	SESSION_FAILED,    /* answers everything with the same ERROR */
	SESSION_GONE,      /* to be forgotten */
};

const char *session_state_name(enum session_state state);

enum session_op {
	SESSION_NOTHING,
	SESSION_OPEN,    /* make the file `name` */
	SESSION_WRITE,   /* size bytes of data at offset */
	SESSION_CLOSE,   /* the file is whole: make it durable, give it its name */
	SESSION_ABANDON, /* no more will come: keep what there is, `reason` says why */
	SESSION_REPLACE, /* this WRQ starts another transfer: give it to a new session */
};

struct session_step {
	enum session_op op;
	uint64_t offset;
	const uint8_t *data; /* in the packet */
	size_t size;
	size_t answer_size; /* 0: none */
	uint8_t answer[WIRE_ERROR_MAX];
};

#define SESSION_REASON_MAX 128

struct session_limits {
	uint64_t max_size;    /* of the file; 0: none */
	int64_t idle_timeout; /* ns */
};

struct session {
	enum session_state state;
	struct session_limits limits;
	char name[NAME_LENGTH_MAX + 1];
	char reason[SESSION_REASON_MAX]; /* why it ended early; "" */
	unsigned features;               /* agreed */
	size_t segment;                  /* data bytes a packet */
	size_t junk;                     /* bytes after the data in each packet */

	uint32_t newest;  /* block that is written and acknowledged */
	uint64_t offset;  /* of the next DATA */
	uint64_t packets; /* taken, the WRQ included */
	uint64_t resent;  /* came again */

	unsigned extras;  /* copies of the newest ACK beside the first */
	unsigned echoes;  /* duplicates that our own copies cause */
	int64_t acked_at; /* last copy of the newest ACK */
	int64_t heard_at; /* last packet that was newest or came again */
	int64_t turn;     /* smoothed time from an ACK to the next block, 0: unknown */
	int64_t turn_var; /* its mean deviation */

	enum wire_code code; /* of the ERROR in SESSION_FAILED */
};

void session_init(struct session *s, const struct session_limits *limits, int64_t now);

/** A packet of this session's peer. A WRQ's name must be safe (name_is_safe). */
struct session_step session_packet(struct session *s, const struct wire_packet *p, int64_t now);

/** Time has come to session_deadline(). */
struct session_step session_tick(struct session *s, int64_t now);

/** When session_tick() is due. */
int64_t session_deadline(const struct session *s);

/** The op of the last step failed, for the reason: the answer is an ERROR from now on. */
struct session_step session_fail(struct session *s, enum wire_code code, const char *reason, int64_t now);

#endif
