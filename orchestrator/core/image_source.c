#include "orchestrator/core/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/disk.h>
#include <sys/ioctl.h>
#endif

#include "base/fs.h"
#include "base/sparse.h"
#include "orchestrator/core/core_holes.h"
#include "orchestrator/core/vmdk.h"

#define SPOOL_WINDOW (128 * 1024)

static struct pl_error *device_size(int fd, uint64_t *ret)
{
#ifdef __APPLE__
	/* The end of a device cannot be sought there. */
	uint64_t count = 0;
	uint32_t block = 0;
	if (ioctl(fd, DKIOCGETBLOCKCOUNT, &count) < 0 || ioctl(fd, DKIOCGETBLOCKSIZE, &block) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot tell the size of the device");
	if (block > 0 && count > (uint64_t)INT64_MAX / block)
		return pl_error_new(PL_ERR_LAB, "the device's size makes no sense");
	*ret = count * block;
#else
	off_t end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot tell the size of the device");
	*ret = (uint64_t)end;
#endif
	return NULL;
}

static struct pl_error *measure(struct image_source *s)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot look at it");
	if (S_ISBLK(st.st_mode))
		return device_size(s->fd, &s->size);
	if (!S_ISREG(st.st_mode))
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "neither a file nor a block device"),
			"copy what it gives into a file first");
	s->size = (uint64_t)st.st_size;
	return NULL;
}

/* If it is a virtual disk, what that holds is the image from here on. */
static struct pl_error *look_inside(struct image_source *s, const char *path)
{
	uint8_t head[32];
	size_t got;
	struct pl_error *e = pl_fs_read_at(s->fd, 0, head, sizeof head, &got);

	if (e || !vmdk_is_one(head, got))
		return e;
	e = vmdk_open(path, s->fd, &s->vmdk);
	if (!e)
		s->size = vmdk_size(s->vmdk);
	return e;
}

struct pl_error *image_source_open(const char *path, struct image_source *ret)
{
	*ret = (struct image_source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	if (ret->fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", path);
	struct pl_error *e = measure(ret);
	if (!e)
		e = look_inside(ret, path);
	if (e)
		image_source_close(ret);
	return pl_error_at(e, "%s", path);
}

/* One piece of the input; *got 0 at its end. */
static struct pl_error *read_some(int fd, uint8_t *data, size_t size, const struct pl_wait *w, size_t *got)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct pl_error *e = pl_wait_poll(w, &p, 1);
		if (e)
			return e;
		ssize_t n = read(fd, data, size);
		*got = n > 0 ? (size_t)n : 0;
		if (n >= 0)
			return NULL;
		if (errno != EINTR && errno != EAGAIN)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot read it");
	}
}

static struct pl_error *spool(
	int in_fd, struct sparse *out, uint64_t max, const struct pl_wait *w, uint8_t *window)
{
	for (;;) {
		size_t got = 0;
		struct pl_error *e = read_some(in_fd, window, SPOOL_WINDOW, w, &got);
		if (e)
			return e;
		if (got == 0)
			return sparse_finish(out);
		if (got > max - out->size)
			return pl_error_hint(
				pl_error_new(PL_ERR_USAGE, "there is more of it than the size limit"),
				"raise --max-size");
		e = sparse_write(out, window, got);
		if (e)
			return e;
	}
}

static struct pl_error *spool_to(
	struct image_source *s, int in_fd, uint64_t max, const struct pl_wait *w, uint8_t *window)
{
	struct sparse out = {.fd = s->fd};
	struct pl_error *e = spool(in_fd, &out, max, w, window);

	s->size = out.size;
	return e ? e : look_inside(s, NULL);
}

struct pl_error *image_source_spool(
	int in_fd, uint64_t max, const struct pl_wait *w, struct image_source *ret)
{
	uint8_t *window = malloc(SPOOL_WINDOW);

	*ret = (struct image_source){.fd = -1};
	struct pl_error *e = window ? pl_fs_unnamed(&ret->fd) : pl_error_nomem();
	if (!e) {
		e = spool_to(ret, in_fd, max, w, window);
		if (e)
			image_source_close(ret);
	}
	free(window);
	return pl_error_at(e, "standard input");
}

static struct pl_error *gunzip_to(struct image_source *to, const struct image_source *from, uint64_t max,
	const struct pl_wait *w, enum gunzip_status *status)
{
	struct gunzip_result r;
	struct pl_error *e = gunzip_range(from->fd, from->base, from->size, to->fd, max, w, &r);

	*status = r.status;
	to->size = r.bytes_out;
	if (!e && r.status == GUNZIP_TOO_BIG)
		e = pl_error_hint(pl_error_new(PL_ERR_USAGE, "it decompresses to more than the size limit"),
			"raise --max-size");
	return e ? e : look_inside(to, NULL);
}

struct pl_error *image_source_gunzip(
	struct image_source *s, uint64_t max, const struct pl_wait *w, enum gunzip_status *status)
{
	struct image_source plain = {.fd = -1};
	struct pl_error *e = pl_fs_unnamed(&plain.fd);

	if (!e)
		e = gunzip_to(&plain, s, max, w, status);
	image_source_close(s);
	*s = plain;
	return e;
}

void image_source_close(struct image_source *s)
{
	vmdk_close(s->vmdk);
	s->vmdk = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

struct pl_error *image_source_read(
	const struct image_source *s, uint64_t at, void *data, size_t size, size_t *got)
{
	*got = 0;
	if (at >= s->size)
		return NULL;
	if (size > s->size - at)
		size = (size_t)(s->size - at);
	if (s->vmdk)
		return vmdk_read(s->vmdk, s->base + at, data, size, got);
	return pl_fs_read_at(s->fd, s->base + at, data, size, got);
}

bool image_source_is_hole(const struct image_source *s, uint64_t at, uint64_t size)
{
	uint64_t from = s->base + at, end = from + size;

	if (at > s->size || size > s->size - at)
		return false;
	return s->vmdk ? vmdk_is_hole(s->vmdk, from, size) : core_next_data(s->fd, from, end) == end;
}

bool image_source_has_file(const struct image_source *s, const struct stat *st)
{
	struct stat own;

	if (s->vmdk)
		return vmdk_has_file(s->vmdk, st);
	return fstat(s->fd, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino;
}
