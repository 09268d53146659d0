#ifdef PL_HAVE_ISAL

#include <isa-l.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/gz_backend.h"

#define TEXT_OF(x) #x
#define VERSION(major, minor) TEXT_OF(major) "." TEXT_OF(minor)

struct state {
	struct inflate_state isal;
	const char *damage; /* NULL, or a phrase */
	size_t held;        /* bytes in ISA-L's own buffer that are still to come out */
	size_t back;        /* at the end: bytes given back beyond the input of the last step */
	uint8_t last[8];    /* the last bytes used, but for the last step's */
};

static void *create(void)
{
	struct state *s = calloc(1, sizeof *s);
	if (s)
		isal_inflate_init(&s->isal); /* raw deflate */
	return s;
}

static void reset(void *state)
{
	struct state *s = state;
	isal_inflate_reset(&s->isal);
	s->damage = NULL;
	s->held = 0;
	s->back = 0;
}

static const char *phrase(int code)
{
	switch (code) {
	case ISAL_INVALID_BLOCK:
		return "invalid block";
	case ISAL_INVALID_SYMBOL:
		return "invalid symbol";
	case ISAL_INVALID_LOOKBACK:
		return "copy from before the start";
	default:
		return "cannot be decoded";
	}
}

/* Of a member's bytes so far, the last. */
static void remember(struct state *s, const uint8_t *in, size_t size)
{
	size_t n = size < sizeof s->last ? size : sizeof s->last;
	if (n == 0)
		return;
	memmove(s->last, s->last + n, sizeof s->last - n);
	memcpy(s->last + sizeof s->last - n, in + size - n, n);
}

/*
 * When ISA-L 2.30 meets an invalid code it has already moved the end of its output
 * over what the code would have made: by less than 1 KiB, as its tables hold ten
 * bits of length. So that much of the end is not believed.
 */
#define DOUBTFUL 1024

static void drop_doubtful(struct state *s, size_t *made)
{
	size_t of_held = s->held < DOUBTFUL ? s->held : DOUBTFUL;
	size_t of_made = DOUBTFUL - of_held < *made ? DOUBTFUL - of_held : *made;
	s->held -= of_held;
	*made -= of_made;
}

/* ISA-L's pointers are believed, not its counts: those wrap below 0 when it meets an invalid code. */
static void step(struct state *s, struct gz_io *io)
{
	struct inflate_state *isal = &s->isal;
	size_t in = io->in_left < GZ_AT_ONCE ? io->in_left : GZ_AT_ONCE;
	size_t out = io->out_left < GZ_AT_ONCE ? io->out_left : GZ_AT_ONCE;

	isal->next_in = (uint8_t *)(uintptr_t)io->in; /* ISA-L's type; it does not write there */
	isal->avail_in = (uint32_t)in;
	isal->next_out = io->out;
	isal->avail_out = (uint32_t)out;
	int code = isal_inflate(isal);
	ptrdiff_t used = isal->next_in - io->in;
	size_t made = (size_t)(isal->next_out - io->out);
	s->held = (size_t)(isal->tmp_out_valid - isal->tmp_out_processed);
	if (code != ISAL_DECOMP_OK)
		s->damage = phrase(code);
	if (code == ISAL_INVALID_SYMBOL || code == ISAL_INVALID_LOOKBACK)
		drop_doubtful(s, &made);
	if (used < 0) { /* it gives back what it was given before */
		s->back = (size_t)-used;
		used = 0;
	}
	remember(s, io->in, (size_t)used);
	io->in += used;
	io->in_left -= (size_t)used;
	io->out += made;
	io->out_left -= made;
}

/*
 * ISA-L decodes into a buffer of its own first, and reports damage while some of
 * what came before it is still held there; calling it again would decode on. True
 * when all of it is out.
 */
static bool flush(struct state *s, struct gz_io *io)
{
	size_t n = s->held < io->out_left ? s->held : io->out_left;

	memcpy(io->out, s->isal.tmp_out_buffer + s->isal.tmp_out_processed, n);
	s->isal.tmp_out_processed += (int32_t)n;
	s->held -= n;
	io->out += n;
	io->out_left -= n;
	return s->held == 0;
}

static enum gz_step inflate_step(void *state, struct gz_io *io, const char **detail)
{
	struct state *s = state;

	if (!s->damage)
		step(s, io);
	if (s->damage) {
		if (!flush(s, io))
			return GZ_STEP_MORE;
		*detail = s->damage;
		return GZ_STEP_DAMAGED;
	}
	return s->isal.block_state == ISAL_BLOCK_FINISH ? GZ_STEP_END : GZ_STEP_MORE;
}

/*
 * What ISA-L has read behind the end: 2.30 keeps it in its 64 bits, the first in
 * the lowest; a version that gives it back may step back before the last input.
 */
static unsigned rest(const void *state, uint8_t bytes[8])
{
	const struct state *s = state;
	unsigned bits = s->isal.read_in_length > 0 ? (unsigned)s->isal.read_in_length : 0;
	uint64_t kept = s->isal.read_in >> bits % 8;

	if (s->back > 0) {
		unsigned n = s->back < sizeof s->last ? (unsigned)s->back : (unsigned)sizeof s->last;
		memcpy(bytes, s->last + sizeof s->last - n, n);
		return n;
	}
	for (unsigned i = 0; i < bits / 8; i++)
		bytes[i] = (uint8_t)(kept >> (8 * i));
	return bits / 8;
}

static uint32_t crc(uint32_t before, const uint8_t *data, size_t size)
{
	return crc32_gzip_refl(before, data, size);
}

const struct gz_backend gz_isal = {
	.library = "ISA-L " VERSION(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION),
	.create = create,
	.destroy = free,
	.reset = reset,
	.inflate = inflate_step,
	.rest = rest,
	.crc = crc,
};

#endif
