/*
 * Any bytes as the files of a virtual disk, in a folder of their own: behind the first
 * byte they are disk.vmdk, and from "PARENT" on parent.vmdk, and from "EXTENT" on
 * extent.vmdk. What is read is the same in one piece as in small ones, at every
 * place the same as from the beginning, and never passes the disk's end. Holes are zeroes.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/vmdk.h"

#define READ ((size_t)256 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"disk.vmdk", "parent.vmdk", "extent.vmdk"};
static const char *const marks[] = {NULL, "PARENT", "EXTENT"};

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void put_file(int dir, const char *name, const uint8_t *data, size_t size)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	need(fd >= 0);
	need(write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static const uint8_t *find(const uint8_t *data, size_t size, const char *mark)
{
	return size > 0 ? memmem(data, size, mark, strlen(mark)) : NULL;
}

static void put_files(int dir, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < 3; i++) {
		const uint8_t *next = i < 2 ? find(data, size, marks[i + 1]) : NULL;
		size_t own = next ? (size_t)(next - data) : size;
		put_file(dir, names[i], data, own);
		size_t used = next ? own + strlen(marks[i + 1]) : size;
		data += used;
		size -= used;
	}
}

/* From `at`, in pieces of step; the bytes that came. */
static size_t read_in(struct vmdk *v, uint64_t at, uint8_t *to, size_t step)
{
	size_t have = 0, got = 1;

	while (have < READ && got > 0) {
		struct pl_error *e =
			vmdk_read(v, at + have, to + have, step < READ - have ? step : READ - have, &got);
		need(got <= step);
		have += got;
		if (e) { /* an extent that is not there */
			pl_error_free(e);
			break;
		}
	}
	return have;
}

/* What is called a hole has nothing to read but zeroes; the disk may say that it has 2^63 of them. */
static void check_holes(struct vmdk *v, const uint8_t *start, size_t whole)
{
	const size_t block = 4096;

	vmdk_is_hole(v, 0, vmdk_size(v));
	for (size_t at = 0; at < whole; at += block)
		if (vmdk_is_hole(v, at, block))
			for (size_t i = at; i < at + block && i < whole; i++)
				need(start[i] == 0);
}

static void check(struct vmdk *v, uint8_t salt)
{
	static uint8_t a[READ], b[READ];
	uint64_t size = vmdk_size(v);
	uint64_t middle = size / 2 / 256 * salt;

	need(size <= INT64_MAX);
	size_t whole = read_in(v, 0, a, READ);
	need(whole <= size);
	size_t pieces = read_in(v, 0, b, 1000 + salt);
	need(pieces == whole && memcmp(a, b, whole) == 0);
	check_holes(v, a, whole);
	size_t some = read_in(v, salt, b, READ);
	need(whole <= salt || (some >= whole - salt && memcmp(a + salt, b, whole - salt) == 0));
	need(read_in(v, middle, b, READ) <= size - middle);
	need(read_in(v, size, b, 1) == 0 && read_in(v, UINT64_MAX - READ, b, 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char folder[] = "/tmp/fuzz_vmdk.XXXXXX", path[64] = "";
	struct vmdk *v = NULL;

	if (size == 0)
		return 0;
	need(mkdtemp(folder) != NULL);
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	put_files(dir, data + 1, size - 1);
	snprintf(path, sizeof path, "%s/%s", folder, names[0]);
	int fd = open(path, O_RDONLY);
	need(fd >= 0);
	struct pl_error *e = vmdk_open(path, fd, &v);
	if (!e)
		check(v, data[0]);
	pl_error_free(e);
	vmdk_close(v);
	close(fd);
	for (size_t i = 0; i < 3; i++)
		unlinkat(dir, names[i], 0);
	close(dir);
	rmdir(folder);
	return 0;
}
