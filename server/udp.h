/*
 * The server's socket: packets and answers in batches, so that many transfers
 * share a system call. recvmmsg(2) and sendmmsg(2) where the system has them,
 * else one packet a batch.
 */
#ifndef SERVER_UDP_H
#define SERVER_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "server/peer.h"
#include "server/wire.h"

/* Packets taken at once; each has a buffer of its own. */
#define UDP_BATCH 64

struct udp_packet {
	struct peer from;
	const uint8_t *bytes; /* until the next receive */
	size_t size;
};

struct udp;

/**
 * A socket bound to address:port, for udp_create(): for whoever gives up the right to the port
 * before that. Asks for a receive buffer that holds a packet of each of `sessions` transfers.
 */
struct pl_error *udp_bind(const char *address, uint16_t port, size_t sessions, int *ret) PL_MUST_USE;

/**
 * Binds a socket to address:port, or takes over the bound `socket` (-1: none),
 * which is closed even on an error. Asks for a receive buffer that holds a
 * packet of each of `sessions` transfers.
 */
struct pl_error *udp_create(
	const char *address, uint16_t port, int socket, size_t sessions, struct udp **ret) PL_MUST_USE;
void udp_destroy(struct udp *u); /* NULL-safe */

int udp_fd(const struct udp *u);
const char *udp_address(const struct udp *u); /* dotted */
uint16_t udp_port(const struct udp *u);

enum udp_waiting {
	UDP_NOW,   /* what is there */
	UDP_BLOCK, /* else wait for a packet, UDP_BLOCK_MS at the most */
};
#define UDP_BLOCK_MS 4

/**
 * The next packets, *count of them, 0: none. `peers` is how many may have sent:
 * of one or two, a single receive is cheaper than a batch. Errors are the
 * socket's own.
 */
struct pl_error *udp_receive(
	struct udp *u, enum udp_waiting waiting, size_t peers, size_t *count) PL_MUST_USE;

/** The packet `i` of the last batch. */
struct udp_packet udp_packet(const struct udp *u, size_t i);

/**
 * Adds an answer, WIRE_ERROR_MAX bytes at the most, to those that udp_flush()
 * sends; sends them itself when there are UDP_BATCH.
 */
void udp_answer(struct udp *u, struct peer to, const void *bytes, size_t size);

/**
 * An answer that can't be sent is a lost one, and the protocol recovers from
 * that. Returns errno of the last that was lost, 0: none.
 */
int udp_flush(struct udp *u);

#endif
