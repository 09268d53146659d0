/*
 * `serve --decompress`: a finished core is inflated in a thread of its own,
 * because other guests wait for answers meanwhile. The thread says "done" when
 * the core is there.
 */
#ifndef CMD_SERVE_UNPACK_H
#define CMD_SERVE_UNPACK_H

#include "base/err.h"
#include "orchestrator/cmd/serve_output.h"

struct unpack;

/**
 * Starts on the complete gzip file of the DONE event, whose path ends in ".gz",
 * and adds itself to *list. An error (the target exists, no thread) means that
 * nothing will be said about it from here.
 */
struct pl_error *unpack_start(
	struct unpack **list, struct serve_output *out, const struct server_event *e) PL_MUST_USE;

/** Waits for all of them (env->cancel cuts them short) and frees them. */
void unpack_finish(struct unpack *list);

#endif
