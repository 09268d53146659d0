/* Kernels and kexts on disk; cores go on to inspect_core.c. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/macho.h"

#define WINDOW ((size_t)1 << 20)

struct facts {
	struct macho_header header;
	char uuid[37];
	uint64_t segments;
	uint64_t text; /* __TEXT's address */
	bool has_text;
	bool kernel; /* has __KLD, as only kernels have */
};

bool inspect_is_macho(const struct inspect *in)
{
	struct macho_header h;
	struct pl_error *e = macho_header_decode(in->head, in->head_size, &h);
	bool is = !e;

	pl_error_free(e);
	return is;
}

static void take(struct facts *f, const struct macho_cmd *cmd)
{
	struct macho_segment s;
	uint8_t uuid[16];

	if (cmd->cmd == MACHO_LC_UUID && macho_uuid_decode(*cmd, uuid))
		macho_uuid_text(uuid, f->uuid);
	if ((cmd->cmd != MACHO_LC_SEGMENT && cmd->cmd != MACHO_LC_SEGMENT_64) ||
		!macho_segment_decode(*cmd, &s))
		return;
	f->segments++;
	f->kernel = f->kernel || strcmp(s.name, "__KLD") == 0;
	if (strcmp(s.name, "__TEXT") == 0) {
		f->text = s.vmaddr;
		f->has_text = true;
	}
}

/* Header and load commands of the file, or of the slice at offset. */
static struct pl_error *read_facts(
	const struct inspect *in, uint64_t offset, struct facts *f, const char **broken)
{
	uint8_t head[MACHO_HEADER_MAX];
	struct macho_iter it;
	struct macho_cmd cmd;

	struct pl_error *e =
		macho_header_decode(head, inspect_read(in->fd, offset, head, sizeof head), &f->header);
	if (e)
		return e;
	size_t size = f->header.commands_size;
	if (size > in->bytes)
		size = (size_t)in->bytes;
	uint8_t *commands = malloc(size + 1);
	if (!commands)
		return pl_error_nomem();
	size = inspect_read(in->fd, offset + f->header.header_size, commands, size);
	macho_iter_init(&it, &f->header, commands, size);
	while (macho_next(&it, &cmd))
		take(f, &cmd);
	*broken = it.broken;
	free(commands);
	return NULL;
}

/* The version text of a kernel file, searched in windows that overlap by its maximum. */
static struct pl_error *find_version(const struct inspect *in, uint64_t offset, struct kernel_version *ret)
{
	char *window = malloc(WINDOW + KERNEL_VERSION_MAX);
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof *ret);
	if (!window)
		return pl_error_nomem();
	for (; !e && offset < in->bytes && !ret->xnu[0]; offset += WINDOW) {
		size_t n = inspect_read(in->fd, offset, window, WINDOW + KERNEL_VERSION_MAX);
		char *end = window + n;
		for (char *p = window; p < end && !ret->xnu[0]; p++) {
			p = memmem(p, (size_t)(end - p), "Darwin Kernel Version ", 22);
			if (!p)
				break;
			kernel_version_parse(p, strnlen(p, (size_t)(end - p)), ret);
		}
		e = pl_wait_check(in->wait);
	}
	free(window);
	return e;
}

static const char *kind_of(const struct facts *f, const struct kernel_version *v)
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

static int set_facts(json_t *doc, const struct facts *f, const struct kernel_version *v, const char *kind)
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
	struct facts f = {0};
	struct kernel_version v = {0};
	const char *broken = NULL;

	struct pl_error *e = read_facts(in, offset, &f, &broken);
	if (e && pl_error_kind(e) == PL_ERR_DATA) {
		pl_error_free(e);
		return inspect_warn(in, "a fat file whose slice is not Mach-O");
	}
	if (e)
		return e;
	if (f.header.file_type == MACHO_CORE)
		return inspect_core(in, in->fd, "core");
	if (f.header.file_type == MACHO_EXECUTE || f.header.file_type == MACHO_FILESET)
		e = find_version(in, offset, &v);
	const char *kind = kind_of(&f, &v);
	if (!e)
		e = inspect_check(
			json_object_set_new(in->doc, "arch", json_string(macho_arch(f.header.cpu_type))) |
			(kind ? set_facts(in->doc, &f, &v, kind) : 0));
	if (!e && !kind)
		e = inspect_warn(
			in, "a Mach-O file of type %u, neither kernel nor kext nor core", f.header.file_type);
	if (!e && broken)
		e = inspect_warn(in, "the file is damaged: %s", broken);
	return e;
}
