#include "orchestrator/core/core_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/grow.h"
#include "base/text.h"

size_t core_file_pread(const struct core_file *c, uint64_t offset, void *data, size_t size)
{
	size_t got;

	if (offset >= c->bytes)
		return 0;
	pl_error_free(pl_fs_read_at(c->fd, offset, data, size, &got));
	return got;
}

/* What a segment really has in the file; false when it has nothing to offer. */
static bool settle(struct core_file *c, const struct macho_segment *s, struct core_segment *ret)
{
	uint64_t size = s->filesize < s->vmsize ? s->filesize : s->vmsize;

	if (size == 0 || s->vmaddr + (size - 1) < s->vmaddr)
		return false;
	*ret = (struct core_segment){.vmaddr = s->vmaddr, .fileoff = s->fileoff, .size = size};
	if (s->fileoff < c->bytes) {
		uint64_t there = c->bytes - s->fileoff;
		ret->present = there < size ? there : size;
	}
	if (c->memory + size < c->memory)
		return false;
	c->memory += size;
	c->missing += size - ret->present;
	return true;
}

static struct pl_error *add_segment(struct core_file *c, const struct macho_cmd *cmd)
{
	struct macho_segment s;
	struct core_segment settled;

	if (!macho_segment_decode(*cmd, &s) || !settle(c, &s, &settled))
		return NULL;
	void *grown = pl_grow(c->segments, c->segment_count, sizeof *c->segments);
	if (!grown)
		return pl_error_nomem();
	c->segments = grown;
	c->segments[c->segment_count++] = settled;
	return NULL;
}

static struct pl_error *add_thread(struct core_file *c, const struct macho_cmd *cmd)
{
	struct macho_thread t;

	if (c->thread_count >= CORE_THREADS_MAX || !macho_thread_decode(*cmd, c->header.cpu_type, &t))
		return NULL;
	void *grown = pl_grow(c->threads, c->thread_count, sizeof *c->threads);
	if (!grown)
		return pl_error_nomem();
	c->threads = grown;
	c->threads[c->thread_count++] = t;
	return NULL;
}

static struct pl_error *add_note(struct core_file *c, const struct macho_cmd *cmd)
{
	struct macho_note n;

	if (c->note_count >= CORE_NOTES_MAX || !macho_note_decode(*cmd, &n))
		return NULL;
	void *grown = pl_grow(c->notes, c->note_count, sizeof *c->notes);
	if (!grown)
		return pl_error_nomem();
	c->notes = grown;
	c->notes[c->note_count++] = n;
	return NULL;
}

/* EFI's firmware leaves an LC_IDENT too ("EFI UUID=..."): the kernel's wins. */
static void take_ident(struct core_file *c, const struct macho_cmd *cmd)
{
	const char *text;
	size_t len;

	if (!macho_ident_decode(*cmd, &text, &len) || len >= sizeof c->ident)
		return;
	if (c->ident[0] && !memmem(text, len, "Darwin Kernel", strlen("Darwin Kernel")))
		return;
	memcpy(c->ident, text, len);
	c->ident[len] = '\0';
}

static struct pl_error *take(struct core_file *c, const struct macho_cmd *cmd)
{
	switch (cmd->cmd) {
	case MACHO_LC_SEGMENT:
	case MACHO_LC_SEGMENT_64:
		return add_segment(c, cmd);
	case MACHO_LC_THREAD:
	case MACHO_LC_UNIXTHREAD:
		return add_thread(c, cmd);
	case MACHO_LC_NOTE:
		return add_note(c, cmd);
	case MACHO_LC_IDENT:
		take_ident(c, cmd);
		return NULL;
	default:
		return NULL;
	}
}

static struct pl_error *read_commands(struct core_file *c)
{
	size_t size = c->header.commands_size;
	if (c->header.header_size + (uint64_t)size > c->bytes)
		size = (size_t)(c->bytes - c->header.header_size);
	uint8_t *commands = malloc(size + 1);
	if (!commands)
		return pl_error_nomem();
	size = core_file_pread(c, c->header.header_size, commands, size);
	struct macho_iter it;
	struct macho_cmd cmd;
	struct pl_error *e = NULL;
	macho_iter_init(&it, &c->header, commands, size);
	while (!e && macho_next(&it, &cmd))
		e = take(c, &cmd);
	c->damage = it.broken;
	c->truncated = c->missing > 0 || size < c->header.commands_size;
	free(commands);
	return e;
}

static int by_address(const void *a, const void *b)
{
	const struct core_segment *x = a, *y = b;
	return (x->vmaddr > y->vmaddr) - (x->vmaddr < y->vmaddr);
}

static struct pl_error *read_all(struct core_file *c)
{
	uint8_t head[MACHO_HEADER_MAX];
	struct stat st;

	if (fstat(c->fd, &st) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot look at the file");
	if (!S_ISREG(st.st_mode))
		return pl_error_new(PL_ERR_DATA, "not a regular file");
	c->bytes = (uint64_t)st.st_size;
	struct pl_error *e = macho_header_decode(head, core_file_pread(c, 0, head, sizeof head), &c->header);
	if (!e && c->header.file_type != MACHO_CORE)
		e = pl_error_new(PL_ERR_DATA, "a Mach-O file, but not a core");
	if (!e)
		e = read_commands(c);
	if (!e && c->segment_count > 1)
		qsort(c->segments, c->segment_count, sizeof *c->segments, by_address);
	return e;
}

struct pl_error *core_file_open_fd(int fd, struct core_file *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->fd = fd;
	struct pl_error *e = read_all(ret);
	if (e)
		core_file_close(ret);
	return e;
}

void core_file_close(struct core_file *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->segments);
	free(c->threads);
	free(c->notes);
	memset(c, 0, sizeof *c);
	c->fd = -1;
}

/* The last segment that starts at or before the address and reaches it. */
static const struct core_segment *segment_at(const struct core_file *c, uint64_t address)
{
	size_t low = 0, high = c->segment_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (c->segments[middle].vmaddr <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	const struct core_segment *s = &c->segments[low - 1];
	return address - s->vmaddr < s->present ? s : NULL;
}

size_t core_file_read(const struct core_file *c, uint64_t address, void *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		const struct core_segment *s = segment_at(c, address + done);
		if (!s)
			break;
		uint64_t into = address + done - s->vmaddr;
		uint64_t there = s->present - into;
		size_t want = there < size - done ? (size_t)there : size - done;
		size_t got = core_file_pread(c, s->fileoff + into, (uint8_t *)data + done, want);
		done += got;
		if (got < want)
			break;
	}
	return done;
}

const struct macho_note *core_file_note(const struct core_file *c, const char *owner)
{
	for (size_t i = 0; i < c->note_count; i++)
		if (strcmp(c->notes[i].owner, owner) == 0)
			return &c->notes[i];
	return NULL;
}

size_t core_file_note_read(const struct core_file *c, const struct macho_note *n, void *data, size_t size)
{
	return core_file_pread(c, n->offset, data, n->size < size ? (size_t)n->size : size);
}
