/*
 * The single lines that make up a panic text: frames, kexts, loaded kexts, the
 * first line and where a message ends and its source begins. Pure functions
 * over one piece of text; what they make is malloc'd and owned by the caller.
 */
#ifndef CORE_PANIC_PARTS_H
#define CORE_PANIC_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/panic_text.h"

/* A piece of a line that is read from the front. */
struct panic_piece {
	const char *p;
	size_t len;
};

struct panic_piece panic_piece_trim(struct panic_piece s);
bool panic_piece_starts(struct panic_piece s, const char *prefix);
/** Steps over prefix; false (and s as it was) when it is not there. */
bool panic_piece_skip(struct panic_piece *s, const char *prefix);
/** A number with or without 0x at the front, stepped over; base 16 or 10. */
bool panic_piece_number(struct panic_piece *s, unsigned base, uint64_t *ret);
struct pl_error *panic_piece_dup(struct panic_piece s, char **ret) PL_MUST_USE;

/*
 * Each of these says in *is whether the line is one; if not, *ret is untouched.
 */

/**
 * "0xFRAME : 0xADDR [image : symbol + 0xoff]" or "[image + OFF]", decimal, for a
 * kext without symbols; i386's "(0x.. 0x..)" arguments
 * skipped, or arm64's "lr: 0xADDR  fp: 0xFRAME". The first also in the middle of
 * a line; noise is set when the line holds anything else.
 */
struct pl_error *panic_frame_parse(struct panic_piece line, struct panic_frame *ret, bool *is) PL_MUST_USE;

/** "[dependency: ]id(version)[UUID][@start[->end]]"; without "@" the id needs a dot. */
struct pl_error *panic_kext_parse(
	struct panic_piece line, struct panic_kext *ret, bool *is, bool *dependency) PL_MUST_USE;

/** "@start[->end]": what a mail put on the line behind. False: it is not that. */
bool panic_kext_place(struct panic_piece line, struct panic_kext *k);

/** A kext's name with Apple's abbreviations (">usb.!UHub") written out. */
struct pl_error *panic_name_expand(struct panic_piece id, char **ret) PL_MUST_USE;

/** "id<TAB>version", or spaces between, below "loaded kexts:"; writes the abbreviations of the id out. */
struct pl_error *panic_loaded_parse(struct panic_piece line, struct panic_loaded *ret, bool *is) PL_MUST_USE;

/**
 * Where the message ends: `"text"@/path/file.c:12` (until 11, and kexts) or
 * `text @file.c:12` (12 and later); the last such mark at the end of a line
 * counts, so quotes and @ within the text do no harm. Quotes around all of the
 * text are taken off. False: no source, and *text is all of the message.
 */
bool panic_message_split(struct panic_piece message, struct panic_piece *text, struct panic_piece *source);

/**
 * "assertion failed: x, file: /path/file.c, line: 12": what assert() panics with.
 * file and line are parts of the message. False: it does not end so.
 */
bool panic_assertion_split(struct panic_piece message, struct panic_piece *text, struct panic_piece *file,
	struct panic_piece *line);

void panic_frame_deinit(struct panic_frame *f);
void panic_kext_deinit(struct panic_kext *k);

#endif
