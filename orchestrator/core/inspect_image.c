/*
 * On-disk core files ("kdumpimg", osfmk/mach_debug/mach_debug_types.h): what the
 * header says, and the panic log. Both versions, either byte order for v1.
 *
 *   format  {"version":1|2,"little_endian":true,"log_offset":N,"log_length":N,"log_encrypted":false}
 *   files   [{"name":...,"offset":N,"length":N,"flags":N}]   flags: v2 only
 */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/kdumpimg.h"

_Static_assert(KDUMPIMG_HEAD <= INSPECT_HEAD, "the head that inspect reads holds any header");

bool inspect_is_image(const struct inspect *in)
{
	struct kdumpimg k;
	return kdumpimg_decode(in->head, in->head_size, &k);
}

static int add_file(json_t *list, const struct kdumpimg_file *f, unsigned version)
{
	json_t *o = json_object();
	int bad = json_object_set_new(o, "name", core_json_text(f->name, strlen(f->name)));

	bad |= core_json_set_count(o, "offset", f->offset) | core_json_set_count(o, "length", f->length);
	if (version == 2)
		bad |= core_json_set_count(o, "flags", f->flags);
	if (bad) {
		json_decref(o);
		return -1;
	}
	return json_array_append_new(list, o);
}

static int set_files(json_t *doc, const struct kdumpimg *k)
{
	json_t *list = json_array();
	int bad = 0;

	for (size_t n = 0; n < k->file_count; n++)
		bad |= add_file(list, &k->files[n], k->version);
	return bad | json_object_set_new(doc, "files", list);
}

/* The header says so, or the log begins as an Apple Encrypted Archive does. */
static bool log_is_encrypted(const struct inspect *in, const struct kdumpimg *k)
{
	char magic[4];

	if (k->flags & KDUMPIMG_LOG_ENCRYPTED)
		return true;
	return k->log_length >= sizeof magic &&
	       inspect_read(in->fd, k->log_offset, magic, sizeof magic) == sizeof magic &&
	       memcmp(magic, "AEA1", sizeof magic) == 0;
}

static int set_format(json_t *doc, const struct kdumpimg *k, bool log_encrypted)
{
	json_t *o = json_object();
	int bad = core_json_set_count(o, "version", k->version);

	bad |= json_object_set_new(o, "little_endian", json_boolean(!k->big_endian));
	bad |= core_json_set_count(o, "log_offset", k->log_offset);
	bad |= core_json_set_count(o, "log_length", k->log_length);
	bad |= json_object_set_new(o, "log_encrypted", json_boolean(log_encrypted));
	return bad | json_object_set_new(doc, "format", o);
}

static struct pl_error *read_log(struct inspect *in, const struct kdumpimg *i)
{
	struct inspect_found found;
	size_t size = i->log_length < CORE_PANIC_MAX ? (size_t)i->log_length : CORE_PANIC_MAX;

	if (size == 0)
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
	struct kdumpimg k;
	kdumpimg_decode(in->head, in->head_size, &k);
	int bad = json_object_set_new(in->doc, "kind", json_string("kdumpimg"));

	bool encrypted = log_is_encrypted(in, &k);
	bad |= set_format(in->doc, &k, encrypted) | set_files(in->doc, &k);
	struct pl_error *e = inspect_check(bad);
	if (!e && k.log_offset > in->bytes)
		e = inspect_warn(in, "the panic log lies behind the end of the file");
	return e || encrypted ? e : read_log(in, &k);
}
