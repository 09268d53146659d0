/*
 * Is a received file whole? A client that gave up on a block still sends a
 * clean EOF, so only the content can tell: a gzip stream by its trailer, a
 * bare Mach-O core by the end of its segments.
 *
 * Gzip is inflated while the file arrives, so that the answer to the EOF does
 * not wait for it. Fed out of order, it is read back from the file instead.
 */
#ifndef SERVER_VERIFY_H
#define SERVER_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "server/server.h"

struct verify;

struct pl_error *verify_create(struct verify **ret) PL_MUST_USE;

/** Bytes that were written to the file at offset. */
void verify_feed(struct verify *v, uint64_t offset, const void *data, size_t size);

struct verify_result {
	enum server_gzip gzip;
	bool whole;
	const char *reason; /* why not whole, static; "" */
};

/** The judgement on the whole file `name`, open for reading as fd, size bytes long. */
struct verify_result verify_finish(struct verify *v, const char *name, int fd, uint64_t size);

void verify_destroy(struct verify *v);

#endif
