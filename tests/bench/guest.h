/*
 * A panicking guest's side of the dump protocol, as small as it can be while
 * it keeps the kernel's rules (xnu osfmk/kdp/kdp_udp.c): stop and wait; 7.5 s
 * for an answer (WRQ: 10.5 s), then 3 s, 14 tries; the first ACK of block - 1
 * is passed over, the second makes it send again; an ERROR makes it send
 * again at once.
 *
 * In one thing it is stricter: an ACK of any other block, which the kernel
 * would take for success and so lose data, ends it as an error of the server.
 *
 * The protocol alone, without socket and clock: guest_run() drives one over a
 * blocking socket, crowd.c drives a thousand.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/content.h"

#define GUEST_LARGE 1406u /* data bytes a packet; 1412 on the wire */
#define GUEST_SMALL 512u
#define GUEST_NAME_MAX 64

struct guest_config {
	struct sockaddr_in server;
	bool echo;    /* DATA only: the other side is an echo, which knows no WRQ and EOF */
	size_t large; /* GUEST_LARGE or GUEST_SMALL */
	char name[GUEST_NAME_MAX];
	const struct content *content;
	uint64_t start; /* where in the content */
	uint64_t size;
	uint64_t pause_at; /* at this offset it is silent for a while: a disk that spins up, a slow compressor
			    */
	int64_t pause;     /* ns, 0: it isn't */
	bool spin;   /* never sleep for an answer: the kernel polls its network card, as a vCPU that is always
			busy */
	double rate; /* bytes a second at most; 0: no limit */
};

/* Times are pl_now() values, which all processes of a machine share. */
struct guest_result {
	bool ok;
	char why[96]; /* not */
	int64_t started;
	int64_t eof_sent;
	int64_t ended;
	uint64_t packets; /* acknowledged, WRQ and EOF included */
	uint64_t silent;  /* sent again because no answer came */
	uint64_t asked;   /* sent again because the server asked for it (twice block - 1) */
	uint64_t extra;   /* ACKs of block - 1 */
	uint64_t wrong;   /* answers that no server may give */
	uint64_t errors;  /* ERROR packets */
};

enum guest_state { GUEST_WRQ, GUEST_DATA, GUEST_EOF, GUEST_DONE, GUEST_FAILED };
enum guest_todo { GUEST_LISTEN, GUEST_SEND, GUEST_STOP };

struct guest {
	struct guest_config config;
	enum guest_state state;
	size_t full; /* data bytes a packet, as agreed */
	uint32_t block;
	uint64_t offset; /* of the packet under way */
	size_t data;     /* bytes of it in there */
	unsigned tries;
	unsigned stale; /* ACKs of block - 1 since it was sent */
	size_t packet_size;
	uint8_t packet[CONTENT_PACKET_MAX];
	struct guest_result result;
};

/** The first packet is ready to be sent. */
void guest_begin(struct guest *g, const struct guest_config *config);

/** What came: SEND the packet (the next one, or this one again), LISTEN on, or STOP: done or failed. */
enum guest_todo guest_answer(struct guest *g, const uint8_t *bytes, size_t size);

/** Nothing came in guest_patience() ns. */
enum guest_todo guest_silence(struct guest *g);
int64_t guest_patience(const struct guest *g);

/** A whole dump over a socket of its own. */
void guest_run(const struct guest_config *config, struct guest_result *ret);

/** A UDP socket on 127.0.0.1; blocking or not. -1 with errno. */
int guest_socket(bool blocking);

#endif
