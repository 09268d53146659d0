/* Packets: what is decoded lies inside the bytes, and answers read back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)                                                                                             \
	do {                                                                                                 \
		if (!(x))                                                                                    \
			abort();                                                                             \
	} while (0)

static int inside(const void *p, size_t n, const uint8_t *data, size_t size)
{
	uintptr_t at = (uintptr_t)p;
	uintptr_t start = (uintptr_t)data;

	return at >= start && n <= size && at - start <= size - n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_packet p;
	uint64_t offset;

	if (!wire_decode(data, size, &p))
		return 0;
	if (p.op == WIRE_WRQ || p.op == WIRE_RRQ) {
		CHECK(inside(p.name, strlen(p.name) + 1, data, size));
		CHECK(inside(p.mode, strlen(p.mode) + 1, data, size));
		return 0;
	}
	CHECK(p.size == size - WIRE_HEADER);
	CHECK(p.size == 0 || inside(p.payload, p.size, data, size));
	CHECK(wire_seek_offset(&p, true, &offset) == (p.size >= 8));
	CHECK(wire_seek_offset(&p, false, &offset) == (p.size >= 4));
	if (p.op == WIRE_ACK) {
		uint8_t again[WIRE_ACK_SIZE];
		wire_put_ack(again, p.block, p.features);
		CHECK(memcmp(again, data, WIRE_ACK_SIZE) == 0);
	}
	return 0;
}
