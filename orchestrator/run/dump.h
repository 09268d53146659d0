/*
 * The dump server inside a run: server/ in a thread of its own, so that no
 * answer waits for SSH, Fusion or a disk's report.
 *
 * The thread is the only one that touches the server. Others look at a copy of
 * its last state and wait for changes.
 */
#ifndef RUN_DUMP_H
#define RUN_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "server/server.h"

struct dump_state {
	bool started;
	bool finished;
	bool complete;
	char name[128];
	char peer[32];
	char path[4096];
	char core[4096]; /* decompressed, "" if it is not */
	char reason[256];
	enum server_gzip gzip;
	uint64_t bytes;
	uint64_t bytes_per_second;
	uint64_t packets;
	uint64_t resent;
	int64_t duration;
	unsigned refused;
	char refusal[256]; /* the last one's reason */
	unsigned version;  /* one more at each change */
};

struct dump;

/** Binds and starts the thread. `cancel` is the user's (also wakes waits here). */
struct pl_error *dump_start(const struct server_config *c, const struct pl_log *log, struct pl_cancel *cancel,
	struct dump **ret) PL_MUST_USE;

const char *dump_address(const struct dump *d);
uint16_t dump_port(const struct dump *d);

/** A copy of the state of the guest's core transfer (the newest that began). */
void dump_look(struct dump *d, struct dump_state *ret);

/** Waits until the version differs from `seen`; else as pl_wait_poll(). */
struct pl_error *dump_wait(struct dump *d, unsigned seen, const struct pl_wait *w) PL_MUST_USE;

/**
 * A token that is set when the user cancels or a transfer begins: ends the
 * trigger's SSH command, whose guest will never answer again.
 */
const struct pl_cancel *dump_began(struct dump *d);

/**
 * Stops the thread; what is under way is kept as incomplete. The last state
 * goes to *last when that is not NULL. NULL-safe.
 */
void dump_stop(struct dump *d, struct dump_state *last);

#endif
