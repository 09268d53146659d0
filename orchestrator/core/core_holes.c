#include "orchestrator/core/core_holes.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

uint64_t core_next_data(int fd, uint64_t offset, uint64_t end)
{
#ifdef SEEK_DATA
	off_t at = lseek(fd, (off_t)offset, SEEK_DATA);
	if (at < 0)
		return errno == ENXIO ? end : offset;
	return (uint64_t)at < end ? (uint64_t)at : end;
#else
	(void)fd;
	(void)end;
	return offset;
#endif
}

uint64_t core_next_hole(int fd, uint64_t offset, uint64_t end)
{
#ifdef SEEK_HOLE
	off_t at = lseek(fd, (off_t)offset, SEEK_HOLE);
	return at >= 0 && (uint64_t)at < end ? (uint64_t)at : end;
#else
	(void)fd;
	(void)offset;
	return end;
#endif
}
