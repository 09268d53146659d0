#include "orchestrator/core/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/disk.h>
#include <sys/ioctl.h>
#endif

#include "base/sparse.h"
#include "base/text.h"

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

struct pl_error *image_source_open(const char *path, struct image_source *ret)
{
	*ret = (struct image_source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	if (ret->fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", path);
	struct pl_error *e = measure(ret);
	if (e)
		image_source_close(ret);
	return pl_error_at(e, "%s", path);
}

static struct pl_error *unnamed(int *ret)
{
	const char *dir = getenv("TMPDIR");
	char *path;
	struct pl_error *e = pl_asprintf(&path, "%s/paniclab.XXXXXX", dir && *dir ? dir : "/tmp");

	if (e)
		return e;
	*ret = mkstemp(path);
	if (*ret < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot make a temporary file below TMPDIR");
	else
		unlink(path);
	free(path);
	return e;
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

struct pl_error *image_source_spool(
	int in_fd, uint64_t max, const struct pl_wait *w, struct image_source *ret)
{
	uint8_t *window = malloc(SPOOL_WINDOW);

	*ret = (struct image_source){.fd = -1};
	struct pl_error *e = window ? unnamed(&ret->fd) : pl_error_nomem();
	if (!e) {
		struct sparse out = {.fd = ret->fd};
		e = spool(in_fd, &out, max, w, window);
		ret->size = out.size;
		if (e)
			image_source_close(ret);
	}
	free(window);
	return pl_error_at(e, "standard input");
}

void image_source_close(struct image_source *s)
{
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
	while (*got < size) {
		ssize_t n = pread(s->fd, (uint8_t *)data + *got, size - *got, (off_t)(s->base + at + *got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot read the image at offset %" PRIu64,
				s->base + at + *got);
		if (n == 0) /* it shrank */
			break;
		*got += (size_t)n;
	}
	return NULL;
}
