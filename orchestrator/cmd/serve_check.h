/*
 * `paniclab serve --dry-run`: whether the start would succeed. Nothing is made; the port is
 * bound and let go.
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

#endif
