#include "orchestrator/run/offline.h"

#include <string.h>

#include "base/json.h"
#include "orchestrator/fusion/vmrun.h"

static const int64_t LOOK_AGAIN = 500 * PL_MS;

/* ---- the file ------------------------------------------------------------------------------ */

/* A VM that has just gone off keeps its locks for a while. */
static struct pl_error *await_off(
	const struct bundle *b, struct vmrun *v, const struct pl_wait *w, const struct pl_log *log)
{
	for (;;) {
		struct pl_error *e = bundle_check_off(b, v, w, log);
		if (e == NULL || pl_error_kind(e) != PL_ERR_LAB)
			return e;
		struct pl_error *over = pl_wait_sleep(w, LOOK_AGAIN);
		if (over != NULL && pl_error_kind(over) == PL_ERR_INTERRUPTED) {
			pl_error_free(e);
			return over;
		}
		if (over != NULL) {
			pl_error_free(over);
			return e;
		}
		pl_error_free(e);
	}
}

static struct pl_error *load(struct offline *o)
{
	struct pl_buf bytes;
	pl_buf_init(&bytes, NVRAM_FILE_MAX);
	struct pl_error *e = bundle_read(o->bundle.nvram, &bytes, &o->seen);
	if (e == NULL)
		e = nvram_parse(bytes.data, bytes.size, &o->nvram);
	pl_buf_deinit(&bytes);
	return pl_error_at(e, "%s", o->bundle.nvram);
}

struct pl_error *offline_open(const char *vmx, const char *vmrun, const struct pl_wait *w,
	const struct pl_log *log, struct offline *ret)
{
	struct vmrun v;
	memset(ret, 0, sizeof *ret);
	struct pl_error *e = bundle_find(vmx, &ret->bundle);
	if (e == NULL && ret->bundle.encrypted)
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "the VM is encrypted"), "%s", vmx);
	if (e != NULL)
		return e;
	e = vmrun_init(&v, vmrun, NULL, log);
	if (e == NULL)
		e = await_off(&ret->bundle, &v, w, log);
	vmrun_deinit(&v);
	return e != NULL ? e : load(ret);
}

void offline_close(struct offline *o)
{
	nvram_deinit(&o->nvram);
	bundle_deinit(&o->bundle);
}

struct pl_error *offline_write(struct offline *o)
{
	return bundle_write(o->bundle.nvram, &o->seen, o->nvram.bytes, o->nvram.size);
}

/* ---- the journal's records -------------------------------------------------------------------- */

static struct pl_error *hex(const uint8_t *bytes, size_t size, struct pl_buf *out)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; e == NULL && i < size; i++)
		e = pl_buf_printf(out, "%02x", bytes[i]);
	return e;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct pl_error *unhex(const char *text, struct pl_buf *out)
{
	struct pl_error *e = NULL;
	for (; e == NULL && *text != '\0'; text += 2) {
		int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);
		if (low < 0)
			return pl_error_new(PL_ERR_DATA, "the journal's record of a variable is damaged");
		uint8_t byte = (uint8_t)(high << 4 | low);
		e = pl_buf_append(out, &byte, 1);
	}
	return e;
}

static struct nvram_id apples(const char *name)
{
	struct nvram_id id = {.name = name};
	memcpy(id.guid, nvram_apple_guid, sizeof id.guid);
	return id;
}

struct pl_error *offline_save(const struct offline *o, const char *name, json_t **ret)
{
	const struct nvram_id id = apples(name);
	const struct nvram_variable *v;
	struct pl_buf record, value;
	pl_buf_init(&record, 4 * NVRAM_FILE_MAX);
	pl_buf_init(&value, 4 * NVRAM_FILE_MAX);
	struct pl_error *e = nvram_find(&o->nvram, &id, &v);
	if (e == NULL && v != NULL)
		e = hex(o->nvram.bytes + v->record, v->record_size, &record);
	if (e == NULL && v != NULL)
		e = hex(v->value, v->value_size, &value);
	if (e == NULL) {
		*ret = json_pack("{s:s, s:s, s:s?}", "name", name, "record", pl_buf_text(&record), "value",
			v == NULL ? NULL : pl_buf_text(&value));
		e = *ret == NULL ? pl_error_nomem() : NULL;
	}
	pl_buf_deinit(&record);
	pl_buf_deinit(&value);
	return e;
}

/* What is so already is left alone: signed or not, full or not. */
static struct pl_error *restore_one(struct offline *o, const json_t *entry, bool *changed)
{
	const struct nvram_id id = apples(pl_json_str_or(entry, "name", ""));
	struct pl_buf was, is;
	pl_buf_init(&was, NVRAM_FILE_MAX);
	pl_buf_init(&is, NVRAM_FILE_MAX);
	struct pl_error *e = unhex(pl_json_str_or(entry, "record", ""), &was);
	if (e == NULL)
		e = nvram_save(&o->nvram, &id, &is);
	bool same = was.size == is.size && memcmp(pl_buf_text(&was), pl_buf_text(&is), was.size) == 0;
	if (e == NULL && !same)
		e = nvram_restore(&o->nvram, &id, was.data, was.size);
	*changed = *changed || !same;
	pl_buf_deinit(&was);
	pl_buf_deinit(&is);
	return e;
}

struct pl_error *offline_restore(struct offline *o, const json_t *variables, bool *changed)
{
	struct pl_error *e = NULL;
	*changed = false;
	for (size_t i = 0; e == NULL && i < json_array_size(variables); i++)
		e = restore_one(o, json_array_get(variables, i), changed);
	return pl_error_at(e, "%s", o->bundle.nvram);
}
