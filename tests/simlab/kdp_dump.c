#include "tests/simlab/kdp_dump.h"

#include <string.h>
#include <zlib.h>

/* A small window and little memory, as a kernel that is dying can spare. */
#define ZLIB_WINDOW 12
#define ZLIB_MEMORY 3

struct stream {
	struct kdp_client *client;
	const struct pl_wait *wait;
	enum kdp_failure failure;
	uint8_t packet[KDP_SIZE_LARGE]; /* the buffer stage's */
	size_t used;
	size_t full;
	bool gzip;
	z_stream z;
};

/* Ends the source's writing; the caller finds the cause in s->failure and frees it. */
static struct pl_error *give_up(const struct stream *s)
{
	return pl_error_new(PL_ERR_CAPTURE, "the dump failed (%d)", (int)s->failure);
}

/* What could not be sent stays in the buffer: xnu flushes it once more at the end. */
static struct pl_error *flush(struct stream *s)
{
	enum kdp_failure failure;
	if (s->used == 0)
		return NULL;
	struct pl_error *e = kdp_packet_data(s->client, s->packet, s->used, 0, s->wait, &failure);
	if (e)
		return e;
	if (failure != KDP_OK) {
		if (s->failure == KDP_OK)
			s->failure = failure;
		return give_up(s);
	}
	s->used = 0;
	return NULL;
}

static struct pl_error *buffer(struct stream *s, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		size_t n = s->full - s->used < size ? s->full - s->used : size;
		memcpy(s->packet + s->used, bytes, n);
		s->used += n;
		bytes += n;
		size -= n;
		struct pl_error *e = s->used == s->full ? flush(s) : NULL;
		if (e)
			return e;
	}
	return NULL;
}

static struct pl_error *deflate_to(struct stream *s, const void *bytes, size_t size, int how)
{
	uint8_t out[4096];
	s->z.next_in = (z_const Bytef *)(uintptr_t)bytes;
	s->z.avail_in = (uInt)size;
	do {
		s->z.next_out = out;
		s->z.avail_out = sizeof(out);
		if (deflate(&s->z, how) == Z_STREAM_ERROR)
			return pl_error_new(PL_ERR_LAB, "zlib: stream error");
		struct pl_error *e = buffer(s, out, sizeof(out) - s->z.avail_out);
		if (e)
			return e;
	} while (s->z.avail_out == 0);
	return NULL;
}

static struct pl_error *stream_write(void *arg, const void *bytes, size_t size)
{
	struct stream *s = arg;
	return s->gzip ? deflate_to(s, bytes, size, Z_NO_FLUSH) : buffer(s, bytes, size);
}

static struct pl_error *stream_seek(void *arg, uint64_t offset)
{
	struct stream *s = arg;
	struct pl_error *e = flush(s);
	if (e)
		return e;
	e = kdp_packet_seek(s->client, offset, s->wait, &s->failure);
	return !e && s->failure != KDP_OK ? give_up(s) : e;
}

static struct pl_error *stream_body(struct stream *s, const struct kdp_source *source, bool seeks)
{
	const struct core_sink sink = {.write = stream_write, .seek = seeks ? stream_seek : NULL, .arg = s};
	if (s->gzip && deflateInit2(&s->z, Z_BEST_SPEED, Z_DEFLATED, ZLIB_WINDOW + 16, ZLIB_MEMORY,
			       Z_DEFAULT_STRATEGY) != Z_OK)
		return pl_error_nomem();
	struct pl_error *e = source->write(source->arg, &sink);
	if (!e && s->gzip)
		e = deflate_to(s, NULL, 0, Z_FINISH);
	if (!e)
		e = flush(s);
	if (s->gzip)
		deflateEnd(&s->z);
	return e;
}

/* True when the error only says that the dump failed; it is freed then. */
static bool only_gave_up(const struct stream *s, struct pl_error **e)
{
	if (*e == NULL || s->failure == KDP_OK || pl_error_kind(*e) != PL_ERR_CAPTURE)
		return false;
	pl_error_free(*e);
	*e = NULL;
	return true;
}

static struct pl_error *finish(struct stream *s, struct kdp_dump_result *ret)
{
	enum kdp_failure failure = KDP_OK;
	struct kdp_stats stats;
	struct pl_error *e = kdp_packet_eof(s->client, s->wait, &failure);
	if (s->failure == KDP_OK)
		s->failure = failure;
	kdp_client_stats(s->client, &stats);
	ret->failure = s->failure;
	ret->bytes = stats.bytes;
	ret->complete = !e && s->failure == KDP_OK;
	return e;
}

static struct pl_error *start(struct stream *s, struct kdp_client *c, const char *name,
	const struct pl_wait *w, struct kdp_dump_result *ret)
{
	struct kdp_stats stats;
	memset(s, 0, sizeof(*s));
	memset(ret, 0, sizeof(*ret));
	s->client = c;
	s->wait = w;
	struct pl_error *e = kdp_packet_wrq(c, name, w, &s->failure);
	kdp_client_stats(c, &stats);
	s->full = stats.packet_size;
	ret->failure = s->failure;
	ret->started = !e && s->failure == KDP_OK;
	return e;
}

struct pl_error *kdp_dump_core(struct kdp_client *c, const char *name, enum kdp_core_form form,
	const struct kdp_source *source, const struct pl_wait *w, struct kdp_dump_result *ret)
{
	struct stream s;
	struct pl_error *e = start(&s, c, name, w, ret);
	if (e || !ret->started)
		return e;
	s.gzip = form == KDP_CORE_GZIP;
	e = stream_body(&s, source, form == KDP_CORE_BARE_SEEKS);
	if (!e && source->sent)
		source->sent(source->arg);
	if (only_gave_up(&s, &e)) {
		e = flush(&s);
		(void)only_gave_up(&s, &e);
	}
	return e ? e : finish(&s, ret);
}

struct pl_error *kdp_dump_log(struct kdp_client *c, const char *name, const void *text, size_t size,
	const struct pl_wait *w, struct kdp_dump_result *ret)
{
	struct stream s;
	const uint8_t *bytes = text;
	struct pl_error *e = start(&s, c, name, w, ret);
	if (e || !ret->started)
		return e;
	while (!e && size > 0 && s.failure == KDP_OK) {
		size_t n = size < s.full ? size : s.full;
		e = kdp_packet_data(c, bytes, n, strlen(name) + 1, w, &s.failure);
		bytes += n;
		size -= n;
	}
	return e ? e : finish(&s, ret);
}
