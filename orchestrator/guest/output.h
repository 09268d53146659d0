/* What a guest script printed, taken apart. */
#ifndef GUEST_OUTPUT_H
#define GUEST_OUTPUT_H

#include "orchestrator/guest/guest.h"

#define OUTPUT_VALUES_MAX 2048
#define OUTPUT_KEY_MAX 64

/* Printed before a script begins; what stands before it is the start-up junk of the user's shell. */
#define OUTPUT_STARTED "paniclab-started=1"

/*
 * Printed after a script's last command, followed by the nonce that the caller
 * chose, a blank and the exit status. SSH's own word for the end is not
 * enough: for a session that is closed without an exit status libssh2 says 0.
 */
#define OUTPUT_ENDED "paniclab-ended="

/**
 * Fills values from text: lines KEY=VALUE, KEY being a letter and then
 * letters, digits, '_', '.', '-'. Other lines are ignored, as are those past
 * OUTPUT_VALUES_MAX and lines that hold a NUL. A CR at a line's end goes.
 */
struct pl_error *output_parse(const char *text, size_t size, struct guest_output *ret) PL_MUST_USE;

/** Sets ret->error from what came on standard error. */
struct pl_error *output_set_error(const char *text, size_t size, struct guest_output *ret) PL_MUST_USE;

/** The last line of ret->error that is not empty; "" if there is none. Borrowed, cut at its newline by *size.
 */
const char *output_last_words(const struct guest_output *o, size_t *size);

/** Where the text after OUTPUT_STARTED begins, or NULL if the script did not start. */
const char *output_after_start(const char *text);

/**
 * True if the mark with that nonce is in text: *status is the script's exit
 * status, and *size what of the text stands before the mark.
 */
bool output_end(const char *text, const char *nonce, size_t *size, int *status);

#endif
