/*
 * One transfer's side of the protocol, pure: (state, packet, now) gives the
 * new state, what to do, and what to answer once that is done. No sockets, no
 * files, no clock, so that it can be tested and fuzzed by the million.
 *
 * The caller carries out step.op FIRST. If that worked it sends step.answer;
 * if not it calls session_fail() and sends the answer of that instead. So
 * nothing is ever acknowledged that was not written.
 *
 * What the client makes of an answer decides what may be sent (xnu
 * osfmk/kdp/kdp_udp.c). An ACK of its own block: it goes on; of block - 1: it
 * ignores the first and sends again at once from the second on; ANY OTHER is
 * taken for success, and the block is lost. An ERROR: it sends again at once,
 * and that is one of its 15 tries. Hence:
 *
 *  - only the newest block is ever acknowledged;
 *  - after silence that ACK is repeated, twice at the most until the client is
 *    heard: one helps if the ACK was lost, both if the client's packet was;
 *  - silence after that (a copy or the packet sent again was lost as well)
 *    gets a nudge, an ERROR "say again", at most 3 of them a block. On no
 *    network, also one that reorders, can an ERROR pass for success: whenever
 *    it arrives, the client repeats what it is waiting for, and that is the
 *    newest block (acknowledged again) or the one after. It can meet nudges of
 *    two blocks and one pair of ACKs, 7 of its 15 tries; the others are for
 *    its own timeouts. There are none before the first block, where an answer
 *    without features might be believed, and none after the EOF, where the
 *    client may be asking for its next file;
 *  - a client that was only slow finds all of this in its queue before the ACK
 *    that it waits for: the second copy and each nudge make it send once more.
 *    These duplicates are foreseen and not answered, else each block after it
 *    would be sent and acknowledged twice, and a spare ACK of the EOF would
 *    pass for the answer to the next file's WRQ (and lose the features with
 *    it). They also tell that the silence was the client's pace;
 *  - the pauses follow that pace, and nothing is repeated after the EOF.
 *
 * The EOF is acknowledged when the file is durable: the caller is told to close
 * it and says when it has (session_closed). A disk may be slower than the
 * client is patient, so after 6 s the EOF is acknowledged all the same. One
 * repeat of it that comes just after its ACK is not answered: it left before
 * that was read.
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
	SESSION_CLOSING,   /* EOF came; the caller makes the file durable */
	SESSION_CLOSED,    /* EOF acknowledged; acknowledges it again while the client asks */
	SESSION_FAILED,    /* answers everything with the same ERROR */
	SESSION_GONE,      /* to be forgotten */
};

const char *session_state_name(enum session_state state);

enum session_op {
	SESSION_NOTHING,
	SESSION_OPEN,    /* make the file `name` */
	SESSION_WRITE,   /* size bytes of data at offset */
	SESSION_CLOSE,   /* all has come: begin to make it durable; then session_closed() or session_fail() */
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
	uint64_t max_seek;    /* bytes that a SEEK may pass the file's present end by; 0: any */
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
	uint64_t end;     /* of what was written */
	uint64_t packets; /* taken, the WRQ included */
	uint64_t resent;  /* came again */

	unsigned extras;  /* copies of the newest ACK beside the first, since the client was heard */
	unsigned nudges;  /* for the newest block */
	unsigned spare;   /* times that extras and nudges since then can make the client send again */
	unsigned echoes;  /* duplicates of the newest block that are caused so */
	int64_t first_at; /* first ACK of the newest block */
	int64_t acked_at; /* last one */
	int64_t heard_at; /* last packet that was newest or came again */
	int64_t quiet_at; /* nothing sent and nothing heard since */
	int64_t turn;     /* smoothed time from an ACK to the next block, 0: unknown */
	int64_t turn_var; /* its mean deviation */
	int64_t late;     /* the newest block's, if it came after repeats; 0: it did not */
	int64_t eof_at;   /* when the EOF came first */
	bool eof_acked;
	bool crossed; /* it came again just after its newest ACK */

	enum wire_code code; /* of the ERROR in SESSION_FAILED */
};

void session_init(struct session *s, const struct session_limits *limits, int64_t now);

/** A packet of this session's peer. A WRQ's name must be safe (name_is_safe). */
struct session_step session_packet(struct session *s, const struct wire_packet *p, int64_t now);

/** Time has come to session_deadline(). */
struct session_step session_tick(struct session *s, int64_t now);

/** When session_tick() is due. */
int64_t session_deadline(const struct session *s);

/**
 * What SESSION_CLOSE asked for is done: the file is durable under its final
 * name, or has been judged and kept as incomplete though all of it came. The
 * answer is the EOF's ACK, or nothing if the client got it because it could
 * not wait any longer. The reason is left alone.
 */
struct session_step session_closed(struct session *s, int64_t now);

/**
 * The op of the last step failed, for the reason: the answer is an ERROR from
 * now on. (None at once if the EOF was acknowledged before.)
 */
struct session_step session_fail(struct session *s, enum wire_code code, const char *reason, int64_t now);

#endif
