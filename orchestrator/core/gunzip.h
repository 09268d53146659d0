/*
 * Decompressing a received core (RFC 1952, gzip).
 *
 * A dump that died half way leaves a cut or damaged gzip file, and half a core
 * is still worth a lot. So what the data is worth is a result, not an error:
 * everything decoded before the damage is kept, and the result says how far it
 * got. An error means that reading, writing or waiting failed.
 *
 * Memory: two fixed windows (under 1 MiB) whatever the size of the file.
 */
#ifndef CORE_GUNZIP_H
#define CORE_GUNZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"

enum gunzip_status {
	GUNZIP_OK,        /* every member complete, CRC-32 and length right */
	GUNZIP_TRUNCATED, /* the data ends inside a member (or there is none) */
	GUNZIP_CORRUPT,   /* damaged: bad header, bad data, wrong CRC or length */
	GUNZIP_NOT_GZIP,  /* does not start with 1f 8b: nothing was written */
	GUNZIP_TOO_BIG,   /* more than max_out bytes: the first max_out are there */
};

struct gunzip_result {
	enum gunzip_status status;
	uint64_t bytes_in;  /* compressed bytes used, up to the damage or the end */
	uint64_t bytes_out; /* bytes decoded */
	uint64_t trailing;  /* bytes after the last member that are not gzip: padding, an older dump */
	unsigned members;   /* complete members */
	char detail[128];   /* one phrase for people, "" when all is well */
};

/** "ok", "truncated", "corrupt", "none", "too-big". */
const char *gunzip_status_name(enum gunzip_status status);

/**
 * Decompresses the gzip members at [offset, offset + length) of in_fd into
 * out_fd, an empty regular file, as a sparse file flushed to disk. Stops after
 * max_out bytes. length may pass the end of the file: it ends there.
 */
struct pl_error *gunzip_range(int in_fd, uint64_t offset, uint64_t length, int out_fd, uint64_t max_out,
	const struct pl_wait *w, struct gunzip_result *ret) PL_MUST_USE;

/**
 * Decompresses the file `from` into `to`, mode 0600: written under a temporary
 * name beside `to`, flushed, then renamed over it, so `to` is never half
 * written. With NOT_GZIP, and when nothing at all could be decoded of a damaged
 * file, `to` is not made or touched. On an error nothing is left.
 */
struct pl_error *gunzip_file(const char *from, const char *to, uint64_t max_out, const struct pl_wait *w,
	struct gunzip_result *ret) PL_MUST_USE;

#endif
