#include "orchestrator/core/macho_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestrator/core/inspect_parts.h"

#define WINDOW ((size_t)1 << 20)
#define FAT_HEAD 4096 /* a fat file's table is in its first page */

static void take(struct macho_part *p, const struct macho_cmd *cmd)
{
	struct macho_segment s;
	uint8_t uuid[16];

	if (cmd->cmd == MACHO_LC_UUID && macho_uuid_decode(*cmd, uuid))
		macho_uuid_text(uuid, p->uuid);
	if ((cmd->cmd != MACHO_LC_SEGMENT && cmd->cmd != MACHO_LC_SEGMENT_64) ||
		!macho_segment_decode(*cmd, &s))
		return;
	p->segments++;
	uint64_t end = s.filesize > UINT64_MAX - s.fileoff ? UINT64_MAX : s.fileoff + s.filesize;
	p->end = s.filesize > 0 && end > p->end ? end : p->end;
	p->kernel = p->kernel || strcmp(s.name, "__KLD") == 0;
	p->dwarf = p->dwarf || strcmp(s.name, "__DWARF") == 0;
	if (strcmp(s.name, "__TEXT") == 0) {
		p->text = s.vmaddr;
		p->code = macho_section_find(*cmd, "__text", &p->code) ? p->code : s.vmaddr;
		p->has_text = true;
	}
}

struct pl_error *macho_part_read(int fd, uint64_t offset, uint64_t length, struct macho_part *ret)
{
	uint8_t head[MACHO_HEADER_MAX];
	struct macho_iter it;
	struct macho_cmd cmd;

	memset(ret, 0, sizeof *ret);
	ret->offset = offset;
	ret->length = length;
	size_t size = length < sizeof head ? (size_t)length : sizeof head;
	struct pl_error *e = macho_header_decode(head, inspect_read(fd, offset, head, size), &ret->header);
	if (e)
		return e;
	size = ret->header.commands_size;
	if (size > length)
		size = (size_t)length;
	uint8_t *commands = malloc(size + 1);
	if (!commands)
		return pl_error_nomem();
	size = inspect_read(fd, offset + ret->header.header_size, commands, size);
	macho_iter_init(&it, &ret->header, commands, size);
	while (macho_next(&it, &cmd))
		take(ret, &cmd);
	ret->broken = it.broken;
	free(commands);
	return NULL;
}

static struct pl_error *read_parts(int fd, struct macho_file *f)
{
	struct macho_slice slices[MACHO_SLICES_MAX] = {{0}};
	uint8_t head[FAT_HEAD];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return pl_error_new(PL_ERR_DATA, "not a regular file");
	f->bytes = (uint64_t)st.st_size;
	size_t count = macho_fat_slices(head, inspect_read(fd, 0, head, sizeof head), slices);
	if (count == 0) {
		f->count = 1;
		return macho_part_read(fd, 0, f->bytes, &f->parts[0]);
	}
	struct pl_error *e = NULL;
	for (size_t i = 0; !e && i < count && f->count < MACHO_PARTS_MAX; i++) {
		if (slices[i].offset > f->bytes || slices[i].length > f->bytes - slices[i].offset)
			return pl_error_new(PL_ERR_DATA, "a fat file that is cut short");
		e = macho_part_read(fd, slices[i].offset, slices[i].length, &f->parts[f->count++]);
	}
	return e;
}

struct pl_error *macho_file_read(const char *path, struct macho_file *ret)
{
	memset(ret, 0, sizeof *ret);
	/* O_NONBLOCK: a FIFO must not hang us; no effect on files */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", path);
	struct pl_error *e = read_parts(fd, ret);
	close(fd);
	return pl_error_at(e, "%s", path);
}

const struct macho_part *macho_file_uuid(const struct macho_file *f, const char *uuid)
{
	for (size_t i = 0; uuid[0] && i < f->count; i++)
		if (strcmp(f->parts[i].uuid, uuid) == 0)
			return &f->parts[i];
	return NULL;
}

/* Windows overlap by the text's maximum, so that none is cut. */
struct pl_error *macho_find_version(
	int fd, uint64_t offset, uint64_t end, const struct pl_wait *w, struct kernel_version *ret)
{
	char *window = malloc(WINDOW + KERNEL_VERSION_MAX);
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof *ret);
	if (!window)
		return pl_error_nomem();
	for (; !e && offset < end && !ret->xnu[0]; offset += WINDOW) {
		size_t want = WINDOW + KERNEL_VERSION_MAX;
		if (want > end - offset)
			want = (size_t)(end - offset);
		char *stop = window + inspect_read(fd, offset, window, want);
		for (char *p = window; p < stop && !ret->xnu[0]; p++) {
			p = memmem(p, (size_t)(stop - p), "Darwin Kernel Version ", 22);
			if (!p)
				break;
			kernel_version_parse(p, strnlen(p, (size_t)(stop - p)), ret);
		}
		e = pl_wait_check(w);
	}
	free(window);
	return e;
}
