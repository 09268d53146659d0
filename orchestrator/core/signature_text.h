/*
 * What a panic's message says, without what differs from one time to the next:
 * for signature.h. Pure functions over the message.
 */
#ifndef CORE_SIGNATURE_TEXT_H
#define CORE_SIGNATURE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "orchestrator/core/panic_parts.h"

#define SIGNATURE_TEXT_MAX 160 /* bytes of it in a title */

/** The first line, whether its end is a real one or written as \n. */
struct panic_piece signature_first_line(struct panic_piece message);

/**
 * Takes apart "Kernel trap at 0xADDR, type ..." and "Double fault at 0xADDR" (Intel)
 * and "Kernel data abort. at pc 0xADDR, lr ..." (arm64): what it is called and
 * where. False: no trap.
 */
bool signature_trap(struct panic_piece message, struct panic_piece *name, uint64_t *at);

/**
 * Appends the line with "#" for numbers of any kind and lists of them, and for the
 * process where it stands beside its pid or is called a process; "?" for control
 * bytes; of a path to a source file its name. At most SIGNATURE_TEXT_MAX bytes, whatever the numbers' lengths
 * were. process may be NULL.
 */
void signature_put_text(struct panic_piece line, const char *process, struct pl_buf *out);

#endif
