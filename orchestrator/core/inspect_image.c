/*
 * On-disk core files ("kdumpimg", osfmk/mach_debug/mach_debug_types.h): what the
 * header says, and the panic log. Both versions, either byte order for v1.
 *
 *   format  {"version":1|2,"little_endian":true,"log_offset":N,"log_length":N,"log_encrypted":false}
 *   files   [{"name":...,"offset":N,"length":N,"flags":N}]   flags: v2 only
 */
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect_parts.h"

#define SIGNATURE_V1 UINT64_C(0x0063614d20646152) /* "Rad Mac" */
#define SIGNATURE_V2 UINT64_C(0x63614d2073736f42) /* "Boss Mac" */
#define FILES_V1 16
#define FILES_MAX 1024 /* what the head can hold, with room to spare */
#define FLAG_LOG_ENCRYPTED 1

struct image {
	unsigned version; /* 0: not one */
	bool big_endian;
	uint64_t flags;
	uint64_t log_offset;
	uint64_t log_length;
	uint64_t file_count;
};

/* Signature and header fields; the reader is left at the first file entry. */
static struct pl_reader read_header(const struct inspect *in, struct image *ret)
{
	struct pl_reader r = pl_reader_le(in->head, in->head_size);
	uint64_t signature = pl_read_u64(&r);

	memset(ret, 0, sizeof *ret);
	if (signature == __builtin_bswap64(SIGNATURE_V1)) {
		ret->big_endian = true;
		r = pl_reader_be(in->head, in->head_size);
		signature = pl_read_u64(&r);
	}
	if (signature == SIGNATURE_V1)
		ret->version = 1;
	if (signature == SIGNATURE_V2) {
		ret->version = 2;
		pl_read_skip(&r, 8); /* version, padding */
		ret->flags = pl_read_u64(&r);
		pl_read_skip(&r, 16); /* public key */
	}
	ret->log_offset = pl_read_u64(&r);
	ret->log_length = pl_read_u64(&r);
	ret->file_count = pl_read_u64(&r);
	if (!pl_reader_ok(&r))
		ret->version = 0;
	return r;
}

bool inspect_is_image(const struct inspect *in)
{
	struct image i;
	read_header(in, &i);
	return i.version != 0;
}

static int add_file(json_t *list, struct pl_reader *r, unsigned version)
{
	uint64_t flags = version == 2 ? pl_read_u64(r) : 0;
	uint64_t offset = pl_read_u64(r);
	uint64_t length = pl_read_u64(r);
	const char *name = (const char *)pl_read_bytes(r, 16);

	if (!name)
		return 0;
	json_t *o = json_object();
	int bad = json_object_set_new(o, "name", core_json_text(name, strnlen(name, 16)));
	bad |= core_json_set_count(o, "offset", offset) | core_json_set_count(o, "length", length);
	if (version == 2)
		bad |= core_json_set_count(o, "flags", flags);
	if (bad) {
		json_decref(o);
		return -1;
	}
	return json_array_append_new(list, o);
}

static int set_files(json_t *doc, const struct image *i, struct pl_reader r)
{
	json_t *list = json_array();
	uint64_t max = i->version == 1 ? FILES_V1 : FILES_MAX;
	int bad = 0;

	for (uint64_t n = 0; n < i->file_count && n < max && pl_reader_ok(&r); n++)
		bad |= add_file(list, &r, i->version);
	return bad | json_object_set_new(doc, "files", list);
}

static int set_format(json_t *doc, const struct image *i)
{
	json_t *o = json_object();
	int bad = core_json_set_count(o, "version", i->version);

	bad |= json_object_set_new(o, "little_endian", json_boolean(!i->big_endian));
	bad |= core_json_set_count(o, "log_offset", i->log_offset);
	bad |= core_json_set_count(o, "log_length", i->log_length);
	bad |= json_object_set_new(o, "log_encrypted", json_boolean(i->flags & FLAG_LOG_ENCRYPTED));
	return bad | json_object_set_new(doc, "format", o);
}

static struct pl_error *read_log(struct inspect *in, const struct image *i)
{
	bool found;
	size_t size = i->log_length < CORE_PANIC_MAX ? (size_t)i->log_length : CORE_PANIC_MAX;

	if (size == 0 || (i->flags & FLAG_LOG_ENCRYPTED))
		return NULL;
	char *text = malloc(size);
	if (!text)
		return pl_error_nomem();
	size = inspect_read(in->fd, i->log_offset, text, size);
	struct pl_error *e = inspect_panic(in, text, strnlen(text, size), &found);
	free(text);
	return e;
}

struct pl_error *inspect_image(struct inspect *in)
{
	struct image i;
	struct pl_reader r = read_header(in, &i);
	int bad = json_object_set_new(in->doc, "kind", json_string("kdumpimg"));

	bad |= set_format(in->doc, &i) | set_files(in->doc, &i, r);
	struct pl_error *e = inspect_check(bad);
	if (!e && i.log_offset > in->bytes)
		e = inspect_warn(in, "the panic log lies behind the end of the file");
	return e ? e : read_log(in, &i);
}
