#include "orchestrator/fusion/bundle_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define LOCK_SIZE 512

enum bundle_lock bundle_lock_parse(const char *text, size_t size, long *pid)
{
	size_t i = 0;
	long value = 0;

	while (i < size && text[i] != ' ')
		i++;
	while (i < size && text[i] == ' ')
		i++;
	for (; i < size && text[i] >= '0' && text[i] <= '9'; i++) {
		if (value > (INT_MAX - 9) / 10)
			return BUNDLE_LOCK_UNKNOWN;
		value = 10 * value + (text[i] - '0');
	}
	if (!value || i == size || !strchr("-( ", text[i]))
		return BUNDLE_LOCK_UNKNOWN;
	*pid = value;
	return BUNDLE_LOCK_PROCESS;
}

enum bundle_lock bundle_lock_read(const char *path, long *pid)
{
	char text[LOCK_SIZE];
	/* O_NONBLOCK: a FIFO must not hang us */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? BUNDLE_LOCK_NONE : BUNDLE_LOCK_UNKNOWN;
	n = read(fd, text, sizeof text);
	close(fd);
	return n > 0 ? bundle_lock_parse(text, (size_t)n, pid) : BUNDLE_LOCK_UNKNOWN;
}
