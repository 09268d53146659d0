#include "tests/simlab/bundle_nvram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"

#define STORE_SIZE 0x40000U
#define STORE_HEAD 16U /* magic, zero, used */
#define RECORD_HEAD 28U

const uint8_t NVRAM_APPLE[16] = {
	0x10, 0x61, 0x43, 0x7C, 0x2A, 0xAB, 0xBB, 0x4B, 0xA8, 0x80, 0xFE, 0x41, 0x99, 0x5C, 0x9F, 0x82};
/* 8BE4DF61-93CA-11D2-AA0D-00E098032B8C */
const uint8_t NVRAM_EFI_GLOBAL[16] = {
	0x61, 0xDF, 0xE4, 0x8B, 0xCA, 0x93, 0xD2, 0x11, 0xAA, 0x0D, 0x00, 0xE0, 0x98, 0x03, 0x2B, 0x8C};

static void put_le32(uint8_t out[4], size_t v)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

/* ---- decoding ---- */

static struct pl_error *find_section(struct nvram *n)
{
	struct pl_reader r = pl_reader_le(n->file, n->file_size);
	const uint8_t *magic = pl_read_bytes(&r, 4);
	if (pl_read_u32(&r) != 1 || magic == NULL || memcmp(magic, "MRVN", 4) != 0)
		return pl_error_new(PL_ERR_DATA, "not a VMware .nvram file");
	while (pl_reader_left(&r) > 0) {
		const uint8_t *name = pl_read_bytes(&r, 8);
		uint32_t size = pl_read_u32(&r);
		size_t at = r.pos;
		if (pl_read_bytes(&r, size) == NULL)
			return pl_error_new(PL_ERR_DATA, "a section of the .nvram file is cut short");
		if (name != NULL && memcmp(name, "EFI_NV\0\0", 8) == 0) {
			n->section = at;
			n->section_size = size;
			return NULL;
		}
	}
	return pl_error_new(PL_ERR_DATA, "the .nvram file has no EFI variables");
}

static struct pl_error *add(struct nvram *n, const uint8_t guid[16], uint32_t attributes, const char *name,
	const void *value, size_t size)
{
	struct nvram_variable *all = realloc(n->variables, (n->count + 1) * sizeof *all);
	if (all == NULL)
		return pl_error_nomem();
	n->variables = all;
	struct nvram_variable *v = &all[n->count];
	*v = (struct nvram_variable){.attributes = attributes, .size = size};
	memcpy(v->guid, guid, 16);
	snprintf(v->name, sizeof v->name, "%s", name);
	v->value = malloc(size + 1);
	if (v->value == NULL)
		return pl_error_nomem();
	if (size > 0)
		memcpy(v->value, value, size);
	n->count++;
	return NULL;
}

static struct pl_error *decode_record(struct nvram *n, struct pl_reader *r)
{
	char name[NVRAM_NAME_MAX] = "";
	const uint8_t *guid = pl_read_bytes(r, 16);
	uint32_t attributes = pl_read_u32(r);
	uint32_t data_size = pl_read_u32(r);
	uint32_t name_size = pl_read_u32(r);
	const uint8_t *data = pl_read_bytes(r, data_size);
	if (guid == NULL || data == NULL || name_size > data_size || name_size / 2 >= sizeof name)
		return pl_error_new(PL_ERR_DATA, "a variable in the .nvram file is cut short");
	for (uint32_t i = 0; i + 1 < name_size; i += 2)
		name[i / 2] = data[i + 1] == 0 && data[i] < 0x7F ? (char)data[i] : '?';
	return add(n, guid, attributes, name, data + name_size, data_size - name_size);
}

static struct pl_error *decode_store(struct nvram *n)
{
	struct pl_reader r = pl_reader_le(n->file + n->section, n->section_size);
	const uint8_t *magic = pl_read_bytes(&r, 8);
	uint32_t zero = pl_read_u32(&r);
	uint32_t used = pl_read_u32(&r);
	if (magic == NULL || memcmp(magic, "VMWNVRAM", 8) != 0 || zero != 0 || used < STORE_HEAD ||
		used > n->section_size)
		return pl_error_new(PL_ERR_DATA, "the variables' head in the .nvram file is not valid");
	struct pl_reader records = pl_reader_le(n->file + n->section, used);
	pl_read_skip(&records, STORE_HEAD);
	while (pl_reader_left(&records) > 0) {
		struct pl_error *e = decode_record(n, &records);
		if (e != NULL)
			return e;
	}
	return NULL;
}

struct pl_error *nvram_decode(const void *bytes, size_t size, struct nvram *ret)
{
	*ret = (struct nvram){.file_size = size};
	ret->file = malloc(size + 1);
	if (ret->file == NULL)
		return pl_error_nomem();
	if (size > 0)
		memcpy(ret->file, bytes, size);
	struct pl_error *e = find_section(ret);
	return e != NULL ? e : decode_store(ret);
}

/* ---- encoding ---- */

static struct pl_error *encode_record(const struct nvram_variable *v, struct pl_buf *out)
{
	uint8_t head[RECORD_HEAD];
	uint8_t name[2 * NVRAM_NAME_MAX] = {0};
	size_t name_size = 2 * (strlen(v->name) + 1);
	for (size_t i = 0; v->name[i] != '\0'; i++)
		name[2 * i] = (uint8_t)v->name[i];
	memcpy(head, v->guid, 16);
	put_le32(head + 16, v->attributes);
	put_le32(head + 20, name_size + v->size);
	put_le32(head + 24, name_size);
	struct pl_error *e = pl_buf_append(out, head, sizeof head);
	if (e == NULL)
		e = pl_buf_append(out, name, name_size);
	if (e == NULL)
		e = pl_buf_append(out, v->value, v->size);
	return e;
}

struct pl_error *nvram_encode(const struct nvram *n, struct pl_buf *out)
{
	static const uint8_t HEAD[STORE_HEAD] = "VMWNVRAM";
	size_t start = out->size + n->section;
	struct pl_error *e = pl_buf_append(out, n->file, n->section);
	if (e == NULL)
		e = pl_buf_append(out, HEAD, sizeof HEAD);
	for (size_t i = 0; i < n->count && e == NULL; i++)
		e = encode_record(&n->variables[i], out);
	if (e != NULL)
		return e;
	size_t used = out->size - start;
	if (used > n->section_size)
		return pl_error_new(PL_ERR_DATA, "the variables do not fit into the .nvram file");
	put_le32((uint8_t *)out->data + start + 12, used);
	for (size_t i = used; i < n->section_size && e == NULL; i++)
		e = pl_buf_append(out, "\xFF", 1);
	size_t end = n->section + n->section_size;
	return e != NULL ? e : pl_buf_append(out, n->file + end, n->file_size - end);
}

/* ---- variables ---- */

const struct nvram_variable *nvram_get(const struct nvram *n, const uint8_t guid[16], const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (memcmp(n->variables[i].guid, guid, 16) == 0 && strcmp(n->variables[i].name, name) == 0)
			return &n->variables[i];
	return NULL;
}

struct pl_error *nvram_set(
	struct nvram *n, const uint8_t guid[16], const char *name, const void *value, size_t size)
{
	if (strlen(name) >= NVRAM_NAME_MAX)
		return pl_error_new(PL_ERR_DATA, "the name of the variable is too long");
	const struct nvram_variable *old = nvram_get(n, guid, name);
	if (old == NULL)
		return add(n, guid, NVRAM_ATTRIBUTES, name, value, size);
	uint8_t *copy = malloc(size + 1);
	if (copy == NULL)
		return pl_error_nomem();
	if (size > 0)
		memcpy(copy, value, size);
	struct nvram_variable *v = &n->variables[old - n->variables];
	free(v->value);
	v->value = copy;
	v->size = size;
	return NULL;
}

void nvram_delete(struct nvram *n, const uint8_t guid[16], const char *name)
{
	const struct nvram_variable *v = nvram_get(n, guid, name);
	if (v == NULL)
		return;
	size_t at = (size_t)(v - n->variables);
	free(n->variables[at].value);
	n->count--;
	memmove(&n->variables[at], &n->variables[at + 1], (n->count - at) * sizeof *v);
}

const char *nvram_text(const struct nvram *n, const char *name, char *out, size_t size)
{
	const struct nvram_variable *v = nvram_get(n, NVRAM_APPLE, name);
	size_t len = v != NULL ? v->size : 0;
	if (len >= size)
		len = size - 1;
	if (len > 0)
		memcpy(out, v->value, len);
	out[len] = '\0';
	return out;
}

uint32_t nvram_u32(const struct nvram *n, const char *name, uint32_t otherwise)
{
	const struct nvram_variable *v = nvram_get(n, NVRAM_APPLE, name);
	if (v == NULL || v->size != 4)
		return otherwise;
	struct pl_reader r = pl_reader_le(v->value, 4);
	return pl_read_u32(&r);
}

void nvram_deinit(struct nvram *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->variables[i].value);
	free(n->variables);
	free(n->file);
	*n = (struct nvram){0};
}

/* ---- a fresh file ---- */

static struct pl_error *section(struct pl_buf *b, const char name[8], size_t size, char fill)
{
	uint8_t length[4];
	put_le32(length, size);
	struct pl_error *e = pl_buf_append(b, name, 8);
	if (e == NULL)
		e = pl_buf_append(b, length, 4);
	for (size_t i = 0; i < size && e == NULL; i++)
		e = pl_buf_append(b, &fill, 1);
	return e;
}

/* The sections that Fusion writes, in its order and sizes. */
static struct pl_error *empty_file(struct pl_buf *b)
{
	static const struct {
		char name[9];
		size_t size;
	} CMOS[] = {{"CMOStimA", 4}, {"CMOStimB", 8}, {"CMOS\0\0\0\0", 128}, {"CMOS440\0", 128},
		{"CMOS440v", 4}, {"CMOS440x", 128}, {"ESCD\0\0\0\0", 0x2000}};
	struct pl_error *e = pl_buf_append(b, "MRVN\1\0\0\0", 8);
	for (size_t i = 0; i < sizeof CMOS / sizeof CMOS[0] && e == NULL; i++)
		e = section(b, CMOS[i].name, CMOS[i].size, 0);
	if (e == NULL)
		e = section(b, "EFI_NV\0\0", STORE_SIZE, (char)0xFF);
	if (e == NULL)
		memcpy(b->data + b->size - STORE_SIZE, "VMWNVRAM\0\0\0\0\x10\0\0\0", STORE_HEAD);
	return e;
}

static struct pl_error *fresh_variables(struct nvram *n)
{
	/* EFI_TIME and a WIN_CERTIFICATE head: what an authenticated value begins with. */
	static const uint8_t SIGNED[48] = {[16] = 0x18, [21] = 0x02, [22] = 0xF1, [23] = 0x0E, [40] = 1};
	/* 114070EB-0214-11D3-8E77-00A0C969723B: the firmware's count of boots. */
	static const uint8_t MTC[16] = {0xEB, 0x70, 0x40, 0x11, 0x14, 0x02, 0xD3, 0x11, 0x8E, 0x77, 0x00,
		0xA0, 0xC9, 0x69, 0x72, 0x3B};
	static const uint8_t BOOT_ORDER[4] = {0x80, 0, 0, 0};
	struct pl_error *e = add(n, NVRAM_EFI_GLOBAL, 0x27, "PK", SIGNED, sizeof SIGNED);
	if (e == NULL)
		e = nvram_set(n, NVRAM_EFI_GLOBAL, "Lang", "eng", 4);
	if (e == NULL)
		e = nvram_set(n, NVRAM_EFI_GLOBAL, "PlatformLang", "en-US", 6);
	if (e == NULL)
		e = nvram_set(n, NVRAM_EFI_GLOBAL, "BootOrder", BOOT_ORDER, sizeof BOOT_ORDER);
	if (e == NULL)
		e = nvram_set(n, NVRAM_APPLE, "platform-uuid", "VMsimlabsimlab!!", 16);
	if (e == NULL)
		e = nvram_set(n, NVRAM_APPLE, "prev-lang:kbd", "en:0", 4);
	if (e == NULL)
		e = nvram_set(n, NVRAM_APPLE, "SystemAudioVolume", "\x46", 1);
	return e != NULL ? e : nvram_set(n, MTC, "MTC", "\1\0\0\0", 4);
}

struct pl_error *nvram_create(struct nvram *ret)
{
	struct pl_buf b;
	*ret = (struct nvram){0};
	pl_buf_init(&b, NVRAM_FILE_MAX);
	struct pl_error *e = empty_file(&b);
	if (e == NULL)
		e = nvram_decode(b.data, b.size, ret);
	if (e == NULL)
		e = fresh_variables(ret);
	pl_buf_deinit(&b);
	return e;
}
