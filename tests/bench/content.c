#include "tests/bench/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CYCLE ((16u << 20) - 3)
#define COMPARED_AT_ONCE 1024u /* so that it never passes CONTENT_PACKET_MAX */

static struct pl_error *map(size_t size, uint8_t **ret)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return pl_error_errno(PL_ERR_LAB, errno, "no memory for %zu bytes", size);
	*ret = p;
	return NULL;
}

/* splitmix64, Steele, Lea and Flood 2014 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct pl_error *content_random(struct content *ret)
{
	uint8_t *bytes = NULL;
	uint64_t state = 1;
	size_t mapped = CYCLE + CONTENT_PACKET_MAX;
	struct pl_error *e = map(mapped, &bytes);
	if (e)
		return e;
	for (size_t i = 0; i + 8 <= mapped; i += 8) {
		uint64_t z = next_random(&state);
		memcpy(bytes + i, &z, 8);
	}
	memcpy(bytes + CYCLE, bytes, CONTENT_PACKET_MAX);
	*ret = (struct content){.bytes = bytes, .cycle = CYCLE, .mapped = mapped};
	return NULL;
}

/* Deflate's Huffman codes make hexadecimal digits half as long. */
static void fill_hex(uint8_t *text, size_t size)
{
	uint64_t state = 2;
	for (size_t i = 0; i < size; i++)
		text[i] = (uint8_t) "0123456789abcdef"[next_random(&state) >> 60];
}

struct pl_error *content_gzip(size_t size, struct content *ret)
{
	size_t plain = 2 * size;
	size_t mapped = 2 * size + 65536;
	uint8_t *bytes = NULL;
	struct pl_error *e = NULL;
	z_stream z = {.next_in = malloc(plain), .avail_in = (uInt)plain};
	uint8_t *text = z.next_in;
	if (!text)
		return pl_error_nomem();
	fill_hex(text, plain);
	e = map(mapped, &bytes);
	z.next_out = bytes;
	z.avail_out = (uInt)mapped;
	if (!e && (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
			  deflate(&z, Z_FINISH) != Z_STREAM_END))
		e = pl_error_new(PL_ERR_LAB, "cannot compress");
	(void)deflateEnd(&z);
	free(text);
	*ret = (struct content){.bytes = bytes, .cycle = z.total_out, .plain = plain, .mapped = mapped};
	return e;
}

struct pl_error *content_file(const char *path, struct content *ret)
{
	struct stat st;
	struct pl_error *e = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot read %s", path);
	} else {
		size_t size = (size_t)st.st_size;
		void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			e = pl_error_errno(PL_ERR_LAB, errno, "cannot map %s", path);
		else
			*ret = (struct content){.bytes = p, .cycle = size, .mapped = size};
	}
	if (fd >= 0)
		close(fd);
	return e;
}

void content_deinit(struct content *c)
{
	if (c->mapped > 0)
		(void)munmap((void *)(uintptr_t)c->bytes, c->mapped);
	*c = (struct content){0};
}

static bool same(const struct content *c, uint64_t start, const uint8_t *got, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += COMPARED_AT_ONCE) {
		size_t n = size - at < COMPARED_AT_ONCE ? (size_t)(size - at) : COMPARED_AT_ONCE;
		if (memcmp(got + at, content_at(c, start + at), n) != 0)
			return false;
	}
	return true;
}

struct pl_error *content_check(
	const struct content *c, uint64_t start, uint64_t size, const char *dir, const char *name)
{
	char path[1024];
	struct content got = {0};
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	struct pl_error *e = content_file(path, &got);
	if (!e && got.cycle != size)
		e = pl_error_new(PL_ERR_DATA, "%s has %llu bytes and not %llu", path,
			(unsigned long long)got.cycle, (unsigned long long)size);
	if (!e && !same(c, start, got.bytes, size))
		e = pl_error_new(PL_ERR_DATA, "%s is not what was sent", path);
	content_deinit(&got);
	return e;
}
