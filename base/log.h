/*
 * Messages for people, handed to whoever owns the terminal; made printable as
 * pl_safe_line() does, so they may quote what a guest or a file said.
 *
 * A module gets a `const struct pl_log *` (NULL is silence) and never prints.
 */
#ifndef PL_BASE_LOG_H
#define PL_BASE_LOG_H

#include <stdarg.h>

#include "base/err.h"

enum pl_log_level {
	PL_LOG_WARN,  /* shown unless --quiet */
	PL_LOG_INFO,  /* shown with progress */
	PL_LOG_DEBUG, /* --verbose */
	PL_LOG_TRACE, /* --verbose --verbose: requests, packets */
};

struct pl_log {
	void (*write)(void *arg, enum pl_log_level level, const char *message);
	void *arg;
	enum pl_log_level level; /* messages above it are dropped before formatting */
};

void pl_log(const struct pl_log *log, enum pl_log_level level, const char *fmt, ...) PL_PRINTF(3, 4);

/** A warning of an error that stops nothing, as pl_error_line() has it. Takes the error; NULL says nothing.
 */
void pl_log_error(const struct pl_log *log, struct pl_error *err);

#endif
