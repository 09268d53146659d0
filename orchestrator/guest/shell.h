/* Command lines for the guest: every word quoted, nothing pasted into a script. */
#ifndef GUEST_SHELL_H
#define GUEST_SHELL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/**
 * Appends: /bin/sh -c 'script' sh ARGS... (args: NULL-terminated, may be NULL).
 * The script must hold no newline and no '!', which a csh would read inside
 * the quotes.
 */
struct pl_error *shell_command(struct pl_buf *b, const char *script, const char *const *args) PL_MUST_USE;

/** Appends a space and each of the words, quoted. */
struct pl_error *shell_words(struct pl_buf *b, const char *const *words) PL_MUST_USE;

#endif
