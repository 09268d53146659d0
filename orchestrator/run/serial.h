/*
 * The serial console's log on this host: what the guest's kernel says while it
 * panics and dumps, when the .vmx sends the console into a file.
 *
 * The strings are xnu's (osfmk/kdp/kdp_core.c, kdp_udp.c).
 */
#ifndef RUN_SERIAL_H
#define RUN_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct serial {
	char *path;     /* NULL: no serial console into a file */
	uint64_t start; /* its size when the run began */
};

/** Looks at the .vmx; no console, or a .vmx that is not readable here, is ok. */
struct pl_error *serial_open(struct serial *s, const char *vmx) PL_MUST_USE;
void serial_deinit(struct serial *s);

/** What the console said since serial_open(), at most b's maximum (its end). */
struct pl_error *serial_read(const struct serial *s, struct pl_buf *b) PL_MUST_USE;

struct serial_diagnosis {
	bool panicked;     /* a panic line is there */
	bool waits;        /* for a debugger: it will not reboot by itself */
	const char *ended; /* why no dump will come, or came; NULL: nothing final */
	const char *advice;
};

/** What the text tells about the dump. */
struct serial_diagnosis serial_diagnose(const char *text);

#endif
