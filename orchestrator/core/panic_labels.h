/*
 * The labelled lines of a panic text, "Boot args: ...", "Kernel UUID: ...": what
 * each starts with, and where its value goes. One table for all versions of xnu.
 */
#ifndef CORE_PANIC_LABELS_H
#define CORE_PANIC_LABELS_H

#include <stddef.h>

#include "orchestrator/core/panic_parts.h"

enum panic_label_kind {
	LABEL_TEXT, /* the rest of the line */
	LABEL_NEXT, /* the rest of the line, or else the next line */
	LABEL_HEX,  /* an address */
	LABEL_DECIMAL,
	LABEL_UUID,
	LABEL_LOADED,  /* the list of loaded kexts follows */
	LABEL_KEXTS,   /* the kexts in the backtrace follow */
	LABEL_THREADS, /* a table of threads follows */
	LABEL_PROFILE, /* the reporter's list of hardware follows, to the end */
	LABEL_KEXT,    /* "TIME: name version ..." */
	LABEL_TASK,    /* "0x...: 3 threads: pid 1: name" */
	LABEL_FAULT,   /* the address that was touched, somewhere in the line */
	LABEL_KNOWN,   /* understood, and of no use here */
};

struct panic_label {
	const char *name;
	enum panic_label_kind kind;
	size_t field; /* offset in struct panic_text */
};

/** The label that the line, trimmed, starts with; NULL if none. */
const struct panic_label *panic_label_of(struct panic_piece line);

#endif
