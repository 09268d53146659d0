#include "server/wire.h"

#include <string.h>

#include "base/reader.h"

static bool decode_wrq(struct pl_reader *r, struct wire_packet *p)
{
	p->name = pl_read_cstr(r, pl_reader_left(r), NULL);
	p->mode = pl_read_cstr(r, pl_reader_left(r), NULL);
	if (!pl_reader_ok(r))
		return false;

	/* What follows is newer than the rest: absent, or the mask without a size, in old kernels. */
	const char *option = pl_read_cstr(r, pl_reader_left(r), NULL);
	if (!option || strcmp(option, "features") != 0)
		return true;
	if (pl_reader_left(r) >= 4)
		p->features = pl_read_u32(r);
	if (pl_reader_left(r) >= 4)
		p->segment = pl_read_u32(r);
	return true;
}

bool wire_decode(const void *bytes, size_t size, struct wire_packet *ret)
{
	struct pl_reader r = pl_reader_be(bytes, size);
	struct wire_packet p = {0};

	unsigned opcode = pl_read_u16(&r);
	if ((opcode & 0xff) == WIRE_ACK) {
		p.features = opcode >> 8;
		opcode = WIRE_ACK;
	}
	if (opcode < WIRE_RRQ || opcode > WIRE_EOF)
		return false;
	p.op = (enum wire_op)opcode;

	if (p.op == WIRE_WRQ || p.op == WIRE_RRQ) {
		*ret = p;
		return decode_wrq(&r, ret);
	}
	p.block = pl_read_u32(&r);
	p.size = pl_reader_left(&r);
	p.payload = pl_read_bytes(&r, p.size);
	*ret = p;
	return pl_reader_ok(&r);
}

bool wire_seek_offset(const struct wire_packet *p, bool wide, uint64_t *ret)
{
	struct pl_reader r = pl_reader_be(p->payload, p->size);

	*ret = wide ? pl_read_u64(&r) : pl_read_u32(&r);
	return pl_reader_ok(&r);
}

size_t wire_put_ack(uint8_t out[static WIRE_ACK_SIZE], uint32_t block, unsigned features)
{
	pl_put_be16(out, (uint16_t)(WIRE_ACK | (features & 0xff) << 8));
	pl_put_be32(out + 2, block);
	return WIRE_ACK_SIZE;
}

size_t wire_put_error(uint8_t out[static WIRE_ERROR_MAX], uint32_t code, const char *message)
{
	size_t length = strlen(message);

	if (length > WIRE_ERROR_MAX - WIRE_HEADER - 1)
		length = WIRE_ERROR_MAX - WIRE_HEADER - 1;
	pl_put_be16(out, WIRE_ERROR);
	pl_put_be32(out + 2, code);
	memcpy(out + WIRE_HEADER, message, length);
	out[WIRE_HEADER + length] = 0;
	return WIRE_HEADER + length + 1;
}
