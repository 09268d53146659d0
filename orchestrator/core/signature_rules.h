/* The rules of signature.h, read line by line from their text. */
#ifndef CORE_SIGNATURE_RULES_H
#define CORE_SIGNATURE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "orchestrator/core/panic_parts.h"

/** "*" in pattern stands for any text; the rest is literal. */
bool signature_glob(struct panic_piece pattern, struct panic_piece text);

/**
 * The first rule of that verb whose pattern matches; *ret (NULL allowed) is what
 * stands behind its " = ", or empty.
 */
bool signature_rule(const char *rules, const char *verb, struct panic_piece text, struct panic_piece *ret);

#endif
