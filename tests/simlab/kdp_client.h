/*
 * The kernel's half of the dump protocol: xnu osfmk/kdp/kdp_udp.c
 * (kdp_send_crashdump_pkt and its neighbours), with its timing and its faults.
 *
 * Stop and wait over UDP, big-endian, from panicd_port of the guest's address
 * to panicd_port of the server's, and after the first answer to the port that
 * the last answer came from. Rules that a server must live with:
 *   - It waits 2500 polls of 3 ms (WRQ: 3500), then 1000 polls a retry; a
 *     15th try is not sent: "Cannot contact panic server, timing out."
 *   - An answer of block - 1: the first is skipped, the next makes it resend.
 *   - ERROR makes it resend at once. Anything else is success, even an ACK of
 *     quite another block.
 *   - A datagram to its port from anywhere counts; one to port 41139 (a
 *     debugger) ends the dump.
 * It only ever sends to 127.0.0.0/8; packets to elsewhere go nowhere.
 */
#ifndef SIMLAB_KDP_CLIENT_H
#define SIMLAB_KDP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"

#define KDP_PANICD_PORT 1069
#define KDP_DEBUGGER_PORT 41139
#define KDP_SIZE_LARGE 1406 /* 1440 - 6 - 28 */
#define KDP_SIZE_SMALL 512
#define KDP_NAME_MAX 100 /* xnu: corename_str */

enum kdp_feature {
	KDP_LARGE_CRASHDUMPS = 1, /* 64-bit seeks */
	KDP_LARGE_PACKETS = 2,
};

/* What follows "octet" in a WRQ. */
enum kdp_wrq {
	KDP_WRQ_SIZE,       /* "features", mask, packet size: xnu 7195 on */
	KDP_WRQ_STALE_SIZE, /* "features", mask, four bytes of whatever was there */
	KDP_WRQ_MASK,       /* "features", mask */
	KDP_WRQ_OLD,        /* nothing: before xnu 1699 */
};

/* Faults on the way, decided by seed; percentages 0 to 100. */
struct kdp_faults {
	double loss_out;           /* to the server */
	double loss_in;            /* from the server */
	double dup_out;            /* sent twice */
	double dup_in;             /* received twice */
	int64_t delay_ns;          /* before each packet sent */
	unsigned eof_answers_lost; /* the first answers to an EOF, beside loss_in */
	bool stop;                 /* the machine dies once stop_at bytes of data are acknowledged */
	uint64_t stop_at;
	uint64_t seed;
};

struct kdp_config {
	const char *local_ip;  /* bound to, "127.44.8.130" */
	const char *server_ip; /* dotted; anything that is not gives a client nobody answers */
	uint16_t port;         /* panicd_port; 0: 1069. Source and first destination */
	uint16_t local_port;   /* 0: same as port. Only for tests on one address */
	uint32_t packet_size;  /* kdp_crashdump_pkt_size; 0 or more than 1406: 1406 */
	uint32_t features;     /* offered in the WRQ; 0: both */
	enum kdp_wrq wrq;
	double time_factor; /* all waits times this; 0: 1, the real speed */
	struct kdp_faults faults;
	void (*console)(void *arg, const char *text); /* kernel printf; may be NULL */
	void *console_arg;
};

/* Why a packet was given up. The values are xnu's return codes. */
enum kdp_failure {
	KDP_OK = 0,
	KDP_DEBUGGER = -2, /* a debugger's packet came */
	KDP_TIMEOUT = -3,  /* no answer, or ERROR, 14 times */
	KDP_DIED = -100,   /* faults.stop: the simulated machine is gone */
};

struct kdp_stats {
	uint32_t block;       /* of the next packet */
	uint64_t sent;        /* datagrams, repeats included, lost ones too */
	uint64_t resent;      /* of them repeats */
	uint64_t received;    /* datagrams */
	uint64_t errors;      /* ERROR packets */
	uint64_t stale;       /* answers of other blocks that were taken for success */
	uint64_t bytes;       /* data bytes acknowledged */
	uint32_t features;    /* agreed */
	uint32_t packet_size; /* in use */
	uint32_t last_error;  /* code of the last ERROR */
};

struct kdp_client;

struct pl_error *kdp_client_create(const struct kdp_config *config, struct kdp_client **ret) PL_MUST_USE;
void kdp_client_destroy(struct kdp_client *c);
void kdp_client_stats(const struct kdp_client *c, struct kdp_stats *ret);

/*
 * One packet each, to its end. Errors are only PL_ERR_INTERRUPTED and
 * PL_ERR_TIMEOUT of the wait, and socket errors; what the kernel would see is
 * *ret. kdp_packet_data() takes at most the agreed packet size; `junk` bytes
 * (a log's name again) go out behind the data, padded with 'Y' up to the
 * packet size.
 */
struct pl_error *kdp_packet_wrq(
	struct kdp_client *c, const char *name, const struct pl_wait *w, enum kdp_failure *ret) PL_MUST_USE;
struct pl_error *kdp_packet_data(struct kdp_client *c, const void *bytes, size_t size, size_t junk,
	const struct pl_wait *w, enum kdp_failure *ret) PL_MUST_USE;
struct pl_error *kdp_packet_seek(
	struct kdp_client *c, uint64_t offset, const struct pl_wait *w, enum kdp_failure *ret) PL_MUST_USE;
struct pl_error *kdp_packet_eof(
	struct kdp_client *c, const struct pl_wait *w, enum kdp_failure *ret) PL_MUST_USE;

#endif
