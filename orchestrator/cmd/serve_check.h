/*
 * What can be said of `paniclab serve` before the first dump: for --dry-run, whether the start
 * would succeed (nothing is made; the port is bound and let go), and whether there is room.
 */
#ifndef CMD_SERVE_CHECK_H
#define CMD_SERVE_CHECK_H

#include "base/err.h"
#include "orchestrator/cmd/serve_options.h"

/**
 * The limit of open files, the port, the folder; in words and codes the errors are those of
 * the start. With --user the process may have become that user afterwards, for good.
 */
struct pl_error *serve_check(const struct serve_options *o) PL_MUST_USE;

/** Warns if the folder has no room for a dump: each would be refused. */
void serve_check_room(const struct server_config *c, const struct pl_log *log);

#endif
