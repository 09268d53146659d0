/* The processes that are measured: an echo, and paniclab serve. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "tests/bench/bench.h"

/*
 * A process that answers each datagram with an ACK of its block: six bytes,
 * by a blocking recvfrom() and a sendto(), and by nothing else unless `file`.
 */
struct echo {
	pid_t pid;
	struct sockaddr_in address;
};

/** file: write(2) the payload of each datagram to this new file; NULL: don't. */
struct pl_error *echo_start(struct echo *s, const char *file, int core) PL_MUST_USE;
void echo_stop(struct echo *s);

#define SERVE_OPTIONS_MAX 12

/* paniclab serve with its events in a file, and an empty folder for the dumps. */
struct serve {
	pid_t pid;
	struct sockaddr_in address;
	char dir[512];
	char events[512];
	char log[512];
};

/** options: NULL-terminated, beside those that each needs. Waits until it listens. */
struct pl_error *serve_start(
	struct serve *s, const struct bench *b, const char *const *options, int core) PL_MUST_USE;

/** Waits for `count` "done" events, and for each to be a complete file. */
struct pl_error *serve_wait_done(const struct serve *s, unsigned count) PL_MUST_USE;

/** The last event of that kind, to be json_decref()'d, or NULL. */
json_t *serve_event(const struct serve *s, const char *event);

/** Removes the dumps, so that the next round finds the folder empty. */
struct pl_error *serve_clear(const struct serve *s) PL_MUST_USE;

/** Ends it and removes its files. An error if it does not end well. Once is enough, also after a failed
 * start. */
struct pl_error *serve_stop(struct serve *s) PL_MUST_USE;

#endif
