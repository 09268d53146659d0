/*
 * A part in Apple's LZ4 framing: "bv41", u32 decoded size, u32 encoded size, an LZ4
 * block; "bv4-", u32 size, bytes as they are; "bv4$" at the end. A block may refer to
 * the 64 KiB before it. Integers are little-endian.
 */
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "orchestrator/core/part_io.h"

#define HISTORY ((size_t)64 * 1024)
/* Memory is bounded by this: a block that claims to be larger counts as damage. */
#define BLOCK_MAX ((uint32_t)16 << 20)
#define ENCODED_MAX ((uint32_t)LZ4_COMPRESSBOUND(BLOCK_MAX))

struct unlz4 {
	struct part_io *io;
	uint8_t *encoded;
	uint8_t *out;   /* HISTORY bytes, the last `history` of them used, then the block */
	size_t history; /* bytes in front of the block */
	bool done;
};

static void end(struct unlz4 *u, enum part_status status, const char *detail)
{
	part_judge(u->io, status, detail);
	u->done = true;
}

/* size bytes of the input; when it ends before, that is the verdict. */
static struct pl_error *take(struct unlz4 *u, void *to, size_t size)
{
	struct part_io *io = u->io;

	for (size_t have = 0; have < size;) {
		struct pl_error *e = part_fill(io);
		if (e)
			return e;
		if (io->in_left == 0) {
			end(u, PART_TRUNCATED,
				io->cut ? "the image ends before it does" : "its LZ4 data breaks off");
			return NULL;
		}
		size_t n = size - have < io->in_left ? size - have : io->in_left;
		memcpy((uint8_t *)to + have, io->in, n);
		io->in += n;
		io->in_left -= n;
		have += n;
	}
	return NULL;
}

static struct pl_error *take_u32(struct unlz4 *u, uint32_t *ret)
{
	uint8_t bytes[4] = {0};
	struct pl_error *e = take(u, bytes, sizeof bytes);
	struct pl_reader r = pl_reader_le(bytes, sizeof bytes);

	*ret = pl_read_u32(&r);
	return e;
}

/* Writes the block, and keeps what the next one may refer to. */
static struct pl_error *put_block(struct unlz4 *u, size_t size)
{
	struct pl_error *e = part_put(u->io, u->out + HISTORY, size);

	size_t keep = u->history + size < HISTORY ? u->history + size : HISTORY;
	memmove(u->out + HISTORY - keep, u->out + HISTORY + size - keep, keep);
	u->history = keep;
	return e;
}

static struct pl_error *plain_block(struct unlz4 *u)
{
	uint32_t size;
	struct pl_error *e = take_u32(u, &size);

	if (e || u->done)
		return e;
	if (size > BLOCK_MAX) {
		end(u, PART_CORRUPT, "an LZ4 block is too large");
		return NULL;
	}
	e = take(u, u->out + HISTORY, size);
	return e || u->done ? e : put_block(u, size);
}

static struct pl_error *encoded_block(struct unlz4 *u)
{
	uint32_t decoded, encoded;
	struct pl_error *e = take_u32(u, &decoded);

	if (!e && !u->done)
		e = take_u32(u, &encoded);
	if (e || u->done)
		return e;
	if (decoded > BLOCK_MAX || encoded > ENCODED_MAX) {
		end(u, PART_CORRUPT, "an LZ4 block is too large");
		return NULL;
	}
	e = take(u, u->encoded, encoded);
	if (e || u->done)
		return e;
	int made = LZ4_decompress_safe_usingDict((const char *)u->encoded, (char *)u->out + HISTORY,
		(int)encoded, (int)decoded, (const char *)u->out + HISTORY - u->history, (int)u->history);
	if (made < 0 || (uint32_t)made != decoded) {
		end(u, PART_CORRUPT, "an LZ4 block is damaged");
		return NULL;
	}
	return put_block(u, decoded);
}

static struct pl_error *block(struct unlz4 *u)
{
	char magic[4];
	struct pl_error *e = take(u, magic, sizeof magic);

	if (e || u->done)
		return e;
	if (memcmp(magic, "bv41", 4) == 0)
		return encoded_block(u);
	if (memcmp(magic, "bv4-", 4) == 0)
		return plain_block(u);
	if (memcmp(magic, "bv4$", 4) == 0)
		end(u, PART_OK,
			u->io->in_left > 0 || u->io->pos < u->io->end ? "something follows its LZ4 data"
								      : "");
	else
		end(u, PART_CORRUPT, "what should be an LZ4 block is none");
	return NULL;
}

struct pl_error *part_unlz4(struct part_io *io)
{
	struct unlz4 u = {.io = io, .encoded = malloc(ENCODED_MAX), .out = malloc(HISTORY + BLOCK_MAX)};
	struct pl_error *e = u.encoded && u.out ? NULL : pl_error_nomem();

	while (!e && !u.done && !io->full)
		e = block(&u);
	free(u.encoded);
	free(u.out);
	return e;
}
