/*
 * One file being received, in a folder given as a descriptor.
 *
 * It is NAME.partial (new, 0600, never through a link) while it grows; NAME
 * once it is whole and on disk; NAME.incomplete, or NAME.incomplete-2 and so
 * on, when it stops early. No existing file is ever replaced.
 *
 * Packets are gathered, and written SINK_BUFFER bytes at a time: what is held
 * back is acknowledged already, so sink_flush() has to come before the end is,
 * and every few milliseconds.
 *
 * An error is PL_ERR_LAB, and the sink's `code` and `why` then say what it was
 * for the wire and for the note. After one the sink can still be set aside.
 *
 * Threads: one at a time.
 */
#ifndef SERVER_SINK_H
#define SERVER_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "server/name.h"
#include "server/note.h"
#include "server/quota.h"
#include "server/wire.h"

#define SINK_BUFFER ((size_t)64 << 10)
#define SINK_NAME_MAX (NAME_LENGTH_MAX + 24)

struct sink {
	int dir_fd;          /* borrowed */
	struct quota *quota; /* borrowed, asked before each write; NULL: no limit */
	int fd;              /* -1: not open */
	char name[NAME_LENGTH_MAX + 1];
	char now[SINK_NAME_MAX + 1]; /* its name at present, "" before it is made */
	uint64_t size;               /* end of what was taken */
	uint64_t written;            /* bytes handed to the system, those written twice counted twice */
	uint8_t *buffer;             /* of SINK_BUFFER bytes, while open */
	uint64_t held_at;            /* offset of what is in it */
	size_t held;
	enum wire_code code; /* of the last error */
	enum note_why why;
	bool passing; /* that error was one of opening for want of descriptors or memory */
};

/** Not open. The quota may be NULL. */
void sink_init(struct sink *k, int dir_fd, struct quota *quota);

/** Makes NAME.partial; the name must be safe. Fails if it or NAME exists, or the quota is used up. */
struct pl_error *sink_open(struct sink *k, const char *name) PL_MUST_USE;

/** Takes the bytes; may write what came before. Leaves a hole for what was skipped. */
struct pl_error *sink_write(struct sink *k, uint64_t offset, const void *data, size_t size) PL_MUST_USE;

/** Writes what is held back. After an error it is dropped: its place is a hole. */
struct pl_error *sink_flush(struct sink *k) PL_MUST_USE;

/** To disk, then NAME, then the folder to disk. Flushed before; closes on success only. */
struct pl_error *sink_commit(struct sink *k) PL_MUST_USE;

/** NAME.incomplete; no other process can mistake it for one that grows. Flushed before; stays open. */
struct pl_error *sink_set_aside(struct sink *k) PL_MUST_USE;

/** What was set aside goes to disk as far as that works; closes. */
void sink_keep(struct sink *k);

/** Removes the file that was just made, and closes. */
void sink_discard(struct sink *k);

/** Closes; the file stays as it is. */
void sink_deinit(struct sink *k);

#endif
