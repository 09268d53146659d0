/*
 * The note beside an incomplete file: NAME.incomplete-2 has
 * NAME.incomplete-2.json, one JSON object that says what it is and why it is
 * not whole, for whoever finds the two later.
 *
 *     {"name", "peer", "why", "reason", "bytes", "size", "packets", "resent",
 *      "gzip", "core", "started", "ended"}
 *
 * "why" is one of the words below, for programs; "reason" is the sentence, for
 * people. What is not known is null.
 */
#ifndef SERVER_NOTE_H
#define SERVER_NOTE_H

#include <stdint.h>

#include "base/err.h"

enum note_why {
	NOTE_TIMED_OUT,      /* "timed-out": the client went silent */
	NOTE_PEER_ERROR,     /* "peer-error": the client sent an ERROR */
	NOTE_DISK_FULL,      /* "disk-full": no room or quota left */
	NOTE_WRITE_ERROR,    /* "write-error": any other error of the folder or disk */
	NOTE_LIMIT,          /* "limit": --max-size, --max-seek, --max-total, --min-free */
	NOTE_NAME_TAKEN,     /* "name-taken": another file has got the name meanwhile */
	NOTE_SHUT_DOWN,      /* "shut-down": the server was told to stop */
	NOTE_KILLED,         /* "killed": the server ended without being told to */
	NOTE_BEGAN_AGAIN,    /* "began-again": the client began this file once more */
	NOTE_BEGAN_ANOTHER,  /* "began-another": ... or another one */
	NOTE_EMPTY_GZIP,     /* "empty-gzip": a clean end, but no gzip stream */
	NOTE_TRUNCATED_GZIP, /* "truncated-gzip": ... but no end of it */
	NOTE_CORRUPT_GZIP,   /* "corrupt-gzip": ... but its CRC, its length or it is wrong */
	NOTE_TRUNCATED_CORE, /* "truncated-core": ... but the Mach-O has segments after it */
	NOTE_OTHER,          /* "other" */
};

const char *note_why_name(enum note_why why);

#define NOTE_UNKNOWN UINT64_MAX

/* Strings may be anything; NULL, like NOTE_UNKNOWN, is null in the note. */
struct note {
	const char *name; /* as the peer gave it */
	const char *peer; /* "ip:port" */
	enum note_why why;
	const char *reason;
	uint64_t bytes; /* that were received */
	uint64_t size;  /* of the file */
	uint64_t packets;
	uint64_t resent;     /* packets that came again */
	const char *gzip;    /* server_gzip_name() */
	const char *core;    /* what was decompressed of it, NULL: nothing */
	const char *started; /* pl_timestamp() */
	const char *ended;
};

/**
 * Writes FILE.json into the folder, 0600, on disk when this returns. `file` is
 * what the incomplete file is called now. Nothing is replaced; on an error
 * (PL_ERR_LAB; the disk may be full even for this) nothing of the note is left.
 */
struct pl_error *note_write(int dir_fd, const char *file, const struct note *n) PL_MUST_USE;

#endif
