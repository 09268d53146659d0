/*
 * The daemon's side of tests/simlab/call.h: one call of a stand-in program,
 * from its first byte to its answer.
 */
#ifndef SIMLAB_CALLS_H
#define SIMLAB_CALLS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "tests/simlab/call.h"
#include "tests/simlab/simlab/sim.h"

#define CALLS_MAX 128

enum call_state { CALL_READING, CALL_WAITING, CALL_ANSWER };

struct call {
	int fd;
	bool guest; /* from inside the guest */
	bool root;
	enum call_state state;
	struct pl_buf in;
	const char *name;
	const char *cwd;
	char **argv; /* the arguments after the program's name */
	int argc;
	char *args[CALL_ARGS_MAX];
	struct pl_buf out;
	struct pl_buf err;
	int status;
	int64_t until; /* for `ready` */
	/* Set by a handler that cannot answer yet: asked again and again; true once it can. */
	bool (*ready)(struct sim *s, struct call *c);
};

void call_out(struct call *c, const char *fmt, ...) PL_PRINTF(2, 3);
void call_err(struct call *c, const char *fmt, ...) PL_PRINTF(2, 3);

/** Never answers: a `ready`. */
bool call_hangs(struct sim *s, struct call *c);

struct calls; /* the sockets and all that is under way */

struct pl_error *calls_create(struct sim *s, struct calls **ret) PL_MUST_USE;
void calls_destroy(struct calls *l);

/** Adds what to poll for; at most `max`. Returns how many. */
size_t calls_poll(const struct calls *l, struct pollfd *fds, size_t max);

/** Does what can be done now. */
void calls_run(struct calls *l);

/** True while somebody waits for something to become ready. */
bool calls_waiting(const struct calls *l);

/* Where a program's name leads (dispatch.c). */
void dispatch(struct sim *s, struct call *c);

#endif
