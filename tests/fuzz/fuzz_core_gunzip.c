/*
 * Any bytes as a gzip file. What comes out is never more than the limit, the
 * counts agree with the file, and cutting the output short by a smaller limit
 * gives a prefix of the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/core/gunzip.h"

#define LIMIT (UINT64_C(1) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static int unnamed(void)
{
	char name[] = "/tmp/fuzz_gunzip.XXXXXX";
	int fd = mkstemp(name);
	need(fd >= 0);
	unlink(name);
	return fd;
}

static struct gunzip_result run(int in, size_t size, int out, uint64_t limit)
{
	static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
	struct gunzip_result r;
	struct stat st;

	need(gunzip_range(in, 0, UINT64_MAX, out, limit, &forever, &r) == NULL);
	need(fstat(out, &st) == 0 && (uint64_t)st.st_size == r.bytes_out);
	need(r.bytes_out <= limit);
	need(r.bytes_in + r.trailing <= size);
	need(r.status != GUNZIP_OK || (r.members > 0 && r.bytes_in + r.trailing == size));
	need(r.status != GUNZIP_NOT_GZIP || (r.bytes_out == 0 && size > 0));
	need(memchr(r.detail, 0, sizeof r.detail) != NULL);
	return r;
}

static void same_start(int a, int b, uint64_t size)
{
	char x[4096], y[4096];

	for (uint64_t at = 0; at < size;) {
		size_t want = size - at < sizeof x ? (size_t)(size - at) : sizeof x;
		need(pread(a, x, want, (off_t)at) == (ssize_t)want);
		need(pread(b, y, want, (off_t)at) == (ssize_t)want);
		need(memcmp(x, y, want) == 0);
		at += want;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int in = unnamed(), out = unnamed(), less = unnamed();

	need(write(in, data, size) == (ssize_t)size);
	struct gunzip_result whole = run(in, size, out, LIMIT);
	struct gunzip_result part = run(in, size, less, whole.bytes_out / 2);
	need(part.bytes_out <= whole.bytes_out);
	same_start(out, less, part.bytes_out);
	close(in);
	close(out);
	close(less);
	return 0;
}
