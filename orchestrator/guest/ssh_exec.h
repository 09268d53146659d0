/* A command with its three streams; ssh_exec() and the transfers are made of it. */
#ifndef GUEST_SSH_EXEC_H
#define GUEST_SSH_EXEC_H

#include "orchestrator/guest/ssh_io.h"

struct ssh_stream {
	const char *command;
	/* The next bytes for standard input, valid until the next call; size 0 ends it. */
	struct pl_error *(*input)(void *arg, const char **data, size_t *size);
	/* Takes bytes of standard output. */
	struct pl_error *(*output)(void *arg, const char *data, size_t size);
	void *arg;
	size_t error_max; /* bytes kept of standard error */
};

/**
 * Runs it; ret->out stays empty. As ssh_exec(): a command that fails or a
 * connection that dies under it is in *ret, not an error. An error of input
 * or output ends the command and is returned.
 */
struct pl_error *ssh_stream_run(struct ssh *s, const struct ssh_stream *io, const struct pl_wait *w,
	struct ssh_result *ret) PL_MUST_USE;

#endif
