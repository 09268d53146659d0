/* What a guest script printed, taken apart. */
#ifndef GUEST_OUTPUT_H
#define GUEST_OUTPUT_H

#include "orchestrator/guest/guest.h"

#define OUTPUT_VALUES_MAX 2048
#define OUTPUT_KEY_MAX 64

/* Printed before a script begins; what stands before it is the start-up junk of the user's shell. */
#define OUTPUT_STARTED "paniclab-started=1"

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

#endif
