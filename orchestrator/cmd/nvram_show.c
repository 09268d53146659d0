#include "orchestrator/cmd/nvram_show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/macos/csr.h"
#include "orchestrator/macos/csr_names.h"

#define LINE_VALUE 200 /* bytes of a value in a list */

static bool is_apples(const uint8_t guid[16], const char *name, const char *wanted)
{
	return memcmp(guid, nvram_apple_guid, 16) == 0 && strcmp(name, wanted) == 0;
}

bool nvram_show_is_boot_args(const uint8_t guid[16], const char *name)
{
	return is_apples(guid, name, "boot-args");
}

bool nvram_show_csr(const struct nvram_variable *v, uint32_t *ret)
{
	if (!is_apples(v->guid, v->name, "csr-active-config") || v->value_size != 4)
		return false;
	struct pl_reader r = pl_reader_le(v->value, 4);
	*ret = pl_read_u32(&r);
	return true;
}

/* The value's length as a text: without one NUL at its end. */
static size_t text_size(const struct nvram_variable *v)
{
	return v->value_size && v->value[v->value_size - 1] == 0 ? v->value_size - 1 : v->value_size;
}

/* Printable, newlines and tabs included; *text is a copy of it, malloc'd, or NULL. */
static struct pl_error *as_text(const struct nvram_variable *v, char **text)
{
	uint32_t csr;
	size_t size = text_size(v);
	char *copy = malloc(size + 1), *safe = malloc(size + 1);

	*text = NULL;
	bool number = nvram_show_csr(v, &csr) || (!size && !nvram_show_is_boot_args(v->guid, v->name));
	if (copy && safe && !number && !memchr(v->value, 0, size)) {
		memcpy(copy, v->value, size);
		copy[size] = '\0';
		for (char *c = copy; *c; c++)
			if (*c == '\n' || *c == '\t')
				*c = ' ';
		bool printable = strcmp(pl_safe_line(copy, safe, size + 1), copy) == 0;
		memcpy(copy, v->value, size);
		if (printable)
			*text = copy;
	}
	struct pl_error *e = copy && safe ? NULL : pl_error_nomem();
	if (!*text)
		free(copy);
	free(safe);
	return e;
}

static struct pl_error *append_hex(const struct nvram_variable *v, struct pl_buf *out)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; !e && i < v->value_size; i++)
		e = pl_buf_printf(out, "%02x", v->value[i]);
	return e;
}

static struct pl_error *append_value(const struct nvram_variable *v, const char *text, struct pl_buf *out)
{
	if (text)
		return pl_buf_puts(out, text);
	struct pl_error *e = pl_buf_puts(out, "hex:");
	return e ? e : append_hex(v, out);
}

struct pl_error *nvram_show_value(const struct nvram_variable *v, struct pl_buf *out)
{
	char *text;
	struct pl_error *e = as_text(v, &text);

	if (!e)
		e = append_value(v, text, out);
	free(text);
	return e;
}

/* A text for `set` is one line without a NUL, but that of boot-args, and no "hex:". */
static bool can_be_given(const struct nvram_variable *v, const char *text)
{
	bool nul = text_size(v) < v->value_size;

	return text && nul == nvram_show_is_boot_args(v->guid, v->name) && !strpbrk(text, "\n\t") &&
	       !pl_starts_with(text, "hex:") && (nul || *text);
}

struct pl_error *nvram_show_exact(const struct nvram_variable *v, struct pl_buf *out)
{
	char *text;
	struct pl_error *e = as_text(v, &text);

	if (!e)
		e = append_value(v, can_be_given(v, text) ? text : NULL, out);
	free(text);
	return e;
}

static void print_remarks(FILE *out, const struct nvram_variable *v)
{
	char names[CSR_TEXT];
	uint32_t csr;

	if (nvram_show_csr(v, &csr))
		fprintf(out, "  (0x%" PRIx32 ", SIP allows: %s)", csr, csr_text(csr, names));
	if (v->attributes & NVRAM_SIGNED)
		fputs("  (signed)", out);
	if (v->duplicate)
		fputs("  (there more than once)", out);
}

struct pl_error *nvram_show_line(FILE *out, const char *prefix, const struct nvram_variable *v)
{
	struct pl_buf id, value;
	char safe[NVRAM_NAME_MAX + NVRAM_GUID_TEXT], cut[LINE_VALUE];
	struct pl_error *e;

	pl_buf_init(&id, 2 * NVRAM_FILE_MAX);
	pl_buf_init(&value, 3 * NVRAM_FILE_MAX);
	e = nvram_id_text(v->guid, v->name, &id);
	if (!e)
		e = nvram_show_value(v, &value);
	if (!e) {
		fprintf(out, "%s%s\t%s", prefix, pl_escape_str(pl_buf_text(&id), safe, sizeof safe),
			pl_safe_line(pl_buf_text(&value), cut, sizeof cut));
		print_remarks(out, v);
		fputc('\n', out);
	}
	pl_buf_deinit(&id);
	pl_buf_deinit(&value);
	return e;
}

/* ---- JSON ----------------------------------------------------------------------------- */

static int set_csr(json_t *o, uint32_t value)
{
	json_t *allows = json_array();
	int bad = json_object_set_new(o, "allows", allows);

	for (uint32_t bit = 1; bit; bit <<= 1)
		if (value & bit && csr_bit_name(bit))
			bad |= json_array_append_new(allows, json_string(csr_bit_name(bit)));
	return bad;
}

static int set_value(json_t *o, const struct nvram_variable *v)
{
	struct pl_buf hex;
	char *text;
	struct pl_error *e = as_text(v, &text);
	int bad = 0;

	pl_buf_init(&hex, 3 * NVRAM_FILE_MAX);
	if (!e)
		e = append_hex(v, &hex);
	if (!e && text)
		bad |= json_object_set_new(o, "text", json_string(text));
	if (!e)
		bad |= json_object_set_new(o, "hex", json_string(pl_buf_text(&hex)));
	bad |= e ? -1 : 0;
	pl_error_free(e);
	pl_buf_deinit(&hex);
	free(text);
	return bad;
}

json_t *nvram_show_json(const struct nvram_variable *v)
{
	char guid[NVRAM_GUID_TEXT];
	uint32_t csr;
	json_t *o = json_object();
	int bad = json_object_set_new(o, "guid", json_string(nvram_guid_text(v->guid, guid)));

	bad |= json_object_set_new(o, "name", core_json_text(v->name, strlen(v->name)));
	bad |= json_object_set_new(o, "attributes", json_integer(v->attributes));
	bad |= json_object_set_new(o, "bytes", json_integer((json_int_t)v->value_size));
	bad |= set_value(o, v);
	if (nvram_show_csr(v, &csr))
		bad |= set_csr(o, csr);
	if (v->attributes & NVRAM_SIGNED)
		bad |= json_object_set_new(o, "signed", json_true());
	if (v->duplicate)
		bad |= json_object_set_new(o, "duplicate", json_true());
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

json_t *nvram_show_all(const struct nvram *n)
{
	json_t *list = json_array();
	int bad = list ? 0 : -1;

	for (size_t i = 0; !bad && i < n->count; i++)
		bad |= json_array_append_new(list, nvram_show_json(&n->variables[i]));
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}
