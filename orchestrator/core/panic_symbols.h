/*
 * Symbols for the frames of a panic text that was printed without keepsyms=1, from
 * kernel and kext files: then it says what it would have said with them, and has the
 * same signature.
 */
#ifndef CORE_PANIC_SYMBOLS_H
#define CORE_PANIC_SYMBOLS_H

#include "base/err.h"
#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/symbols.h"

/**
 * What a panic text says was loaded: its kernel, by UUID and slide or base, and the kexts of
 * its backtrace. Nothing known of one: no image for it.
 */
struct pl_error *panic_symbols_images(const struct panic_text *p, struct symbols *s) PL_MUST_USE;

/** All of the frames' addresses will be asked for. */
void panic_symbols_want(const struct panic_text *p, struct symbols *s);

/**
 * Fills in image, symbol and offset of the frames that lack them. One that xnu took from
 * the wrong function is put right: it looks up the return address, and where a call is the last
 * instruction of its function that is the next function's first. places (frame_count of
 * them) gets what was found for each.
 */
struct pl_error *panic_symbols_fill(
	struct panic_text *p, const struct symbols *s, struct symbol_place *places) PL_MUST_USE;

#endif
