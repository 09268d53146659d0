/* lldb without a person: it runs a command file, and what it says is kept. */
#ifndef CORE_DEBUGGER_BATCH_H
#define CORE_DEBUGGER_BATCH_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/wait.h"

#define DEBUGGER_OUTPUT_MAX ((size_t)4 << 20)

/**
 * Runs `program` over the command file of debugger.h. A command that fails does not stop the
 * next one. output (initialised, with DEBUGGER_OUTPUT_MAX) gets what it said, raw, and *backtrace
 * the frames of debugger_output.h, a new reference; both also when it did not end in time.
 *
 * The error (*backtrace is NULL then) is that no frame came: why is what the debugger said last. Time that is
 * up is PL_ERR_TIMEOUT, and only an error when there is no frame.
 */
struct pl_error *debugger_batch(const char *program, const char *commands, const struct pl_wait *w,
	struct pl_buf *output, json_t **backtrace) PL_MUST_USE;

#endif
