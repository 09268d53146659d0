#include "orchestrator/core/image_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/disk.h>
#include <sys/ioctl.h>
#endif

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
