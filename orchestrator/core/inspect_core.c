/* Kernel cores, plain and gzipped. */
#include "orchestrator/core/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/gunzip.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/inspect_symbols.h"

static int set_threads(json_t *doc, const struct core_file *c)
{
	json_t *list = json_array();
	int bad = core_json_set_count(doc, "threads", c->thread_count);

	for (size_t i = 0; i < c->thread_count; i++)
		bad |= json_array_append_new(list, inspect_registers(&c->threads[i]));
	return bad | json_object_set_new(doc, "registers", list);
}

static int set_memory(json_t *doc, const struct core_file *c)
{
	json_t *o = json_object();
	int bad = core_json_set_count(doc, "segments", c->segment_count);

	bad |= core_json_set_count(o, "bytes", c->memory);
	bad |= core_json_set_count(o, "missing", c->missing);
	if (c->segment_count > 0) {
		const struct core_segment *last = &c->segments[c->segment_count - 1];
		bad |= json_object_set_new(o, "lowest", core_json_address(c->segments[0].vmaddr));
		bad |= json_object_set_new(o, "highest", core_json_address(last->vmaddr + (last->size - 1)));
	}
	return bad | json_object_set_new(doc, "memory", o);
}

static int set_identity(json_t *doc, const struct core_identity *id)
{
	int bad = core_json_set_text(doc, "kernel_uuid", id->uuid);

	bad |= inspect_set_version(doc, &id->version);
	bad |= core_json_set_text(doc, "identity_source", id->source);
	if (id->has_load_address)
		bad |= json_object_set_new(doc, "load_address", core_json_address(id->load_address));
	if (id->has_slide)
		bad |= json_object_set_new(doc, "slide", core_json_address(id->slide));
	return bad;
}

static struct pl_error *set_warnings(
	struct inspect *in, const struct core_file *c, const struct core_identity *id)
{
	struct pl_error *e = NULL;
	char size[32];

	if (c->missing > 0 && !in->partial)
		e = inspect_warn(in, "the core is cut short: %s of its memory are missing",
			pl_format_size(c->missing, size, sizeof size));
	if (!e && c->damage)
		e = inspect_warn(in, "the core is damaged: %s", c->damage);
	if (!e && id->uuid_mismatch)
		e = inspect_warn(in, "the kernel in memory has another UUID: %s", id->memory_uuid);
	if (!e && id->has_load_address && !id->header_seen)
		e = inspect_warn(in, "the kernel's Mach header is not in the core");
	if (!e && !id->panic_text)
		e = inspect_warn(in, "no panic text in the core's memory");
	return e;
}

static struct pl_error *describe(
	struct inspect *in, const struct core_file *c, const struct core_identity *id)
{
	struct inspect_symbols symbols = {0};
	struct inspect_found found;
	int bad = json_object_set_new(in->doc, "arch", json_string(macho_arch(c->header.cpu_type)));

	bad |= set_identity(in->doc, id) | set_memory(in->doc, c) | set_threads(in->doc, c);
	bad |= json_object_set_new(in->doc, "truncated", json_boolean(c->truncated));
	struct pl_error *e = inspect_check(bad);
	if (!e)
		e = set_warnings(in, c, id);
	if (!e)
		e = inspect_symbols_core(in, c, id, &symbols);
	in->symbols = &symbols;
	if (!e && id->panic_text)
		e = inspect_panic(in, id->panic_text, id->panic_size, &found);
	else if (!e)
		e = inspect_symbols_resolve(in, &symbols, NULL);
	in->symbols = NULL;
	if (!e)
		e = inspect_symbols_set(in, &symbols);
	inspect_symbols_deinit(&symbols);
	return e ? e : inspect_memory_map(in, c, id);
}

struct pl_error *inspect_core(struct inspect *in, int fd, const char *kind)
{
	struct core_file c;
	struct core_identity id;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot read the core");
	struct pl_error *e = core_file_open_fd(own, &c);
	if (e)
		return e;
	e = core_identify(&c, in->wait, &id);
	if (!e) {
		e = inspect_check(json_object_set_new(in->doc, "kind", json_string(kind)));
		if (!e)
			e = describe(in, &c, &id);
		core_identity_deinit(&id);
	}
	core_file_close(&c);
	return e;
}

static struct pl_error *set_gzip(struct inspect *in, const struct gunzip_result *r)
{
	in->partial = r->status == GUNZIP_TOO_BIG;
	const char *status = in->partial ? "partial" : gunzip_status_name(r->status);
	int bad = json_object_set_new(in->doc, "gzip", json_string(status));

	bad |= core_json_set_text(in->doc, "gzip_detail", r->detail);
	bad |= core_json_set_count(in->doc, "decompressed_bytes", r->bytes_out);
	struct pl_error *e = inspect_check(bad);
	if (!e && in->partial)
		e = inspect_warn(in,
			"only the first %llu MiB of the core were looked at: paniclab extract decompresses "
			"all of it",
			(unsigned long long)(r->bytes_out >> 20));
	return e;
}

/* The core's own shortness says little when the gzip data around it is cut or was not read on. */
static int set_truncated(struct inspect *in, const struct gunzip_result *r)
{
	if (in->partial) {
		json_object_del(in->doc, "truncated");
		return 0;
	}
	if (r->status == GUNZIP_OK)
		return 0;
	return json_object_set_new(in->doc, "truncated", json_true());
}

/* No core. */
static struct pl_error *inspect_other(struct inspect *in, int fd, const struct gunzip_result *r)
{
	struct pl_error *e = inspect_unpacked(in, fd, r->bytes_out);

	if (!e && strcmp(json_string_value(json_object_get(in->doc, "kind")), "unknown") == 0)
		e = inspect_warn(in, "gzip data, but neither a core nor a panic text inside");
	return e;
}

static struct pl_error *inspect_inner(struct inspect *in, int fd, const struct gunzip_result *r)
{
	static const char kind[] = "gzip-core";
	struct pl_error *e = inspect_core(in, fd, kind);

	if (e && pl_error_kind(e) == PL_ERR_DATA) {
		/* not a core; but what breaks off at once may have become one */
		bool hopeless = r->status == GUNZIP_OK || r->bytes_out >= 32;
		pl_error_free(e);
		if (hopeless)
			return inspect_other(in, fd, r);
		e = inspect_check(json_object_set_new(in->doc, "kind", json_string(kind)));
	}
	return e ? e : inspect_check(set_truncated(in, r));
}

/* Half of what is free where fd is: zeroes take none of it, and others may need some. */
static uint64_t room_for(int fd)
{
	struct statvfs v;
	uint64_t half = fstatvfs(fd, &v) < 0 ? 0 : (uint64_t)v.f_bavail * v.f_frsize / 2;

	if (half < INSPECT_GUNZIP_MIN)
		return INSPECT_GUNZIP_MIN;
	return half < INSPECT_GUNZIP_MAX ? half : INSPECT_GUNZIP_MAX;
}

struct pl_error *inspect_gzip(struct inspect *in)
{
	struct gunzip_result r;
	int fd;
	struct pl_error *e = pl_fs_unnamed(&fd);

	if (e)
		return e;
	e = gunzip_range(in->fd, 0, in->bytes, fd, room_for(fd), in->wait, &r);
	if (!e)
		e = set_gzip(in, &r);
	if (!e)
		e = inspect_inner(in, fd, &r);
	close(fd);
	return e;
}
