#include "orchestrator/fusion/nvram.h"

#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "base/text.h"

#define STORE_HEAD 16  /* magic, 0, used */
#define RECORD_HEAD 28 /* GUID, attributes, data_size, name_size */

/* ---- sections ---------------------------------------------------------------------- */

static struct pl_error *not_nvram(const char *why)
{
	return pl_error_why(pl_error_new(PL_ERR_DATA, "not an .nvram file that can be read"), "%s", why);
}

/* Walks the sections to the end of the file; the one with the variables into n. */
static struct pl_error *find_store(struct nvram *n)
{
	struct pl_reader r = pl_reader_le(n->bytes, n->size);
	const uint8_t *magic = pl_read_bytes(&r, 4);
	uint32_t version = pl_read_u32(&r);

	if (!pl_reader_ok(&r) || memcmp(magic, "MRVN", 4) != 0)
		return not_nvram("it does not begin with MRVN");
	if (version != 1)
		return not_nvram("its version is not 1");
	while (pl_reader_left(&r) > 0) {
		const uint8_t *name = pl_read_bytes(&r, 8);
		uint32_t length = pl_read_u32(&r);
		size_t at = r.pos;

		pl_read_skip(&r, length);
		if (!pl_reader_ok(&r))
			return not_nvram("a section goes beyond the end of the file");
		if (memcmp(name, "EFI_NV\0\0", 8) != 0)
			continue;
		if (n->store)
			return not_nvram("it has two sections of EFI variables");
		n->store = at;
		n->store_size = length;
	}
	return n->store ? NULL : not_nvram("it has no EFI variables: the VM's firmware is a BIOS");
}

static struct pl_error *read_store_head(struct nvram *n)
{
	struct pl_reader r = pl_reader_le(n->bytes + n->store, n->store_size);
	const uint8_t *magic = pl_read_bytes(&r, 8);
	uint32_t zero = pl_read_u32(&r);
	uint32_t used = pl_read_u32(&r);

	if (!pl_reader_ok(&r) || memcmp(magic, "VMWNVRAM", 8) != 0 || zero != 0)
		return not_nvram("its EFI section does not begin as it should");
	if (used < STORE_HEAD || used > n->store_size)
		return not_nvram("its EFI section says that it uses more than it has, or less than nothing");
	n->used = used;
	n->clean_tail = true;
	for (size_t i = used; i < n->store_size; i++)
		n->clean_tail = n->clean_tail && n->bytes[n->store + i] == 0xff;
	return NULL;
}

/* ---- records ----------------------------------------------------------------------- */

/* The record at the reader's place, and the reader behind it. */
static struct pl_error *read_record(struct pl_reader *r, struct nvram_variable *v)
{
	size_t start = r->pos;
	const uint8_t *guid = pl_read_bytes(r, 16);
	uint32_t attributes = pl_read_u32(r);
	uint32_t data_size = pl_read_u32(r);
	uint32_t name_size = pl_read_u32(r);
	const uint8_t *name = pl_read_bytes(r, name_size);

	if (!pl_reader_ok(r) || data_size < name_size)
		return not_nvram("a variable's record is cut short");
	v->value_size = data_size - name_size;
	v->value = pl_read_bytes(r, v->value_size);
	if (!pl_reader_ok(r))
		return not_nvram("a variable's record is cut short");
	memcpy(v->guid, guid, sizeof v->guid);
	v->attributes = attributes;
	v->record = start;
	v->record_size = r->pos - start;
	return nvram_name_decode(name, name_size, &v->name, &v->plain, &v->nul);
}

static void forget(struct nvram *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->variables[i].name);
	free(n->variables);
	n->variables = NULL;
	n->count = 0;
}

static struct pl_error *read_records(struct nvram *n)
{
	struct pl_reader r = pl_reader_le(n->bytes, n->store + n->used);
	size_t room = 0;
	struct pl_error *e = NULL;

	pl_read_skip(&r, n->store + STORE_HEAD);
	while (!e && pl_reader_left(&r) > 0) {
		if (n->count == room) {
			room = room ? 2 * room : 64;
			struct nvram_variable *more = realloc(n->variables, room * sizeof *more);
			if (!more)
				return pl_error_nomem();
			n->variables = more;
		}
		n->variables[n->count] = (struct nvram_variable){0};
		e = read_record(&r, &n->variables[n->count]);
		if (!e)
			n->count++;
	}
	return e;
}

static int by_name(const void *a, const void *b)
{
	const struct nvram_variable *const *x = a, *const *y = b;
	int order = memcmp((*x)->guid, (*y)->guid, sizeof(*x)->guid);

	return order ? order : strcmp((*x)->name, (*y)->name);
}

static struct pl_error *mark_duplicates(struct nvram *n)
{
	struct nvram_variable **sorted = calloc(n->count + 1, sizeof(struct nvram_variable *));
	size_t plain = 0;

	if (!sorted)
		return pl_error_nomem();
	for (size_t i = 0; i < n->count; i++)
		if (n->variables[i].plain)
			sorted[plain++] = &n->variables[i];
	qsort(sorted, plain, sizeof(struct nvram_variable *), by_name);
	for (size_t i = 1; i < plain; i++)
		if (by_name(&sorted[i - 1], &sorted[i]) == 0)
			sorted[i - 1]->duplicate = sorted[i]->duplicate = true;
	free(sorted);
	return NULL;
}

static struct pl_error *index_records(struct nvram *n)
{
	forget(n);
	struct pl_error *e = read_records(n);
	return e ? e : mark_duplicates(n);
}

struct pl_error *nvram_parse(const void *bytes, size_t size, struct nvram *ret)
{
	memset(ret, 0, sizeof *ret);
	if (size > NVRAM_FILE_MAX)
		return not_nvram("it is too big");
	ret->bytes = malloc(size + 1);
	if (!ret->bytes)
		return pl_error_nomem();
	if (size)
		memcpy(ret->bytes, bytes, size);
	ret->size = size;
	struct pl_error *e = find_store(ret);
	if (!e)
		e = read_store_head(ret);
	return e ? e : index_records(ret);
}

void nvram_deinit(struct nvram *n)
{
	forget(n);
	free(n->bytes);
	memset(n, 0, sizeof *n);
}

size_t nvram_free(const struct nvram *n)
{
	return n->store_size - n->used;
}

/* ---- finding ----------------------------------------------------------------------- */

static bool has_id(const struct nvram_variable *v, const struct nvram_id *id)
{
	return v->plain && memcmp(v->guid, id->guid, sizeof v->guid) == 0 && strcmp(v->name, id->name) == 0;
}

struct pl_error *nvram_find(
	const struct nvram *n, const struct nvram_id *id, const struct nvram_variable **ret)
{
	char safe[200];

	*ret = NULL;
	for (size_t i = 0; i < n->count && !*ret; i++)
		if (has_id(&n->variables[i], id))
			*ret = &n->variables[i];
	if (!*ret || !(*ret)->duplicate)
		return NULL;
	*ret = NULL;
	return pl_error_hint(pl_error_why(pl_error_new(PL_ERR_DATA, "the variable %s is there more than once",
						  pl_escape_str(id->name, safe, sizeof safe)),
				     "nobody knows which one the firmware takes"),
		"start the guest and shut it down: its firmware writes them anew");
}

/* ---- editing ------------------------------------------------------------------------ */

/* What may be changed: the variable in *ret, NULL where there is none. */
static struct pl_error *find_editable(
	const struct nvram *n, const struct nvram_id *id, const struct nvram_variable **ret)
{
	char safe[200];
	struct pl_error *e = nvram_find(n, id, ret);

	if (e)
		return e;
	if (!n->clean_tail)
		return pl_error_hint(pl_error_why(pl_error_new(PL_ERR_DATA, "it cannot be changed"),
					     "something is behind its last variable that should be empty"),
			"start the guest and shut it down: its firmware writes them anew");
	if (*ret && (*ret)->attributes & NVRAM_SIGNED)
		return pl_error_why(pl_error_new(PL_ERR_USAGE, "the variable %s cannot be changed",
					    pl_escape_str(id->name, safe, sizeof safe)),
			"it is signed: only its owner can write it");
	return NULL;
}

static void put_le32(uint8_t *p, size_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Puts `size` bytes in the place of old, or behind the last record; moves what follows. */
static struct pl_error *splice(
	struct nvram *n, const struct nvram_variable *old, const void *record, size_t size)
{
	size_t end = n->store + n->used;
	size_t at = old ? old->record : end;
	size_t gone = old ? old->record_size : 0;
	size_t room = nvram_free(n) + gone;

	if (size > room)
		return pl_error_hint(
			pl_error_why(pl_error_new(PL_ERR_LAB, "the variables do not fit"),
				"%zu bytes too many: %zu are free, %zu are needed", size - room, room, size),
			"delete one that is not needed");
	memmove(n->bytes + at + size, n->bytes + at + gone, end - at - gone);
	if (size)
		memcpy(n->bytes + at, record, size);
	if (gone > size)
		memset(n->bytes + end - (gone - size), 0xff, gone - size);
	n->used = n->used - gone + size;
	put_le32(n->bytes + n->store + 12, n->used);
	return index_records(n);
}

static struct pl_error *make_record(const struct nvram_id *id, uint32_t attributes, bool nul,
	const void *value, size_t size, struct pl_buf *out)
{
	uint8_t head[RECORD_HEAD];
	struct pl_error *e;

	memcpy(head, id->guid, 16);
	put_le32(head + 16, attributes);
	e = pl_buf_append(out, head, sizeof head);
	if (!e)
		e = nvram_name_encode(id->name, nul, out);
	if (e)
		return e;
	put_le32((uint8_t *)out->data + 24, out->size - RECORD_HEAD);
	e = pl_buf_append(out, value, size);
	if (!e)
		put_le32((uint8_t *)out->data + 20, out->size - RECORD_HEAD);
	return e;
}

static bool can_be_set(uint32_t attributes)
{
	return attributes & NVRAM_NON_VOLATILE && !(attributes & ~NVRAM_USUAL);
}

struct pl_error *nvram_set(
	struct nvram *n, const struct nvram_id *id, uint32_t attributes, const void *value, size_t size)
{
	const struct nvram_variable *old;
	struct pl_buf record;
	struct pl_error *e = find_editable(n, id, &old);

	if (e)
		return e;
	if (attributes && !can_be_set(attributes))
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "attributes cannot be 0x%x", attributes),
			"1, 3, 5 or 7: non-volatile, and for boot (2) and run time (4)");
	if (!size)
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "a variable without a value is none"), "delete it");
	if (size > n->store_size)
		return pl_error_why(pl_error_new(PL_ERR_LAB, "the variables do not fit"),
			"%zu bytes too many", size - nvram_free(n));
	if (!attributes)
		attributes = old ? old->attributes : NVRAM_USUAL;
	pl_buf_init(&record, NVRAM_FILE_MAX + RECORD_HEAD + 2 * NVRAM_NAME_MAX + 2);
	e = make_record(id, attributes, old ? old->nul : true, value, size, &record);
	if (!e)
		e = splice(n, old, record.data, record.size);
	pl_buf_deinit(&record);
	return e;
}

struct pl_error *nvram_delete(struct nvram *n, const struct nvram_id *id)
{
	const struct nvram_variable *old;
	struct pl_error *e = find_editable(n, id, &old);

	return e || !old ? e : splice(n, old, NULL, 0);
}

struct pl_error *nvram_save(const struct nvram *n, const struct nvram_id *id, struct pl_buf *record)
{
	const struct nvram_variable *v;
	struct pl_error *e = nvram_find(n, id, &v);

	return e || !v ? e : pl_buf_append(record, n->bytes + v->record, v->record_size);
}

static struct pl_error *check_record(const struct nvram_id *id, const void *record, size_t size)
{
	struct pl_reader r = pl_reader_le(record, size);
	struct nvram_variable v = {0};
	struct pl_error *e = read_record(&r, &v);

	if (!e && (pl_reader_left(&r) > 0 || !has_id(&v, id)))
		e = pl_error_new(PL_ERR_DATA, "what was saved of the variable is not its record");
	free(v.name);
	return e;
}

struct pl_error *nvram_restore(struct nvram *n, const struct nvram_id *id, const void *record, size_t size)
{
	const struct nvram_variable *old;

	if (!size)
		return nvram_delete(n, id);
	struct pl_error *e = check_record(id, record, size);
	if (!e)
		e = find_editable(n, id, &old);
	return e ? e : splice(n, old, record, size);
}
