/*
 * The name of a panic: the same bug gives the same one, another bug another.
 *
 *   title  "trap: page fault in pipeclose < pipe_close < closef_locked"
 *   id     "v1-5f2c...": version and a hash of the title
 *
 * The title is the kind of panic, its text without numbers, addresses and what
 * follows the first line, and up to three frames by symbol, or by kext and offset:
 * the first that is neither the kernel's way of panicking nor a helper, and then
 * those of own kexts, or the next ones where there is none. Own are all that are
 * not Apple's, if the rules say nothing else. A trap whose frames
 * have neither is named by offsets in the kernel, which another build changes.
 * docs/signatures.md says what that promises.
 *
 * The rules (rules/signature.txt is built in) are lines "VERB PATTERN": skip or
 * keep a frame, which is written as in the title; own or other, the id of a kext;
 * "name PATTERN = TEXT" for a panic's text, which is then all of the title;
 * ignore and interest, which class the title. The first that matches counts.
 */
#ifndef CORE_SIGNATURE_H
#define CORE_SIGNATURE_H

#include <stddef.h>

#include "base/err.h"
#include "orchestrator/core/panic_text.h"

#define SIGNATURE_VERSION 1
#define SIGNATURE_FRAMES 3

struct signature {
	char *title;             /* NULL: the text does not say enough to tell panics apart */
	char id[24];             /* "v1-0123456789abcdef", "" without a title */
	const char *disposition; /* "ignore", "interest" or NULL */
};

/**
 * *ret always needs signature_deinit(). rules: those of signature_rules_load(), or
 * NULL for those that are built in. Symbols that the text lacks may have been added
 * to p before.
 */
struct pl_error *signature_make(
	const struct panic_text *p, const char *rules, struct signature *ret) PL_MUST_USE;
void signature_deinit(struct signature *s);

/** The rules that are built in. */
const char *signature_rules(void);

#endif
