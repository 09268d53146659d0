/*
 * The packets of the kernel dump protocol: bytes to values and back.
 *
 * Facts: xnu osfmk/kdp/kdp_core.h (struct corehdr), kdp_udp.c. Big-endian; an
 * opcode of 16 bits, then a block number of 32, except in a WRQ, whose text
 * starts at once. docs/dump-protocol.md tells it in words.
 */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_op {
	WIRE_RRQ = 1,
	WIRE_WRQ = 2,
	WIRE_DATA = 3,
	WIRE_ACK = 4,
	WIRE_ERROR = 5,
	WIRE_SEEK = 6,
	WIRE_EOF = 7,
};

/* Error codes, as in TFTP (RFC 1350). */
enum wire_code {
	WIRE_E_OTHER = 0,
	WIRE_E_ACCESS = 2,
	WIRE_E_FULL = 3,
	WIRE_E_ILLEGAL = 4,
	WIRE_E_EXISTS = 6,
};

/* The feature mask of a WRQ, and of the high byte of ACK 0's opcode. */
#define WIRE_LARGE_CRASHDUMPS 1u /* SEEK offsets have 64 bits */
#define WIRE_LARGE_PKT_SIZE 2u   /* up to 1406 data bytes a packet, else 512 */

#define WIRE_PORT 1069
#define WIRE_HEADER 6u
#define WIRE_LARGE_DATA 1406u
#define WIRE_SMALL_DATA 512u
/* Enough for the longest packet that a kernel sends (a log's: segment, name, NUL). */
#define WIRE_PACKET_MAX 2048u
#define WIRE_ACK_SIZE 6u
#define WIRE_ERROR_MAX 72u

/* One packet; the pointers reach into the bytes that it was decoded from. */
struct wire_packet {
	enum wire_op op;
	uint32_t block; /* DATA, SEEK, EOF, ACK; ERROR: its code; WRQ: 0 */
	/* WRQ */
	const char *name; /* NUL-terminated, unchecked */
	const char *mode;
	unsigned features; /* also of an ACK */
	uint32_t segment;  /* data bytes a packet as the WRQ has them; 0: not said */
	/* DATA, SEEK, ERROR: what follows the header */
	const uint8_t *payload;
	size_t size;
};

/** False if the bytes are no packet of this protocol; *ret is then undefined. */
bool wire_decode(const void *bytes, size_t size, struct wire_packet *ret);

/** The offset in a SEEK: 64 bits where LARGE_CRASHDUMPS was agreed, else 32. */
bool wire_seek_offset(const struct wire_packet *p, bool wide, uint64_t *ret);

/** An ACK of WIRE_ACK_SIZE bytes; features belong to block 0 only. Returns its size. */
size_t wire_put_ack(uint8_t out[static WIRE_ACK_SIZE], uint32_t block, unsigned features);

/** An ERROR; the message is cut to fit. Returns its size. */
size_t wire_put_error(uint8_t out[static WIRE_ERROR_MAX], uint32_t code, const char *message);

#endif
