/*
 * Any bytes as a part of an image, decoded as gzip or LZ4 (the first byte says which),
 * within a limit: the file is as long as the result says and never longer than the
 * limit, and with half the limit it is a beginning of the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/core/part.h"

#define LIMIT (UINT64_C(1) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static int unnamed(void)
{
	char name[] = "/tmp/fuzz_part.XXXXXX";
	int fd = mkstemp(name);
	need(fd >= 0);
	unlink(name);
	return fd;
}

struct told {
	uint64_t done;
};

static void heard(void *arg, uint64_t done, uint64_t of)
{
	struct told *before = arg;
	need(done >= before->done && done <= of);
	before->done = done;
}

static struct part_result decode(
	const struct image_source *source, enum part_coding coding, int out, uint64_t limit)
{
	static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
	/* It claims more than there is, as a cut image does. */
	struct image_part part = {.end = source->size + 10, .coding = coding, .decode = true};
	struct part_result r;
	struct stat st;

	struct part_watch watch = {heard, &(struct told){0}};
	need(part_write(source, &part, out, limit, &forever, &watch, &r) == NULL);
	need(fstat(out, &st) == 0 && (uint64_t)st.st_size == r.bytes);
	need(r.bytes <= limit);
	need(r.status == PART_OK || r.detail[0] != '\0');
	need(strlen(r.sha256) == 64);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char a[LIMIT], b[LIMIT];

	if (size == 0)
		return 0;
	struct image_source source = {.fd = unnamed(), .size = size - 1};
	enum part_coding coding = data[0] & 1 ? PART_LZ4 : PART_GZIP;
	int whole = unnamed(), part = unnamed();
	need(write(source.fd, data + 1, size - 1) == (ssize_t)size - 1);
	struct part_result r = decode(&source, coding, whole, LIMIT);
	struct part_result half = decode(&source, coding, part, r.bytes / 2);
	need(half.bytes == r.bytes / 2);
	need(r.bytes == 0 || half.status == PART_TRUNCATED || half.status == r.status);
	need(pread(whole, a, LIMIT, 0) == (ssize_t)r.bytes);
	need(pread(part, b, LIMIT, 0) == (ssize_t)half.bytes);
	need(memcmp(a, b, (size_t)half.bytes) == 0);
	close(source.fd);
	close(whole);
	close(part);
	return 0;
}
