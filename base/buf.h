/*
 * A growable byte buffer with a maximum.
 *
 * For bytes from outside give the maximum that makes sense for their source;
 * an append that would pass it fails and changes nothing. The bytes are always
 * followed by a NUL that size does not count, so text can be used in place.
 */
#ifndef PL_BASE_BUF_H
#define PL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pl_buf {
	char *data; /* NULL until the first append; see pl_buf_text() */
	size_t size;
	size_t capacity;
	size_t max;
};

/** An empty buffer that holds at most max bytes. Never fails. */
void pl_buf_init(struct pl_buf *b, size_t max);
void pl_buf_deinit(struct pl_buf *b);

/** The text so far; "" for an empty buffer, never NULL. */
const char *pl_buf_text(const struct pl_buf *b);

struct pl_error *pl_buf_append(struct pl_buf *b, const void *bytes, size_t size) PL_MUST_USE;
struct pl_error *pl_buf_puts(struct pl_buf *b, const char *text) PL_MUST_USE;
struct pl_error *pl_buf_printf(struct pl_buf *b, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;

/** Appends as much as fits; true if all of it did. For output with a cap. */
bool pl_buf_append_capped(struct pl_buf *b, const void *bytes, size_t size);

/** Forgets the content, keeps the memory. */
void pl_buf_clear(struct pl_buf *b);

/** Drops the first size bytes. */
void pl_buf_consume(struct pl_buf *b, size_t size);

/** Takes the content as a malloc'd NUL-terminated string; b is empty after. */
struct pl_error *pl_buf_take(struct pl_buf *b, char **ret) PL_MUST_USE;

#endif
