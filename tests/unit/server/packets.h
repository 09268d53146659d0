/*
 * Packets as a kernel makes them, byte by byte from the protocol's tables, for
 * tests of the server: nothing of server/ is used to make them.
 */
#ifndef TESTS_SERVER_PACKETS_H
#define TESTS_SERVER_PACKETS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct packet {
	uint8_t bytes[2048];
	size_t size;
};

static inline void put_bytes(struct packet *p, const void *bytes, size_t size)
{
	memcpy(p->bytes + p->size, bytes, size);
	p->size += size;
}

static inline void put_number(struct packet *p, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		p->bytes[p->size++] = (uint8_t)(v >> (8 * i));
}

static inline struct packet make_header(unsigned opcode, uint32_t block)
{
	struct packet p = {.size = 0};

	put_number(&p, opcode, 2);
	put_number(&p, block, 4);
	return p;
}

static inline uint32_t packet_block(const uint8_t *bytes)
{
	return (uint32_t)bytes[2] << 24 | (uint32_t)bytes[3] << 16 | (uint32_t)bytes[4] << 8 | bytes[5];
}

/* words: 0 stops after the mode, 1 has the mask, 2 the packet size as well. */
static inline struct packet make_request(
	const char *name, const char *mode, int words, uint32_t mask, uint32_t size)
{
	struct packet p = {.size = 0};

	put_number(&p, 2, 2);
	put_bytes(&p, name, strlen(name) + 1);
	put_bytes(&p, mode, strlen(mode) + 1);
	if (words > 0) {
		put_bytes(&p, "features", 9);
		put_number(&p, mask, 4);
	}
	if (words > 1)
		put_number(&p, size, 4);
	return p;
}

static inline struct packet make_wrq(const char *name, int words, uint32_t mask, uint32_t size)
{
	return make_request(name, "octet", words, mask, size);
}

static inline struct packet make_data(uint32_t block, const void *bytes, size_t size)
{
	struct packet p = make_header(3, block);

	put_bytes(&p, bytes, size);
	return p;
}

static inline struct packet make_seek(uint32_t block, uint64_t offset, int bytes)
{
	struct packet p = make_header(6, block);

	put_number(&p, offset, bytes);
	return p;
}

#endif
