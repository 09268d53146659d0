/*
 * Is a received file whole? A client that gave up on a block still sends a
 * clean EOF, so only the content can tell: a gzip stream by its trailer, a
 * bare Mach-O core by the end of its segments.
 *
 * The verifier follows the file while it grows, reading what was written; it
 * may lag behind and then catches up. What it decodes goes to the unpacked
 * core, if there is to be one.
 */
#ifndef SERVER_VERIFY_H
#define SERVER_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gz.h"
#include "server/note.h"
#include "server/server.h"
#include "server/unpack.h"

struct verify {
	int fd;              /* borrowed */
	struct unpack *core; /* borrowed, NULL: none is wanted */
	struct gz *gz;
	enum gz_phase phase;
	uint64_t at; /* of the next byte to decode */
	bool full;   /* there was no room for all that came of the last */
	bool unread; /* the file can't be read back */
};

/** Of the file fd, from its start. verify_deinit() after success only. */
struct pl_error *verify_init(struct verify *v, int fd, struct unpack *core) PL_MUST_USE;
void verify_deinit(struct verify *v);

/**
 * Decodes on, to the offset `end` at the most, which was written. True if it
 * stopped before that because it had done enough for one turn. `scratch` is of
 * `size` bytes, 256 KiB or more.
 */
bool verify_turn(struct verify *v, uint64_t end, uint8_t *scratch, size_t size);

/** From the start again: the file was not written in order. */
void verify_restart(struct verify *v);

struct verify_result {
	enum server_gzip gzip;
	bool whole;
	enum note_why why;  /* if not */
	const char *reason; /* likewise, static; "" */
};

/** The judgement once all of the file `name`, size bytes long, was decoded. */
struct verify_result verify_judge(const struct verify *v, const char *name, uint64_t size);

#endif
