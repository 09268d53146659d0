/*
 * One file being received, in a folder given as a descriptor.
 *
 * It is NAME.partial (new, 0600, never through a link) while it grows; NAME
 * once it is whole and on disk; NAME.incomplete, or NAME.incomplete-2 and so
 * on, when it stops early. No existing file is ever replaced.
 *
 * An error is PL_ERR_LAB and comes with the code for the wire (WIRE_E_EXISTS,
 * WIRE_E_ACCESS, WIRE_E_FULL). After one the sink can still be abandoned.
 */
#ifndef SERVER_SINK_H
#define SERVER_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "server/name.h"
#include "server/wire.h"

#define SINK_NAME_MAX (NAME_LENGTH_MAX + 24)

struct sink {
	int dir_fd; /* borrowed */
	int fd;     /* -1: not open */
	char name[NAME_LENGTH_MAX + 1];
	char now[SINK_NAME_MAX + 1]; /* its name at present, "" before it is made */
	uint64_t size;               /* end of what was written */
	uint64_t pushed;             /* write-back was started up to here */
};

/** Not open. */
void sink_init(struct sink *k);

/** Makes NAME.partial; the name must be safe. Fails if it or NAME exists. */
struct pl_error *sink_open(struct sink *k, int dir_fd, const char *name, enum wire_code *code) PL_MUST_USE;

/** All of it at offset, or an error. Leaves a hole for what was skipped. */
struct pl_error *sink_write(
	struct sink *k, uint64_t offset, const void *data, size_t size, enum wire_code *code) PL_MUST_USE;

/** To disk, then NAME, then the folder to disk. Closes on success only. */
struct pl_error *sink_commit(struct sink *k, enum wire_code *code) PL_MUST_USE;

/** To disk as far as that works, then NAME.incomplete. Closes in any case; a file that was never made is ok.
 */
struct pl_error *sink_abandon(struct sink *k) PL_MUST_USE;

/** Closes; the file stays as it is. */
void sink_deinit(struct sink *k);

#endif
