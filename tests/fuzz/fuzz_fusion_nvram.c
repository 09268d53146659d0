/*
 * .nvram files: any bytes. What parses is edited; then every variable but the
 * edited one, and each byte outside of the store, is what it was; the edit can be
 * repeated without effect, and undone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/fusion/nvram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

static struct nvram parsed(const uint8_t *bytes, size_t size)
{
	struct nvram n;

	must(!nvram_parse(bytes, size, &n));
	return n;
}

static int is_edited(const struct nvram_variable *v, const struct nvram_id *id)
{
	return v->plain && !memcmp(v->guid, id->guid, 16) && !strcmp(v->name, id->name);
}

/* The records of a and b are the same ones in the same order, the edited one left out. */
static void same_others(const struct nvram *a, const struct nvram *b, const struct nvram_id *id)
{
	size_t i = 0, j = 0;

	for (;;) {
		while (i < a->count && is_edited(&a->variables[i], id))
			i++;
		while (j < b->count && is_edited(&b->variables[j], id))
			j++;
		if (i == a->count || j == b->count)
			break;
		const struct nvram_variable *x = &a->variables[i++], *y = &b->variables[j++];
		must(x->record_size == y->record_size);
		must(!memcmp(a->bytes + x->record, b->bytes + y->record, x->record_size));
	}
	must(i == a->count && j == b->count);
}

static void same_outside(const struct nvram *a, const struct nvram *b)
{
	size_t end = a->store + a->store_size;

	must(a->size == b->size && a->store == b->store && a->store_size == b->store_size);
	must(!memcmp(a->bytes, b->bytes, a->store + 12));
	must(!memcmp(a->bytes + end, b->bytes + end, a->size - end));
}

static void has_value(const struct nvram *n, const struct nvram_id *id, const uint8_t *value, size_t size)
{
	const struct nvram_variable *v;

	must(!nvram_find(n, id, &v));
	must(size ? v && v->value_size == size && !memcmp(v->value, value, size) : !v);
}

/* Sets (or deletes, for no bytes) and judges what a second reader sees. */
static void edit(const struct nvram *before, const struct nvram_id *id, const uint8_t *value, size_t size)
{
	struct nvram n = parsed(before->bytes, before->size), again;
	struct pl_buf record;
	struct pl_error *e;

	pl_buf_init(&record, NVRAM_FILE_MAX);
	e = nvram_save(&n, id, &record);
	if (!e)
		e = size ? nvram_set(&n, id, 0, value, size) : nvram_delete(&n, id);
	again = parsed(n.bytes, n.size);
	if (e) {
		must(!memcmp(n.bytes, before->bytes, n.size));
	} else {
		same_outside(before, &again);
		same_others(before, &again, id);
		has_value(&again, id, value, size);
		must(!(size ? nvram_set(&n, id, 0, value, size) : nvram_delete(&n, id)));
		must(!memcmp(n.bytes, again.bytes, n.size));
		must(!nvram_restore(&n, id, record.data, record.size));
		same_others(before, &n, id);
		/* in its place, unless it was deleted and came back at the end */
		if (size)
			must(!memcmp(n.bytes, before->bytes, n.size));
	}
	pl_error_free(e);
	pl_buf_deinit(&record);
	nvram_deinit(&n);
	nvram_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nvram n;
	struct nvram_id id;

	if (size > 4096)
		return 0;
	struct pl_error *e = nvram_parse(data, size, &n);
	if (e) {
		pl_error_free(e);
		nvram_deinit(&n);
		return 0;
	}
	must(!nvram_id_parse("boot-args", &id));
	edit(&n, &id, (const uint8_t *)"debug=0x44", 11);
	edit(&n, &id, NULL, 0);
	for (size_t i = 0; i < n.count && i < 8; i++) {
		if (!n.variables[i].plain)
			continue;
		memcpy(id.guid, n.variables[i].guid, 16);
		id.name = n.variables[i].name;
		edit(&n, &id, data, 1 + size % 16);
		edit(&n, &id, NULL, 0);
	}
	nvram_deinit(&n);
	return 0;
}
