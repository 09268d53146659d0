/*
 * The name of a panic: the same bug gives the same one, another bug another.
 *
 *   title  "trap: page fault in pipeclose < pipe_close < closef_locked"
 *   id     "v1-5f2c...": version and a hash of the title
 *
 * The title is the kind of panic, its text without numbers, addresses and what
 * follows the first line, and the first frames that are neither the kernel's way
 * of panicking nor a helper: by symbol, or by kext and offset. A trap whose frames
 * have neither is named by offsets in the kernel, which another build changes.
 * docs/signatures.md says what that promises.
 *
 * The rules (rules/signature.txt is built in) are lines "VERB PATTERN": skip a
 * symbol; "name PATTERN = TEXT" for a panic's text, which is then all of the title;
 * ignore and interest, which class the title. The first that matches counts.
 */
#ifndef CORE_SIGNATURE_H
#define CORE_SIGNATURE_H

#include <stddef.h>

#include "base/err.h"
#include "orchestrator/core/panic_text.h"

#define SIGNATURE_VERSION 1
#define SIGNATURE_FRAMES 3
#define SIGNATURE_TEXT_MAX 160 /* bytes of the panic's text that count */

struct signature {
	char *title;             /* NULL: the text does not say enough to tell panics apart */
	char id[24];             /* "v1-0123456789abcdef", "" without a title */
	const char *disposition; /* "ignore", "interest" or NULL */
};

/** *ret always needs signature_deinit(); rules NULL: those built in. */
struct pl_error *signature_make(
	const struct panic_text *p, const char *rules, struct signature *ret) PL_MUST_USE;
void signature_deinit(struct signature *s);

/** The rules that are built in. */
const char *signature_rules(void);

#endif
