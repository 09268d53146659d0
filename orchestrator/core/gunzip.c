#include "orchestrator/core/gunzip.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/gz.h"
#include "base/sparse.h"
#include "base/text.h"

#define IN_SIZE (128 * 1024)
#define OUT_SIZE (256 * 1024) /* a multiple of the sparse writer's block */

struct decoder {
	int in_fd;
	uint64_t start;
	uint64_t pos; /* next offset to read */
	uint64_t end;
	const struct pl_wait *wait;
	struct gz *gz;
	struct gz_io io;
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

static struct pl_error *refill(struct decoder *d)
{
	size_t want = d->end - d->pos < IN_SIZE ? (size_t)(d->end - d->pos) : IN_SIZE, got = 0;
	struct pl_error *e = pl_wait_check(d->wait);

	if (!e)
		e = pl_fs_read_at(d->in_fd, d->pos, d->in, want, &got);
	if (e)
		return e;
	d->pos += got;
	if (got < want)
		d->end = d->pos;
	d->io.in = d->in;
	d->io.in_left = got;
	return NULL;
}

static void end_ok(struct decoder *d)
{
	verdict(d, GUNZIP_OK, "");
	d->ret->trailing = gz_padding(d->gz) + d->io.in_left + (d->end - d->pos);
	if (d->ret->trailing > 0)
		snprintf(d->ret->detail, sizeof d->ret->detail, "%llu bytes after the end of the gzip data",
			(unsigned long long)d->ret->trailing);
}

/* There is no more input, or the decoder wants no more. */
static void conclude(struct decoder *d, enum gz_phase phase)
{
	switch (phase) {
	case GZ_START:
		verdict(d, GUNZIP_TRUNCATED,
			d->pos == d->start ? "the file is empty" : "cut within the gzip header");
		break;
	case GZ_MEMBER:
		verdict(d, GUNZIP_TRUNCATED, "cut before the end of the gzip data");
		break;
	case GZ_BETWEEN:
	case GZ_TRAILING:
		end_ok(d);
		break;
	case GZ_CORRUPT:
		verdict(d, GUNZIP_CORRUPT, gz_detail(d->gz));
		break;
	case GZ_OTHER:
		verdict(d, GUNZIP_NOT_GZIP, "no gzip header at the start");
		break;
	}
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

/* Fills the output window as far as the input goes; *over: nothing will follow. */
static struct pl_error *fill(struct decoder *d, enum gz_phase *phase, bool *over)
{
	d->io.out = d->out;
	d->io.out_left = OUT_SIZE;
	for (;;) {
		*phase = gz_decode(d->gz, &d->io);
		*over = *phase >= GZ_TRAILING || (d->io.out_left > 0 && d->pos == d->end);
		if (*over || d->io.out_left == 0)
			return NULL;
		struct pl_error *e = refill(d);
		if (e)
			return e;
	}
}

/* One turn: read, decode into the whole output window, write. */
static struct pl_error *turn(struct decoder *d)
{
	enum gz_phase phase = GZ_START;
	bool over = false;
	struct pl_error *e = fill(d, &phase, &over);
	if (e)
		return e;
	size_t made = OUT_SIZE - d->io.out_left;
	bool fits = within_limit(d, &made);
	e = sparse_write(&d->sink, d->out, made);
	if (e)
		return e;
	if (!fits)
		verdict(d, GUNZIP_TOO_BIG, "decodes to more than the limit");
	else if (over)
		conclude(d, phase);
	return NULL;
}

static struct pl_error *decoder_init(struct decoder *d)
{
	d->in = malloc(IN_SIZE);
	d->out = malloc(OUT_SIZE);
	if (!d->in || !d->out)
		return pl_error_nomem();
	return gz_create(&d->gz);
}

static void decoder_deinit(struct decoder *d)
{
	gz_destroy(d->gz);
	free(d->in);
	free(d->out);
}

static struct pl_error *decode(struct decoder *d)
{
	while (!d->done) {
		struct pl_error *e = turn(d);
		if (e)
			return e;
	}
	return sparse_finish(&d->sink);
}

struct pl_error *gunzip_range(int in_fd, uint64_t offset, uint64_t length, int out_fd, uint64_t max_out,
	const struct pl_wait *w, struct gunzip_result *ret)
{
	struct decoder d = {.in_fd = in_fd,
		.start = offset,
		.pos = offset,
		.wait = w,
		.sink = {.fd = out_fd},
		.max_out = max_out,
		.ret = ret};
	struct stat st;

	memset(ret, 0, sizeof *ret);
	d.end = length > (uint64_t)INT64_MAX - offset ? (uint64_t)INT64_MAX : offset + length;
	if (fstat(in_fd, &st) == 0 && S_ISREG(st.st_mode) && d.end > (uint64_t)st.st_size)
		d.end = (uint64_t)st.st_size;
	if (d.end < d.pos)
		d.end = d.pos;
	struct pl_error *e = decoder_init(&d);
	if (!e)
		e = decode(&d);
	ret->bytes_out = d.sink.size;
	ret->bytes_in = d.pos - offset - d.io.in_left;
	if (d.gz) {
		ret->bytes_in -= gz_padding(d.gz);
		ret->members = gz_members(d.gz);
	}
	decoder_deinit(&d);
	return e;
}

static struct pl_error *put_in_place(const char *temp, const char *to)
{
	char *dir = NULL;
	if (rename(temp, to) != 0) {
		struct pl_error *e = pl_error_errno(PL_ERR_LAB, errno, "cannot rename the decompressed file");
		unlink(temp);
		return e;
	}
	struct pl_error *e = pl_fs_parent(to, &dir);
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
