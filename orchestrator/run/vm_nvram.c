#include "orchestrator/run/vm_nvram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/fusion/bundle.h"

/* Both are Apple's. */
static const char *const names[] = {"boot-args", "csr-active-config"};
enum { NAMES = sizeof names / sizeof *names };

static struct nvram_id id_of(const char *name)
{
	struct nvram_id id = {.name = name};
	memcpy(id.guid, nvram_apple_guid, sizeof id.guid);
	return id;
}

static struct pl_error *load(struct vm_nvram *v)
{
	struct pl_buf bytes;
	pl_buf_init(&bytes, NVRAM_FILE_MAX);
	struct pl_error *e = bundle_read(v->path, &bytes, &v->seen);
	if (e == NULL)
		e = pl_error_at(nvram_parse(bytes.data, bytes.size, &v->nvram), "%s", v->path);
	pl_buf_deinit(&bytes);
	return e;
}

struct pl_error *vm_nvram_open(const char *vmx, struct vm_nvram *ret)
{
	struct bundle b = {0};
	*ret = (struct vm_nvram){0};
	struct pl_error *e = bundle_find(vmx, &b);
	if (e == NULL && b.encrypted)
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "the VM is encrypted, so its .nvram cannot be read"),
			"%s", vmx);
	if (e == NULL)
		e = pl_strdup(b.nvram, &ret->path);
	bundle_deinit(&b);
	return e != NULL ? e : load(ret);
}

void vm_nvram_close(struct vm_nvram *v)
{
	free(v->path);
	nvram_deinit(&v->nvram);
	*v = (struct vm_nvram){0};
}

static struct pl_error *find(const struct vm_nvram *v, const char *name, const struct nvram_variable **ret)
{
	struct nvram_id id = id_of(name);
	return pl_error_at(nvram_find(&v->nvram, &id, ret), "%s", v->path);
}

struct pl_error *vm_nvram_boot_args(const struct vm_nvram *v, char **ret, bool *set)
{
	const struct nvram_variable *found = NULL;
	struct pl_error *e = find(v, "boot-args", &found);
	if (set != NULL)
		*set = found != NULL;
	if (e != NULL)
		return e;
	/* Written with a NUL, read either way. */
	size_t size = found == NULL ? 0 : strnlen((const char *)found->value, found->value_size);
	return pl_asprintf(ret, "%.*s", (int)size, size == 0 ? "" : (const char *)found->value);
}

struct pl_error *vm_nvram_csr(const struct vm_nvram *v, uint32_t *ret)
{
	const struct nvram_variable *found = NULL;
	struct pl_error *e = find(v, "csr-active-config", &found);
	*ret = 0;
	if (e != NULL || found == NULL)
		return e;
	if (found->value_size != 4)
		return pl_error_at(pl_error_new(PL_ERR_DATA, "csr-active-config has %zu bytes, not 4",
					   found->value_size),
			"%s", v->path);
	const uint8_t *p = found->value;
	*ret = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return NULL;
}

static struct pl_error *set(struct vm_nvram *v, const char *name, const void *value, size_t size)
{
	struct nvram_id id = id_of(name);
	return pl_error_at(nvram_set(&v->nvram, &id, 0, value, size), "%s", v->path);
}

struct pl_error *vm_nvram_set_boot_args(struct vm_nvram *v, const char *text)
{
	return set(v, "boot-args", text, strlen(text) + 1);
}

struct pl_error *vm_nvram_set_csr(struct vm_nvram *v, uint32_t value)
{
	const uint8_t bytes[4] = {
		(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
	return set(v, "csr-active-config", bytes, sizeof bytes);
}

struct pl_error *vm_nvram_write(struct vm_nvram *v)
{
	struct vm_nvram now = {0};
	struct pl_error *e = bundle_write(v->path, &v->seen, v->nvram.bytes, v->nvram.size);
	if (e == NULL)
		e = pl_strdup(v->path, &now.path);
	if (e == NULL)
		e = load(&now);
	if (e == NULL && (now.nvram.size != v->nvram.size ||
				 memcmp(now.nvram.bytes, v->nvram.bytes, now.nvram.size) != 0))
		e = pl_error_at(
			pl_error_new(PL_ERR_LAB, "it does not hold what was written to it"), "%s", v->path);
	v->seen = now.seen;
	vm_nvram_close(&now);
	return e;
}

/* ---- for the journal ---- */

static json_t *hex(const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	char *text = malloc(2 * size + 1);
	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	json_t *j = json_stringn(text, 2 * size);
	free(text);
	return j;
}

static struct pl_error *unhex(const char *text, struct pl_buf *bytes)
{
	for (; *text != '\0'; text += 2) {
		int high = pl_hex_digit(text[0]), low = high < 0 ? -1 : pl_hex_digit(text[1]);
		if (high < 0 || low < 0)
			return pl_error_new(PL_ERR_DATA, "the journal's record of a variable is damaged");
		uint8_t byte = (uint8_t)(high << 4 | low);
		struct pl_error *e = pl_buf_append(bytes, &byte, 1);
		if (e != NULL)
			return e;
	}
	return NULL;
}

/* The whole record, so that attributes and the form of the name come back too; null for none. */
static json_t *record_of(const struct vm_nvram *v, const char *name)
{
	struct nvram_id id = id_of(name);
	const struct nvram_variable *found = NULL;
	struct pl_buf record;
	json_t *j = NULL;
	pl_buf_init(&record, NVRAM_FILE_MAX);
	struct pl_error *e = nvram_save(&v->nvram, &id, &record);
	if (e == NULL)
		e = nvram_find(&v->nvram, &id, &found);
	if (e == NULL && found == NULL)
		j = json_null();
	else if (e == NULL)
		j = json_pack("{s:o, s:o}", "record", hex(record.data, record.size), "value",
			hex(found->value, found->value_size));
	pl_error_free(e);
	pl_buf_deinit(&record);
	return j;
}

json_t *vm_nvram_before(const struct vm_nvram *v)
{
	json_t *variables = json_object();
	for (size_t i = 0; i < NAMES; i++) {
		if (json_object_set_new(variables, names[i], record_of(v, names[i])) != 0) {
			json_decref(variables);
			return NULL;
		}
	}
	return json_pack("{s:s, s:o}", "path", v->path, "variables", variables);
}

static struct pl_error *put_back(struct vm_nvram *v, const char *name, const json_t *was)
{
	struct nvram_id id = id_of(name);
	struct pl_buf record;
	pl_buf_init(&record, NVRAM_FILE_MAX);
	struct pl_error *e = json_is_null(was) ? NULL : unhex(pl_json_str_or(was, "record", "?"), &record);
	if (e == NULL)
		e = nvram_restore(&v->nvram, &id, record.data, record.size);
	pl_buf_deinit(&record);
	return pl_error_at(e, "%s", v->path);
}

struct pl_error *vm_nvram_put_back(struct vm_nvram *v, const json_t *before, bool *changed)
{
	const json_t *variables = json_object_get(before, "variables");
	struct pl_error *e = NULL;
	*changed = false;
	for (size_t i = 0; i < NAMES && e == NULL; i++) {
		const json_t *was = json_object_get(variables, names[i]);
		json_t *now = record_of(v, names[i]);
		if (was == NULL)
			e = pl_error_new(PL_ERR_DATA, "the journal does not say what %s was", names[i]);
		else if (!json_equal(was, now)) {
			*changed = true;
			e = put_back(v, names[i], was);
		}
		json_decref(now);
	}
	return e;
}

void vm_nvram_by_hand(const json_t *before, char *out, size_t size)
{
	const json_t *variables = json_object_get(before, "variables");
	struct pl_buf b;
	pl_buf_init(&b, size - 1);
	struct pl_error *e = NULL;
	for (size_t i = 0; i < NAMES && e == NULL; i++) {
		const json_t *was = json_object_get(variables, names[i]);
		e = pl_buf_puts(&b, i == 0 ? "with the VM off: paniclab nvram " : "; paniclab nvram ");
		if (e == NULL)
			e = pl_shell_quote(pl_json_str_or(before, "path", "FILE"), &b);
		if (e == NULL && json_is_object(was))
			e = pl_buf_printf(&b, " set %s hex:%s", names[i], pl_json_str_or(was, "value", ""));
		else if (e == NULL)
			e = pl_buf_printf(&b, " delete %s", names[i]);
	}
	pl_error_free(e);
	snprintf(out, size, "%s", pl_buf_text(&b));
	pl_buf_deinit(&b);
}
