#include "server/machcore.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/reader.h"

#define MH_MAGIC 0xfeedfaceu
#define MH_MAGIC_64 0xfeedfacfu
#define MH_CORE 4u
#define LC_SEGMENT 0x1u
#define LC_SEGMENT_64 0x19u

/* A kernel core has some hundred segments of 72 bytes; beyond this it is no core of ours. */
#define COMMANDS_MAX (4u << 20)

struct header {
	bool core;
	bool wide;
	uint32_t ncmds;
	uint32_t sizeofcmds;
};

static struct header read_header(struct pl_reader *r)
{
	struct header h = {0};
	uint32_t magic = pl_read_u32(r);

	if (magic != MH_MAGIC && magic != MH_MAGIC_64) {
		r->big_endian = !r->big_endian;
		pl_read_seek(r, 0);
		magic = pl_read_u32(r);
	}
	h.wide = magic == MH_MAGIC_64;
	pl_read_skip(r, 8); /* cputype, cpusubtype */
	uint32_t filetype = pl_read_u32(r);
	h.ncmds = pl_read_u32(r);
	h.sizeofcmds = pl_read_u32(r);
	pl_read_skip(r, h.wide ? 8 : 4); /* flags, reserved */
	h.core = (h.wide || magic == MH_MAGIC) && filetype == MH_CORE;
	return h;
}

static bool segment_is_cut(struct pl_reader *r, uint32_t cmd, uint64_t file_size)
{
	uint64_t offset;
	uint64_t size;

	pl_read_skip(r, 16); /* segname */
	if (cmd == LC_SEGMENT_64) {
		pl_read_skip(r, 16); /* vmaddr, vmsize */
		offset = pl_read_u64(r);
		size = pl_read_u64(r);
	} else {
		pl_read_skip(r, 8);
		offset = pl_read_u32(r);
		size = pl_read_u32(r);
	}
	return offset > file_size || size > file_size - offset;
}

bool machcore_commands_are_cut(const void *bytes, size_t size, uint64_t file_size)
{
	struct pl_reader r = pl_reader_le(bytes, size);
	struct header h = read_header(&r);

	if (!h.core)
		return false;
	for (uint32_t i = 0; i < h.ncmds && pl_reader_ok(&r); i++) {
		size_t start = r.pos;
		uint32_t cmd = pl_read_u32(&r);
		uint32_t length = pl_read_u32(&r);
		if ((cmd == LC_SEGMENT || cmd == LC_SEGMENT_64) && segment_is_cut(&r, cmd, file_size))
			return true;
		if (length < 8 || length > size - start)
			return true;
		pl_read_seek(&r, start + length);
	}
	return !pl_reader_ok(&r);
}

static size_t read_start(int fd, uint8_t *to, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = pread(fd, to + have, size - have, (off_t)have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

bool machcore_is_cut(int fd, uint64_t size)
{
	uint8_t start[32];
	size_t have = read_start(fd, start, sizeof start);
	struct pl_reader r = pl_reader_le(start, have);
	struct header h = read_header(&r);

	if (!h.core || h.sizeofcmds > COMMANDS_MAX)
		return false;
	size_t want = (size_t)(h.wide ? 32 : 28) + h.sizeofcmds;
	uint8_t *commands = malloc(want);
	if (!commands)
		return false; /* not checked */
	have = read_start(fd, commands, want);
	bool cut = machcore_commands_are_cut(commands, have, size);
	free(commands);
	return cut;
}
