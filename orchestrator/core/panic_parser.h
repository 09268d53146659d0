/*
 * The state of reading one panic text, line by line: panic_text.c owns the
 * message and the order of things, panic_take.c what a single line means.
 * Internal to core/.
 */
#ifndef CORE_PANIC_PARSER_H
#define CORE_PANIC_PARSER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "orchestrator/core/panic_parts.h"
#include "orchestrator/core/panic_text.h"

struct panic_parser {
	struct panic_text *t;
	bool started;
	const char *start; /* of the first line that counts */
	bool in_message;   /* between "panic(cpu" and what ends its text */
	struct pl_buf message;
	char **next;                  /* where the next line goes, or NULL */
	char *task;                   /* the process that "Panicked task" names */
	bool in_loaded;               /* below "loaded kexts:" */
	bool in_kexts;                /* below "Kernel Extensions in backtrace:" */
	bool in_threads;              /* below arm64's "Thread task pri cpu_usage" */
	bool in_profile;              /* the reporter's list of hardware, to the end */
	bool foreign;                 /* in a backtrace that is not the panic's own */
	int own_cpu;                  /* of the panic's own backtrace */
	int trace_cpu;                /* of the backtrace begun last */
	bool wrapped;                 /* the line before was the kernel version */
	bool split;                   /* "dependency:" alone: the rest is on the next line */
	bool booted;                  /* behind the backtrace a kernel booted: the next panic is its */
	bool over;                    /* another panic starts: another report */
	char *half;                   /* a frame that a mail may have wrapped: the line, or NULL */
	size_t half_frame;            /* where it is in t->frames; PANIC_FRAMES_MAX: it was not kept */
	bool half_noise;              /* it is no whole frame without the next line */
	struct panic_kext *placeless; /* the kext of the line before, whose address is on this one */
};

/** Keeps a copy of the value, trimmed, if the field has none yet and it is not empty. */
struct pl_error *panic_keep(char **field, struct panic_piece value) PL_MUST_USE;

/** A line that is not part of the message. */
struct pl_error *panic_take_line(
	struct panic_parser *p, struct panic_piece raw, bool *understood) PL_MUST_USE;

/** The same; what was not understood is noted. */
struct pl_error *panic_take_or_note(struct panic_parser *p, struct panic_piece line) PL_MUST_USE;

/** At the end of the text: what waited for another line. */
void panic_take_end(struct panic_parser *p);

/** Where "panic(cpu N" begins in the line, noise before it or not; NULL if nowhere. */
const char *panic_first_line(struct panic_piece line);

#endif
