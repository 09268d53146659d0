#include "orchestrator/core/vmdk_sparse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/fs.h"
#include "base/reader.h"
#include "orchestrator/core/vmdk_descriptor.h"

#define HEADER 512
#define FOOTER_AT_END 1024 /* the footer is before the last sector, which marks the end */
#define DIRECTORY_IN_FOOTER UINT64_MAX

#define FLAG_NEWLINES (UINT32_C(1) << 0)
#define FLAG_ZERO_GRAINS (UINT32_C(1) << 2)
#define FLAG_COMPRESSED (UINT32_C(1) << 16)
#define FLAG_MARKERS (UINT32_C(1) << 17)
#define DEFLATE 1

/* The format says 128 sectors by default and 512 entries always. */
#define GRAIN_MAX 2048
#define ENTRIES_MAX 4096
#define MARKER 12 /* before a compressed grain: u64 its first sector, u32 bytes that follow */
#define NONE UINT64_MAX

bool vmdk_is_sparse(const void *head, size_t size)
{
	return size >= 4 && memcmp(head, "KDMV", 4) == 0;
}

static struct pl_error *unreadable(const char *why)
{
	return pl_error_why(pl_error_new(PL_ERR_USAGE, "the header of the VMDK makes no sense"), "%s", why);
}

static struct pl_error *check(const struct vmdk_sparse *s, uint64_t capacity, uint64_t grain)
{
	if (capacity == 0 || capacity > (uint64_t)INT64_MAX / VMDK_SECTOR)
		return unreadable("the disk's size");
	if (grain == 0 || grain > GRAIN_MAX)
		return unreadable("the size of a grain");
	if (s->entries == 0 || s->entries > ENTRIES_MAX)
		return unreadable("the size of a table");
	return NULL;
}

static uint64_t sectors(uint64_t n)
{
	return n < (uint64_t)INT64_MAX / VMDK_SECTOR ? n * VMDK_SECTOR : (uint64_t)INT64_MAX;
}

/* *in_footer: the directory's place is in a copy of this header at the file's end. */
static struct pl_error *decode(const uint8_t *head, size_t size, struct vmdk_sparse *s, bool *in_footer)
{
	struct pl_reader r = pl_reader_le(head, size);

	pl_read_skip(&r, 4);
	uint32_t version = pl_read_u32(&r), flags = pl_read_u32(&r);
	uint64_t capacity = pl_read_u64(&r), grain = pl_read_u64(&r);
	uint64_t descriptor = pl_read_u64(&r), descriptor_size = pl_read_u64(&r);
	s->entries = pl_read_u32(&r);
	pl_read_skip(&r, 8); /* a second directory */
	uint64_t directory = pl_read_u64(&r);
	pl_read_skip(&r, 8 + 1); /* how much metadata there is; whether it was closed */
	const uint8_t *newlines = pl_read_bytes(&r, 4);
	uint16_t method = pl_read_u16(&r);

	if (!pl_reader_ok(&r) || !vmdk_is_sparse(head, size))
		return pl_error_new(PL_ERR_USAGE, "not a sparse VMDK");
	if (version == 0 || version > 3)
		return pl_error_new(PL_ERR_USAGE, "version %u of sparse VMDKs is not known", version);
	if (flags & FLAG_NEWLINES && memcmp(newlines, "\n \r\n", 4) != 0)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "a transfer as text has damaged the VMDK"),
			"copy it again, as binary data");
	s->compressed = flags & FLAG_COMPRESSED;
	if (s->compressed && (method != DEFLATE || !(flags & FLAG_MARKERS)))
		return pl_error_new(PL_ERR_USAGE, "compression %u of VMDKs is not known", method);
	s->has_zero_grains = flags & FLAG_ZERO_GRAINS;
	s->size = sectors(capacity);
	s->grain = sectors(grain);
	s->descriptor = sectors(descriptor);
	s->descriptor_size = descriptor == 0 ? 0 : sectors(descriptor_size);
	s->directory = sectors(directory);
	*in_footer = directory == DIRECTORY_IN_FOOTER;
	return check(s, capacity, grain);
}

static struct pl_error *read_header(struct vmdk_sparse *s, uint64_t at, bool *in_footer)
{
	uint8_t head[HEADER];
	size_t got;
	struct pl_error *e = pl_fs_read_at(s->fd, at, head, sizeof head, &got);

	return e ? e : decode(head, got, s, in_footer);
}

static struct pl_error *read_footer(struct vmdk_sparse *s)
{
	struct vmdk_sparse footer = {.fd = s->fd};
	struct stat st;
	bool again = false;

	if (fstat(s->fd, &st) < 0 || st.st_size < FOOTER_AT_END)
		return unreadable("the file ends too early");
	struct pl_error *e = read_header(&footer, (uint64_t)st.st_size - FOOTER_AT_END, &again);
	if (!e && (again || footer.size != s->size || footer.grain != s->grain ||
			  footer.entries != s->entries || footer.compressed != s->compressed))
		e = unreadable("its footer has other numbers");
	if (e)
		return pl_error_hint(e, "its end may be missing: copy the VMDK again");
	s->directory = footer.directory;
	return NULL;
}

static struct pl_error *take_memory(struct vmdk_sparse *s)
{
	s->table = calloc(s->entries, sizeof *s->table);
	if (s->compressed) {
		s->plain = malloc((size_t)s->grain);
		s->packed = malloc(compressBound((uLong)s->grain));
	}
	if (!s->table || (s->compressed && (!s->plain || !s->packed)))
		return pl_error_nomem();
	return NULL;
}

struct pl_error *vmdk_sparse_open(int fd, struct vmdk_sparse *ret)
{
	bool in_footer = false;

	*ret = (struct vmdk_sparse){.fd = fd, .table_number = NONE, .plain_number = NONE};
	struct pl_error *e = read_header(ret, 0, &in_footer);
	if (!e && in_footer)
		e = read_footer(ret);
	if (!e)
		e = take_memory(ret);
	if (e)
		vmdk_sparse_close(ret);
	return e;
}

void vmdk_sparse_close(struct vmdk_sparse *s)
{
	free(s->table);
	free(s->plain);
	free(s->packed);
	*s = (struct vmdk_sparse){.fd = -1};
}

/* ---- grains ------------------------------------------------------------------------ */

static struct pl_error *read_u32(const struct vmdk_sparse *s, uint64_t at, uint32_t *ret, bool *whole)
{
	uint8_t bytes[4];
	size_t got;
	struct pl_error *e = pl_fs_read_at(s->fd, at, bytes, sizeof bytes, &got);
	struct pl_reader r = pl_reader_le(bytes, e ? 0 : got);

	*ret = pl_read_u32(&r);
	*whole = pl_reader_ok(&r);
	return e;
}

/* Has the table that the grain is in; else *found says why not. */
static struct pl_error *fetch_table(struct vmdk_sparse *s, uint64_t number, enum vmdk_grain *found)
{
	uint32_t sector = 0;
	bool whole = false;
	size_t size = s->entries * sizeof *s->table, got = 0;

	*found = VMDK_GRAIN_DATA;
	if (s->table_number == number)
		return NULL;
	s->table_number = NONE;
	struct pl_error *e = read_u32(s, s->directory + 4 * number, &sector, &whole);
	if (e)
		return e;
	*found = !whole ? VMDK_GRAIN_BAD : sector == 0 ? VMDK_GRAIN_ABSENT : VMDK_GRAIN_DATA;
	if (*found != VMDK_GRAIN_DATA)
		return NULL;
	e = pl_fs_read_at(s->fd, sector * VMDK_SECTOR, s->table, size, &got);
	if (e)
		return e;
	if (got < size) {
		*found = VMDK_GRAIN_BAD;
		return NULL;
	}
	struct pl_reader r = pl_reader_le(s->table, size);
	for (uint32_t i = 0; i < s->entries; i++)
		s->table[i] = pl_read_u32(&r); /* behind the reader, if anywhere */
	s->table_number = number;
	return NULL;
}

/* Where the grain is in the file, if *found is VMDK_GRAIN_DATA. */
static struct pl_error *find(struct vmdk_sparse *s, uint64_t number, uint64_t *ret, enum vmdk_grain *found)
{
	struct pl_error *e = fetch_table(s, number / s->entries, found);

	if (e || *found != VMDK_GRAIN_DATA)
		return e;
	uint32_t sector = s->table[number % s->entries];
	if (sector == 0)
		*found = VMDK_GRAIN_ABSENT;
	else if (sector == 1 && s->has_zero_grains)
		*found = VMDK_GRAIN_ZERO;
	*ret = sector * VMDK_SECTOR;
	return NULL;
}

/* Decompresses the grain at `at` of the file, unless it is there already. */
static struct pl_error *unpack(struct vmdk_sparse *s, uint64_t number, uint64_t at, enum vmdk_grain *found)
{
	uint32_t size;
	bool whole;
	size_t got;

	if (s->plain_number == number)
		return NULL;
	s->plain_number = NONE;
	*found = VMDK_GRAIN_BAD;
	struct pl_error *e = read_u32(s, at + MARKER - 4, &size, &whole);
	if (e || !whole || size > compressBound((uLong)s->grain))
		return e;
	e = pl_fs_read_at(s->fd, at + MARKER, s->packed, size, &got);
	uLongf made = (uLongf)s->grain; /* at most GRAIN_MAX sectors */
	if (e || got < size || uncompress(s->plain, &made, s->packed, size) != Z_OK || made != s->grain)
		return e;
	s->plain_number = number;
	*found = VMDK_GRAIN_DATA;
	return NULL;
}

struct pl_error *vmdk_sparse_read(
	struct vmdk_sparse *s, uint64_t at, void *data, size_t *size, enum vmdk_grain *ret)
{
	uint64_t number = at / s->grain, within = at % s->grain, place = 0;

	if (*size > s->grain - within)
		*size = (size_t)(s->grain - within);
	if (*size > s->size - at)
		*size = (size_t)(s->size - at);
	struct pl_error *e = find(s, number, &place, ret);
	if (e || *ret != VMDK_GRAIN_DATA)
		return e;
	if (s->compressed) {
		e = unpack(s, number, place, ret);
		if (!e && *ret == VMDK_GRAIN_DATA)
			memcpy(data, s->plain + within, *size);
		return e;
	}
	e = pl_fs_read_at(s->fd, place + within, data, *size, size);
	if (*size == 0)
		*ret = VMDK_GRAIN_BAD;
	return e;
}

/* The directory ends with the file before that table's entry, and before those of all that follow. */
static bool is_behind_directory(const struct vmdk_sparse *s, uint64_t table)
{
	struct stat st;

	return fstat(s->fd, &st) == 0 && s->directory + 4 * table >= (uint64_t)st.st_size;
}

uint64_t vmdk_sparse_hole(struct vmdk_sparse *s, uint64_t at)
{
	uint64_t number = at / s->grain, within = at % s->grain;
	uint32_t first = (uint32_t)(number % s->entries), i = first;
	enum vmdk_grain found;
	struct pl_error *e = fetch_table(s, number / s->entries, &found);

	if (e) {
		pl_error_free(e);
		return 0;
	}
	if (found == VMDK_GRAIN_BAD && is_behind_directory(s, number / s->entries))
		return s->size - at;
	if (found != VMDK_GRAIN_DATA)
		return (s->entries - first) * s->grain - within;
	while (i < s->entries && (s->table[i] == 0 || (s->table[i] == 1 && s->has_zero_grains)))
		i++;
	return i > first ? (i - first) * s->grain - within : 0;
}
