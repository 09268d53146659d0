#include "orchestrator/core/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/part_io.h"

#define BLOCK 4096

const char *part_status_name(enum part_status status)
{
	static const char *const names[] = {"ok", "truncated", "corrupt", "encrypted"};
	return names[status];
}

/* A header may claim more than the image has. */
static void tell(const struct part_io *io)
{
	uint64_t end = io->end < io->source->size ? io->end : io->source->size;

	if (io->watch && io->pos <= end)
		io->watch->reads(io->watch->arg, io->pos - io->begin, end - io->begin);
}

struct pl_error *part_fill(struct part_io *io)
{
	if (io->in_left > 0 || io->pos >= io->end)
		return NULL;
	size_t want = io->end - io->pos < PART_WINDOW ? (size_t)(io->end - io->pos) : PART_WINDOW;
	struct pl_error *e = pl_wait_check(io->wait);
	if (!e)
		e = image_source_read(io->source, io->pos, io->window, want, &io->in_left);
	if (e)
		return e;
	io->in = io->window;
	io->pos += io->in_left;
	if (io->in_left < want) {
		io->cut = true;
		io->end = io->pos;
	}
	tell(io);
	return NULL;
}

struct pl_error *part_room(struct part_io *io, uint8_t **ret, size_t *size)
{
	struct pl_error *e = part_out_room(io->out, ret, size);
	uint64_t room = io->max - part_out_size(io->out);

	if (room < *size)
		*size = (size_t)room + 1;
	return e;
}

struct pl_error *part_made(struct part_io *io, size_t size)
{
	uint64_t room = io->max - part_out_size(io->out);

	if (size > room) {
		size = (size_t)room;
		io->full = true;
	}
	return part_out_made(io->out, size);
}

struct pl_error *part_put(struct part_io *io, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size > 0 && !io->full) {
		uint8_t *to;
		size_t room;
		struct pl_error *e = part_room(io, &to, &room);
		if (e)
			return e;
		size_t n = size < room ? size : room;
		memcpy(to, from, n);
		e = part_made(io, n);
		if (e)
			return e;
		from += n;
		size -= n;
	}
	return NULL;
}

void part_judge(struct part_io *io, enum part_status status, const char *detail)
{
	if (io->ret->status != PART_OK)
		return;
	io->ret->status = status;
	snprintf(io->ret->detail, sizeof io->ret->detail, "%s", detail);
}

static struct pl_error *copy(struct part_io *io)
{
	for (;;) {
		struct pl_error *e = part_fill(io);
		if (e || io->in_left == 0)
			return e;
		e = part_put(io, io->in, io->in_left);
		io->in_left = 0;
		if (e || io->full)
			return e;
	}
}

/*
 * Steps back over holes at the end of the range, each time twice as far: a header may claim 2^63 bytes.
 * What stays are whole windows, counted from its beginning.
 */
static void skip_holes(struct part_io *io)
{
	uint64_t step = PART_WINDOW;

	while (io->end > io->pos) {
		uint64_t length = io->end - io->pos, odd = length % PART_WINDOW;
		uint64_t n = odd ? odd : step < length ? step : length;
		if (image_source_is_hole(io->source, io->end - n, n)) {
			io->end -= n;
			step = step < length ? 2 * step : step;
		} else if (n > PART_WINDOW) {
			step = PART_WINDOW;
		} else {
			return;
		}
	}
}

/* Zeroes at the end of the range, in whole blocks counted from its beginning, are left out. */
static struct pl_error *trim(struct part_io *io)
{
	static const uint8_t zeroes[BLOCK];

	for (skip_holes(io); io->end > io->pos; skip_holes(io)) {
		uint64_t length = io->end - io->pos;
		size_t window = (size_t)(length % PART_WINDOW ? length % PART_WINDOW : PART_WINDOW);
		size_t got = 0;
		struct pl_error *e = pl_wait_check(io->wait);
		if (!e)
			e = image_source_read(io->source, io->end - window, io->window, window, &got);
		if (e)
			return e;
		while (got > 0) {
			size_t last = got % BLOCK ? got % BLOCK : BLOCK;
			if (memcmp(io->window + got - last, zeroes, last) != 0) {
				io->end = io->end - window + got;
				return NULL;
			}
			got -= last;
		}
		io->end -= window;
	}
	return NULL;
}

static struct pl_error *transfer(struct part_io *io, const struct image_part *part)
{
	struct pl_error *e = part->trailing ? trim(io) : NULL;

	if (e)
		return e;
	if (!part->decode)
		e = copy(io);
	else
		e = part->coding == PART_LZ4 ? part_unlz4(io) : part_gunzip(io);
	return e ? e : part_out_end(io->out, io->ret->sha256);
}

static void conclude(struct part_io *io, const struct image_part *part)
{
	if (io->full)
		part_judge(io, PART_TRUNCATED, "stopped at the size limit");
	else if (io->cut && !part->decode)
		part_judge(io, PART_TRUNCATED, "the image ends before it does");
	if (part->encrypted)
		part_judge(io, PART_ENCRYPTED, "encrypted (Apple Encrypted Archive)");
	if (part->mislabelled)
		part_judge(io, PART_CORRUPT,
			part->coding == PART_GZIP ? "does not begin as gzip data"
						  : "does not begin as LZ4 data");
	io->ret->bytes = part_out_size(io->out);
}

struct pl_error *part_write(const struct image_source *source, const struct image_part *part, int fd,
	uint64_t max, const struct pl_wait *w, const struct part_watch *watch, struct part_result *ret)
{
	struct part_io io = {.source = source,
		.wait = w,
		.watch = watch,
		.begin = part->begin,
		.pos = part->begin,
		.end = part->end,
		.window = malloc(PART_WINDOW),
		.max = max,
		.ret = ret};

	memset(ret, 0, sizeof *ret);
	struct pl_error *e = io.window ? part_out_create(fd, &io.out) : pl_error_nomem();
	if (!e)
		e = transfer(&io, part);
	if (!e)
		conclude(&io, part);
	part_out_destroy(io.out);
	free(io.window);
	return e;
}
