/*
 * Packets: what is decoded lies inside the bytes, answers read back, and a
 * name that would be taken stays inside the folder.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/name.h"
#include "server/wire.h"
#include "tests/fuzz/one_component.h"

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

/* Its bytes as the message of one that is made. */
static void check_error(const struct wire_packet *p)
{
	uint8_t out[WIRE_ERROR_MAX];
	struct wire_packet again;
	char *message = malloc(p->size + 1);

	if (!message)
		return;
	if (p->size > 0)
		memcpy(message, p->payload, p->size);
	message[p->size] = '\0';
	size_t size = wire_put_error(out, p->block, message);
	CHECK(size <= sizeof out && wire_decode(out, size, &again));
	CHECK(again.op == WIRE_ERROR && again.block == p->block && again.payload[again.size - 1] == 0);
	CHECK(strncmp(message, (const char *)again.payload, again.size - 1) == 0);
	free(message);
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
		CHECK(!name_is_safe(p.name) || one_component(p.name));
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
	if (p.op == WIRE_ERROR)
		check_error(&p);
	return 0;
}
