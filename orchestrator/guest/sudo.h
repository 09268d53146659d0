/* Becoming root in the guest. */
#ifndef GUEST_SUDO_H
#define GUEST_SUDO_H

#include "base/buf.h"
#include "base/err.h"
#include "orchestrator/config/lab.h"

/**
 * Appends the words before the command, with a space after. When sudo wants a
 * password, *input is what it reads on standard input: end it with
 * secret_free(); else it stays NULL.
 */
struct pl_error *sudo_prefix(const struct lab_guest *cfg, struct pl_buf *command, char **input) PL_MUST_USE;

/** Why sudo did not run the command, from its own words (in the C locale). */
struct pl_error *sudo_failure(const struct lab_guest *cfg, const char *words) PL_MUST_USE;

#endif
