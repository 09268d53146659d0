/*
 * The folder that a module of the server writes into, looked at from outside,
 * and gzip by zlib's own writer; after cmocka.h.
 */
#ifndef TESTS_SERVER_DUMP_FOLDER_H
#define TESTS_SERVER_DUMP_FOLDER_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/err.h"
#include "tests/unit/temp_dir.h"

static struct temp_dir dir;
static int dir_fd;

static inline int begin(void **state)
{
	(void)state;
	temp_make(&dir);
	dir_fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0;
}

static inline int end(void **state)
{
	(void)state;
	close(dir_fd);
	temp_remove(&dir);
	return 0;
}

static inline unsigned files(void)
{
	DIR *d = opendir(dir.path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static inline bool there(const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline struct stat look_at(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static inline uint64_t size_of(const char *name)
{
	return (uint64_t)look_at(name).st_size;
}

static inline void put_file(const char *name, const void *bytes, size_t size)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static inline void check_file(const char *name, const void *bytes, size_t size)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	uint8_t *found = malloc(size + 1);

	assert_true(fd >= 0);
	assert_non_null(found);
	assert_int_equal(pread(fd, found, size + 1, 0), size);
	assert_memory_equal(found, bytes, size);
	assert_int_equal(look_at(name).st_mode & 07777, 0600);
	free(found);
	close(fd);
}

/* That it is one, of this kind; ends it. */
static inline void expect_error(struct pl_error *err, const char *words)
{
	assert_non_null(err);
	assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
	if (!strstr(pl_error_what(err), words) &&
		!(pl_error_reason(err) && strstr(pl_error_reason(err), words)))
		fail_msg("'%s' does not say '%s'", pl_error_what(err), words);
	pl_error_free(err);
}

/* Hard to compress. */
static inline void fill(uint8_t *bytes, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
}

static inline size_t make_gzip(const uint8_t *plain, size_t size, uint8_t *out, size_t room)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)plain;
	z.avail_in = (uInt)size;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

#endif
