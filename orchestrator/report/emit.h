/*
 * Text appended to a buffer with one check at the end: after an error nothing
 * more is written, and the error waits in the writer for its owner.
 */
#ifndef REPORT_EMIT_H
#define REPORT_EMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct emit {
	struct pl_buf *out;
	struct pl_error *error; /* NULL so far; the caller takes it */
};

/* As they are: our own words only, or what doc.h escaped, on a terminal. */
void emit(struct emit *w, const char *text);
void emit_bytes(struct emit *w, const char *text, size_t size);
void emit_printf(struct emit *w, const char *fmt, ...) PL_PRINTF(2, 3);

/** Escaped for HTML text and for attribute values in either kind of quotes. */
void emit_html(struct emit *w, const char *text);

/** A relative path as a URL: all but unreserved characters and '/' is %XX. */
void emit_url(struct emit *w, const char *path);

/**
 * A Markdown code span, in which nothing is markup; in_table escapes the bars
 * that would end a cell. Empty text gives nothing.
 */
void emit_code(struct emit *w, const char *text, bool in_table);

/** A Markdown code block whose fence is longer than any run of ticks in it. */
void emit_code_block(struct emit *w, const char *text);

#endif
