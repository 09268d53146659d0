#include "orchestrator/core/core_kexts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "orchestrator/core/core_scan.h"
#include "orchestrator/core/macho.h"

#define PAGE 4096
#define ENTRY_V1 112
#define ENTRY_V2_MIN 120
#define ENTRY_MAX 512
#define HEADER_V1 8
#define HEADER_V2 16
#define KEXT_SIZE_MAX (UINT64_C(1) << 30)
#define KERNEL_64 UINT64_C(0xffffff0000000000) /* all of a 64-bit kernel's addresses are above */
#define TRIES 4096                             /* places that look like a table and are read */

struct table {
	uint64_t address; /* of the first entry */
	uint32_t entry;   /* bytes */
	uint32_t count;
};

/* The header's bytes; false when they make no sense. */
static bool decode_header(const uint8_t *raw, size_t size, uint64_t at, struct table *ret)
{
	struct pl_reader r = pl_reader_le(raw, size);
	uint32_t version = pl_read_u32(&r);

	if (version == 1) {
		*ret = (struct table){at + HEADER_V1, ENTRY_V1, pl_read_u32(&r)};
	} else {
		ret->entry = pl_read_u32(&r);
		ret->count = pl_read_u32(&r);
		ret->address = at + HEADER_V2;
		if (version != 2 || ret->entry < ENTRY_V2_MIN || ret->entry > ENTRY_MAX || ret->entry % 8)
			return false;
	}
	return pl_reader_ok(&r) && ret->count > 0 && ret->count <= CORE_KEXTS_MAX;
}

/* A bundle identifier, "com.apple.iokit.IOUSBFamily"; behind its NUL may be the end of an older one. */
static bool take_id(const uint8_t *raw, char out[static CORE_KEXT_ID_MAX + 1])
{
	size_t n = strnlen((const char *)raw, CORE_KEXT_ID_MAX);
	bool dot = false;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = raw[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && !strchr("._-+ ", c))
			return false;
		dot = dot || c == '.';
	}
	memcpy(out, raw, n);
	out[n] = '\0';
	return n >= 3 && n < CORE_KEXT_ID_MAX && dot;
}

const char *core_kext_version(int64_t packed, char out[static 24])
{
	/* major * 10^8 + minor * 10^6 + revision * 10^4 + stage * 10^3 + level (libkern/OSKextVersion.c) */
	static const char *const stages[] = {NULL, "d", NULL, "a", NULL, "b", NULL, "f", NULL, ""};
	int64_t major = packed / 100000000, minor = packed / 1000000 % 100;
	int64_t revision = packed / 10000 % 100, level = packed % 1000;
	const char *stage = packed > 0 ? stages[packed / 1000 % 10] : NULL;

	out[0] = '\0';
	if (!stage || major > 9999 || level > 255)
		return out;
	int n = snprintf(out, 24, "%" PRId64 ".%" PRId64, major, minor);
	if (revision)
		n += snprintf(out + n, 24 - (size_t)n, ".%" PRId64, revision);
	if (*stage)
		snprintf(out + n, 24 - (size_t)n, "%s%" PRId64, stage, level);
	return out;
}

static bool all_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static bool decode_entry(const struct core_file *c, const uint8_t *raw, size_t size, struct core_kext *ret)
{
	struct pl_reader r = pl_reader_le(raw, size);
	const uint8_t *name = pl_read_bytes(&r, CORE_KEXT_ID_MAX);
	const uint8_t *uuid = pl_read_bytes(&r, 16);

	memset(ret, 0, sizeof *ret);
	if (!name || !uuid || !take_id(name, ret->id))
		return false;
	if (!all_zero(uuid, 16))
		macho_uuid_text(uuid, ret->uuid);
	ret->start = pl_read_u64(&r);
	ret->size = pl_read_u64(&r);
	core_kext_version((int64_t)pl_read_u64(&r), ret->version);
	ret->load_tag = pl_read_u32(&r);
	bool kernel = c->header.is_64 ? ret->start >= KERNEL_64 : ret->start <= UINT32_MAX;
	return pl_reader_ok(&r) && kernel && ret->start % PAGE == 0 && ret->size > 0 &&
	       ret->size <= KEXT_SIZE_MAX && ret->start <= UINT64_MAX - ret->size;
}

static int by_address(const void *a, const void *b)
{
	const struct core_kext *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

static bool overlap(const struct core_kext *list, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (list[i].start < list[i - 1].start + list[i - 1].size)
			return true;
	return false;
}

/* The entries that are sane; with `all` *list is NULL unless each of them is, and none overlaps another. */
static struct pl_error *read_table(
	const struct core_file *c, struct table *t, bool all, struct core_kext **list)
{
	uint8_t raw[ENTRY_V2_MIN];
	size_t size = t->entry < sizeof raw ? t->entry : sizeof raw, kept = 0;
	struct core_kext k;

	*list = NULL;
	/* most of what looks like a header has no entry behind it */
	if (core_file_read(c, t->address, raw, size) < size || (all && !decode_entry(c, raw, size, &k)))
		return NULL;
	struct core_kext *found = malloc(t->count * sizeof *found);
	if (!found)
		return pl_error_nomem();
	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t at = t->address + (uint64_t)i * t->entry;
		if (core_file_read(c, at, raw, size) == size && decode_entry(c, raw, size, &found[kept]))
			kept++;
		else if (all)
			break;
	}
	qsort(found, kept, sizeof *found, by_address);
	if (kept == 0 || (all && (kept < t->count || overlap(found, kept)))) {
		free(found);
		return NULL;
	}
	t->count = (uint32_t)kept;
	*list = found;
	return NULL;
}

static struct pl_error *read_at(
	const struct core_file *c, uint64_t header, bool all, struct table *t, struct core_kext **list)
{
	uint8_t raw[HEADER_V2];

	*list = NULL;
	if (!decode_header(raw, core_file_read(c, header, raw, sizeof raw), header, t))
		return NULL;
	return read_table(c, t, all, list);
}

struct pl_error *core_kexts_at(const struct core_file *c, uint64_t symbol, struct core_kexts *ret)
{
	uint8_t raw[8];
	size_t size = c->header.is_64 ? 8 : 4;
	struct table t;

	memset(ret, 0, sizeof *ret);
	struct pl_reader r = pl_reader_le(raw, core_file_read(c, symbol, raw, size));
	uint64_t header = size == 8 ? pl_read_u64(&r) : pl_read_u32(&r);
	if (!pl_reader_ok(&r) || header == 0)
		return NULL;
	struct pl_error *e = read_at(c, header, false, &t, &ret->list);
	if (e || !ret->list)
		return e;
	ret->count = t.count;
	ret->address = header;
	ret->by_symbol = true;
	return NULL;
}

/* ---- looking for it ---- */

struct search {
	const struct core_file *core;
	struct core_kexts *best;
	unsigned tries;
	struct pl_error *e;
};

/* The kext's own header is in memory, with the same UUID. */
static bool header_agrees(const struct core_file *c, const struct core_kext *k)
{
	uint8_t raw[PAGE], uuid[16];
	struct macho_header h;
	struct macho_iter it;
	struct macho_cmd cmd;
	char text[37];

	size_t size = core_file_read(c, k->start, raw, sizeof raw);
	struct pl_error *e = macho_header_decode(raw, size, &h);
	pl_error_free(e);
	if (e || h.file_type != MACHO_KEXT)
		return false;
	macho_iter_init(&it, &h, raw + h.header_size, size - h.header_size);
	while (macho_next(&it, &cmd)) {
		if (cmd.cmd != MACHO_LC_UUID || !macho_uuid_decode(cmd, uuid))
			continue;
		macho_uuid_text(uuid, text);
		return strcmp(text, k->uuid) == 0;
	}
	return false;
}

static bool any_header_agrees(const struct core_file *c, const struct core_kext *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (header_agrees(c, &list[i]))
			return true;
	return false;
}

static struct pl_error *consider(struct search *s, uint64_t address)
{
	struct core_kext *list;
	struct table t;

	if (s->tries++ >= TRIES)
		return NULL;
	struct pl_error *e = read_at(s->core, address, true, &t, &list);
	if (e || !list)
		return e;
	if (t.count <= s->best->count || !any_header_agrees(s->core, list, t.count)) {
		free(list);
		return NULL;
	}
	free(s->best->list);
	*s->best = (struct core_kexts){.list = list, .count = t.count, .address = address};
	return NULL;
}

/* Header and the beginning of the first name, by the bytes at hand. */
static bool looks_like(const uint8_t *p, size_t room)
{
	struct table t;

	if (p[0] == 0 || p[0] > 2 || p[1] || p[2] || p[3] || room < HEADER_V2 + 4)
		return false;
	if (!decode_header(p, HEADER_V2, 0, &t))
		return false;
	for (size_t i = 0; i < 3; i++)
		if (p[t.address + i] < 0x20 || p[t.address + i] > 0x7e)
			return false;
	return true;
}

static bool look(void *arg, const struct core_window *w)
{
	struct search *s = arg;
	size_t first = (size_t)((8 - w->address % 8) % 8);

	for (size_t i = first; i < w->size && !s->e; i += 8)
		if (w->room - i >= HEADER_V2 && looks_like(w->data + i, w->room - i))
			s->e = consider(s, w->address + i);
	return s->e || s->tries >= TRIES;
}

struct pl_error *core_kexts_find(const struct core_file *c, const struct pl_wait *w, struct core_kexts *ret)
{
	struct search s = {.core = c, .best = ret};

	memset(ret, 0, sizeof *ret);
	struct pl_error *e = core_scan(c, w, look, &s);
	pl_error_keep_first(&e, s.e);
	if (e)
		core_kexts_deinit(ret);
	return e;
}

void core_kexts_deinit(struct core_kexts *k)
{
	free(k->list);
	memset(k, 0, sizeof *k);
}

const struct core_kext *core_kexts_holding(const struct core_kexts *k, uint64_t address)
{
	size_t low = 0, high = k->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (k->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	bool in = low > 0 && address - k->list[low - 1].start < k->list[low - 1].size;
	return in ? &k->list[low - 1] : NULL;
}
