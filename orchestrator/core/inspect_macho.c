/* Kernels and kexts on disk; cores go on to inspect_core.c. */
#include <string.h>

#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/macho_file.h"

bool inspect_is_macho(const struct inspect *in)
{
	struct macho_header h;
	struct pl_error *e = macho_header_decode(in->head, in->head_size, &h);
	bool is = !e;

	pl_error_free(e);
	return is;
}

static const char *kind_of(const struct macho_part *f, const struct kernel_version *v)
{
	switch (f->header.file_type) {
	case MACHO_KEXT:
		return "kext";
	case MACHO_FILESET:
		return "kernel";
	case MACHO_EXECUTE:
		return f->kernel || v->xnu[0] ? "kernel" : NULL;
	default:
		return NULL;
	}
}

static int set_facts(
	json_t *doc, const struct macho_part *f, const struct kernel_version *v, const char *kind)
{
	bool kernel = strcmp(kind, "kernel") == 0;
	int bad = json_object_set_new(doc, "kind", json_string(kind));

	bad |= core_json_set_text(doc, kernel ? "kernel_uuid" : "uuid", f->uuid);
	if (kernel)
		bad |= inspect_set_version(doc, v);
	bad |= core_json_set_count(doc, "segments", f->segments);
	if (f->has_text)
		bad |= json_object_set_new(doc, "load_address", core_json_address(f->text));
	return bad;
}

struct pl_error *inspect_macho(struct inspect *in, uint64_t offset)
{
	struct macho_part f;
	struct kernel_version v = {0};

	uint64_t length = offset < in->bytes ? in->bytes - offset : 0;
	struct pl_error *e = macho_part_read(in->fd, offset, length, &f);
	if (e && pl_error_kind(e) == PL_ERR_DATA) {
		pl_error_free(e);
		return inspect_warn(in, "a fat file whose slice is not Mach-O");
	}
	if (e)
		return e;
	if (f.header.file_type == MACHO_CORE)
		return inspect_core(in, in->fd, "core");
	if (f.header.file_type == MACHO_EXECUTE || f.header.file_type == MACHO_FILESET)
		e = macho_find_version(in->fd, offset, in->bytes, in->wait, &v);
	const char *kind = kind_of(&f, &v);
	if (!e)
		e = inspect_check(
			json_object_set_new(in->doc, "arch", json_string(macho_arch(f.header.cpu_type))) |
			(kind ? set_facts(in->doc, &f, &v, kind) : 0));
	if (!e && !kind && f.dwarf)
		e = inspect_warn(in, "a dSYM, of UUID %s: --kernel or --kext takes it", f.uuid);
	else if (!e && !kind)
		e = inspect_warn(
			in, "a Mach-O file of type %u, neither kernel nor kext nor core", f.header.file_type);
	if (!e && kind && f.end > length)
		e = inspect_warn(in, "the file is cut short: %llu bytes of %llu are there",
			(unsigned long long)length, (unsigned long long)f.end);
	if (!e && f.broken)
		e = inspect_warn(in, "the file is damaged: %s", f.broken);
	return e;
}
