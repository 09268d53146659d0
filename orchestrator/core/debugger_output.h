/*
 * lldb's `bt`, read back:
 *
 *   * thread #1
 *     * frame #0: 0xffffff801740070f kernel`Debugger(message="x") at kern.c:29:34
 *       frame #3: 0xffffff7f98e3b6b0
 *       frame #10: 0xffffff80174006f7 kernel`call_continuation + 8
 *
 * What lldb 14, 19 and 22 print; names and arguments come from the core and from debug
 * information, so they are outside data, and stay raw.
 */
#ifndef CORE_DEBUGGER_OUTPUT_H
#define CORE_DEBUGGER_OUTPUT_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define DEBUGGER_FRAMES_MAX 1024

/**
 * The frames of the first backtrace in the text, as the objects of inspect's backtraces: {frame, address,
 * image, symbol, offset, source, text}; source is "kern.c:29", text all that follows the address. What is
 * not there is left out. An empty array when there is no backtrace. A new reference.
 */
struct pl_error *debugger_read_backtrace(const char *text, size_t size, json_t **ret) PL_MUST_USE;

#endif
