/*
 * For LD_PRELOAD, in tests only: a disk with errors. Writes to files whose
 * names end in ".partial" fail with FAIL_ERRNO once FAIL_AFTER bytes were
 * written to such files; FAIL_SYNC=1 makes their fsync() fail instead, and
 * with FAIL_SYNC=2 the process is killed there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic unsigned long written;

static unsigned long number(const char *name)
{
	const char *text = getenv(name);
	return text ? strtoul(text, NULL, 10) : 0;
}

static bool is_partial(int fd)
{
	static const char suffix[] = ".partial";
	char link[64];
	char path[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path);
	ssize_t length = (ssize_t)sizeof suffix - 1;
	return n > length && memcmp(path + n - length, suffix, (size_t)length) == 0;
}

static bool fails(int fd, size_t size)
{
	if (!is_partial(fd) || number("FAIL_SYNC"))
		return false;
	if (atomic_fetch_add(&written, size) + size <= number("FAIL_AFTER"))
		return false;
	errno = (int)number("FAIL_ERRNO");
	return true;
}

static bool sync_fails(int fd)
{
	if (!number("FAIL_SYNC") || !is_partial(fd))
		return false;
	if (number("FAIL_SYNC") == 2)
		raise(SIGKILL);
	errno = (int)number("FAIL_ERRNO");
	return true;
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

#define WRAP(type, name, parameters, arguments, failing)                                                     \
	type name parameters;                                                                                \
	type name parameters                                                                                 \
	{                                                                                                    \
		type(*real) parameters = (type(*) parameters)next(#name);                                    \
		return (failing) ? -1 : real arguments;                                                      \
	}

/* clang-format off */
WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), fails(fd, n))
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at), fails(fd, n))
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at), fails(fd, n))
WRAP(int, fsync, (int fd), (fd), sync_fails(fd))
WRAP(int, fdatasync, (int fd), (fd), sync_fails(fd))
