/* badnet: networks that are worse than loopback, for tests. See main.c for how it is called. */
#ifndef SIMLAB_BADNET_H
#define SIMLAB_BADNET_H

#include <netinet/in.h>
#include <stdint.h>

#include "base/err.h"

struct relay_options {
	struct sockaddr_in listen;
	struct sockaddr_in server;
	unsigned loss; /* percent of the packets, each way */
	unsigned twice;
	/* By some tens of milliseconds, so that others pass them. */
	unsigned late_to_server;
	unsigned late_to_client;
	uint64_t seed;
};

/** Prints "port=N" and relays until it is killed. Each client has a socket of its own. */
struct pl_error *relay(const struct relay_options *o) PL_MUST_USE;

struct noise_options {
	struct sockaddr_in to;
	struct in_addr from; /* any ports of it */
	const char *name;    /* of the file that is under way */
	uint64_t count;      /* datagrams; 0: until it is killed */
	uint64_t seed;
};

/** Sends what no server should mind. Prints "sent=N". */
struct pl_error *noise(const struct noise_options *o) PL_MUST_USE;

/** Sends each datagram (hexadecimal, NULL ends them), and prints its answer so; an error if none comes. */
struct pl_error *say(
	const struct sockaddr_in *to, struct in_addr from, const char *const *datagrams) PL_MUST_USE;

/** A number below `below`, from a sequence of its own for each seed. */
unsigned draw(uint64_t *state, unsigned below);

#endif
