#include "orchestrator/core/gunzip.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/core/sparse.h"

#define IN_SIZE (128 * 1024)
#define OUT_SIZE (256 * 1024) /* a multiple of the sparse writer's block */

struct decoder {
	int in_fd;
	uint64_t pos; /* next offset to read */
	uint64_t end;
	z_stream z;
	bool z_ready;
	uint8_t *in;
	uint8_t *out;
	struct sparse sink;
	uint64_t max_out;
	struct gunzip_result *ret;
	bool done;
};

const char *gunzip_status_name(enum gunzip_status status)
{
	switch (status) {
	case GUNZIP_OK:
		return "ok";
	case GUNZIP_TRUNCATED:
		return "truncated";
	case GUNZIP_CORRUPT:
		return "corrupt";
	case GUNZIP_NOT_GZIP:
		return "none";
	case GUNZIP_TOO_BIG:
		return "too-big";
	}
	return "corrupt";
}

static void verdict(struct decoder *d, enum gunzip_status status, const char *detail)
{
	d->ret->status = status;
	snprintf(d->ret->detail, sizeof d->ret->detail, "%s", detail);
	d->done = true;
}

/* Moves what is left of the input to the front and reads behind it. */
static struct pl_error *refill(struct decoder *d)
{
	size_t left = d->z.avail_in;
	if (left > 0)
		memmove(d->in, d->z.next_in, left);
	d->z.next_in = d->in;
	while (left < IN_SIZE && d->pos < d->end) {
		uint64_t want = d->end - d->pos;
		if (want > IN_SIZE - left)
			want = IN_SIZE - left;
		ssize_t n = pread(d->in_fd, d->in + left, (size_t)want, (off_t)d->pos);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_error_errno(
				PL_ERR_LAB, errno, "cannot read at offset %llu", (unsigned long long)d->pos);
		if (n == 0)
			d->end = d->pos;
		left += (size_t)n;
		d->pos += (uint64_t)n;
	}
	d->z.avail_in = (uInt)left;
	return NULL;
}

static bool starts_member(const struct decoder *d)
{
	return d->z.avail_in >= 2 && d->z.next_in[0] == 0x1f && d->z.next_in[1] == 0x8b;
}

static void check_start(struct decoder *d)
{
	if (d->z.avail_in == 0)
		verdict(d, GUNZIP_TRUNCATED, "the file is empty");
	else if (d->z.avail_in == 1 && d->in[0] == 0x1f)
		verdict(d, GUNZIP_TRUNCATED, "cut within the gzip header");
	else if (!starts_member(d))
		verdict(d, GUNZIP_NOT_GZIP, "no gzip header at the start");
}

/* A member is complete: another one, the end, or something else behind it. */
static struct pl_error *next_member(struct decoder *d)
{
	d->ret->members++;
	if (d->z.avail_in < 2) {
		struct pl_error *e = refill(d);
		if (e)
			return e;
	}
	if (starts_member(d)) {
		inflateReset(&d->z);
		return NULL;
	}
	verdict(d, GUNZIP_OK, "");
	d->ret->trailing = d->end - d->pos + d->z.avail_in;
	if (d->ret->trailing > 0)
		snprintf(d->ret->detail, sizeof d->ret->detail, "%llu bytes after the end of the gzip data",
			(unsigned long long)d->ret->trailing);
	return NULL;
}

static void give_up(struct decoder *d, int code)
{
	if (code == Z_NEED_DICT)
		verdict(d, GUNZIP_CORRUPT, "asks for a dictionary");
	else
		verdict(d, GUNZIP_CORRUPT, d->z.msg ? d->z.msg : "cannot be decoded");
}

/* Cuts what would pass the limit; true while there is room. */
static bool within_limit(struct decoder *d, size_t *made)
{
	uint64_t room = d->max_out - d->sink.size;
	if (*made <= room)
		return true;
	*made = (size_t)room;
	return false;
}

/* One turn: read, inflate into the whole output window, write. */
static struct pl_error *turn(struct decoder *d)
{
	struct pl_error *e;
	int code = Z_OK;

	d->z.next_out = d->out;
	d->z.avail_out = OUT_SIZE;
	while (d->z.avail_out > 0 && code == Z_OK) {
		if (d->z.avail_in == 0) {
			e = refill(d);
			if (e)
				return e;
		}
		code = inflate(&d->z, Z_NO_FLUSH);
	}
	if (code == Z_MEM_ERROR)
		return pl_error_nomem();
	size_t made = OUT_SIZE - d->z.avail_out;
	bool fits = within_limit(d, &made);
	e = sparse_write(&d->sink, d->out, made);
	if (e)
		return e;
	if (!fits)
		verdict(d, GUNZIP_TOO_BIG, "decodes to more than the limit");
	else if (code == Z_STREAM_END)
		return next_member(d);
	else if (code == Z_BUF_ERROR)
		verdict(d, GUNZIP_TRUNCATED, "cut before the end of the gzip data");
	else if (code != Z_OK)
		give_up(d, code);
	return NULL;
}

static struct pl_error *decoder_init(struct decoder *d)
{
	d->in = malloc(IN_SIZE);
	d->out = malloc(OUT_SIZE);
	if (!d->in || !d->out)
		return pl_error_nomem();
	/* 16: a gzip wrapper, whose CRC and length zlib verifies */
	if (inflateInit2(&d->z, 16 + MAX_WBITS) != Z_OK)
		return pl_error_nomem();
	d->z_ready = true;
	return NULL;
}

static void decoder_deinit(struct decoder *d)
{
	if (d->z_ready)
		inflateEnd(&d->z);
	free(d->in);
	free(d->out);
}

static struct pl_error *decode(struct decoder *d, const struct pl_wait *w)
{
	struct pl_error *e = refill(d);
	if (e)
		return e;
	check_start(d);
	while (!d->done) {
		e = pl_wait_check(w);
		if (!e)
			e = turn(d);
		if (e)
			return e;
	}
	return sparse_finish(&d->sink);
}

struct pl_error *gunzip_range(int in_fd, uint64_t offset, uint64_t length, int out_fd, uint64_t max_out,
	const struct pl_wait *w, struct gunzip_result *ret)
{
	struct decoder d = {
		.in_fd = in_fd, .pos = offset, .sink = {.fd = out_fd}, .max_out = max_out, .ret = ret};
	struct stat st;

	memset(ret, 0, sizeof *ret);
	d.end = length > (uint64_t)INT64_MAX - offset ? (uint64_t)INT64_MAX : offset + length;
	if (fstat(in_fd, &st) == 0 && S_ISREG(st.st_mode) && d.end > (uint64_t)st.st_size)
		d.end = (uint64_t)st.st_size;
	if (d.end < d.pos)
		d.end = d.pos;
	struct pl_error *e = decoder_init(&d);
	if (!e)
		e = decode(&d, w);
	ret->bytes_out = d.sink.size;
	ret->bytes_in = d.pos - offset - d.z.avail_in;
	decoder_deinit(&d);
	return e;
}

/* The folder that holds path, malloc'd. */
static struct pl_error *parent(const char *path, char **ret)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return pl_strdup(".", ret);
	int len = slash == path ? 1 : (int)(slash - path);
	return pl_asprintf(ret, "%.*s", len, path);
}

static struct pl_error *put_in_place(const char *temp, const char *to)
{
	char *dir = NULL;
	if (rename(temp, to) != 0) {
		struct pl_error *e = pl_error_errno(PL_ERR_LAB, errno, "cannot rename the decompressed file");
		unlink(temp);
		return e;
	}
	struct pl_error *e = parent(to, &dir);
	if (!e)
		e = pl_fs_sync_dir(dir);
	free(dir);
	return e;
}

static bool worth_keeping(const struct gunzip_result *r)
{
	return r->status == GUNZIP_OK || r->bytes_out > 0;
}

static struct pl_error *into_file(
	int in, const char *to, uint64_t max_out, const struct pl_wait *w, struct gunzip_result *ret)
{
	char *temp = NULL;
	struct pl_error *e = pl_asprintf(&temp, "%s.XXXXXX", to);
	if (e)
		return e;
	int out = mkstemp(temp); /* mode 0600 */
	if (out < 0) {
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot make a file beside it");
		free(temp);
		return pl_error_at(e, "%s", to);
	}
	e = gunzip_range(in, 0, UINT64_MAX, out, max_out, w, ret);
	if (close(out) != 0 && !e)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot write the decompressed file");
	if (e || !worth_keeping(ret))
		unlink(temp);
	else
		e = pl_error_at(put_in_place(temp, to), "%s", to);
	free(temp);
	return e;
}

struct pl_error *gunzip_file(const char *from, const char *to, uint64_t max_out, const struct pl_wait *w,
	struct gunzip_result *ret)
{
	memset(ret, 0, sizeof *ret);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open"), "%s", from);
	struct pl_error *e = into_file(in, to, max_out, w, ret);
	close(in);
	return pl_error_at(e, "%s", from);
}
