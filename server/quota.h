/*
 * How much may be written: bytes of all files in the folder (--max-total), and
 * bytes that stay free on its disk (--min-free).
 *
 * "All files" are the regular files directly in the folder, each with the
 * smaller of its length and what it occupies on the disk: a sparse core
 * counts without its holes, a file of one byte with one byte and not with a
 * block. So it is the sum of what was written, before and after a restart.
 *
 * Several threads may take and give back at once; there is no lock, and only
 * what the threads are about to write at that moment can go unseen.
 */
#ifndef SERVER_QUOTA_H
#define SERVER_QUOTA_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "server/wire.h"

/* Files in the folder that are counted; with more it cannot have a limit. */
#define QUOTA_FILES_MAX 1000000u
/* Bytes that may be taken before the disk is asked again, a second being the other limit. */
#define QUOTA_LOOK_EVERY (UINT64_C(16) << 20)
/* More than arrives until a file that fills the disk is noticed and removed. */
#define QUOTA_SPARE (UINT64_C(64) << 20)

struct quota {
	int dir_fd;         /* borrowed */
	uint64_t max_total; /* 0: no limit */
	uint64_t min_free;  /* 0: no limit */
	_Atomic uint64_t used;
	_Atomic int64_t counted_at;
	_Atomic int64_t unasked;  /* bytes that may be taken without asking the disk */
	_Atomic int64_t asked_at; /* when it was */
};

/**
 * Counts what is there, if there is a max_total. An error is PL_ERR_LAB: the
 * folder can't be read, holds too many files, or its disk doesn't say how much is free.
 */
struct pl_error *quota_init(
	struct quota *q, int dir_fd, uint64_t max_total, uint64_t min_free, int64_t now) PL_MUST_USE;

/**
 * Call it before each write, with the bytes that are to be written (64 KiB or
 * so; an overwritten byte counts again). If it fails, with PL_ERR_LAB and the
 * code for the wire, nothing was taken and nothing may be written.
 *
 * When the folder's limit is reached, the folder is counted again, at most
 * once in five seconds: somebody may have made room.
 */
struct pl_error *quota_take(struct quota *q, uint64_t bytes, int64_t now, enum wire_code *code) PL_MUST_USE;

/**
 * The same for a file that can be made again from another: it must leave
 * QUOTA_SPARE, so that what is being received never fails for its sake. Asks
 * the disk each time.
 */
struct pl_error *quota_take_spare(struct quota *q, uint64_t bytes) PL_MUST_USE;

/** Bytes that were taken and not written, or written to a file that is gone. */
void quota_give_back(struct quota *q, uint64_t bytes);

/** Bytes in the folder as far as known; 0 without a max_total. */
uint64_t quota_used(const struct quota *q);

#endif
