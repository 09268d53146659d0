#include "orchestrator/core/kdk_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/core/folder.h"

static const char *url_of(const json_t *o)
{
	const char *url = pl_json_str_or(o, "url", "");
	return pl_starts_with(url, "https://") || pl_starts_with(url, "http://") ? url : "";
}

static struct pl_error *read_kernels(json_t *versions, struct kdk_manifest_entry *m)
{
	const char *name;
	json_t *text;

	size_t room = json_object_size(versions);
	if (room > KDK_MANIFEST_KERNELS_MAX)
		room = KDK_MANIFEST_KERNELS_MAX;
	if (room == 0)
		return NULL;
	m->kernels = calloc(room, sizeof *m->kernels);
	if (!m->kernels)
		return pl_error_nomem();
	json_object_foreach(versions, name, text)
	{
		if (m->kernel_count == room)
			break;
		if (json_is_string(text))
			m->kernels[m->kernel_count++] = (struct kdk_candidate_kernel){
				.name = name, .version = json_string_value(text)};
	}
	return NULL;
}

static struct pl_error *read_entry(const json_t *o, struct kdk_manifest *m)
{
	const char *build = pl_json_str_or(o, "build", "");

	if (!build[0] || m->count == KDK_MANIFEST_ENTRIES_MAX) {
		m->skipped++;
		return NULL;
	}
	struct kdk_manifest_entry *n = &m->entries[m->count++];
	int64_t bytes = pl_json_int_or(o, "fileSize", 0);
	*n = (struct kdk_manifest_entry){.build = build,
		.version = pl_json_str_or(o, "version", ""),
		.name = pl_json_str_or(o, "name", ""),
		.date = pl_json_str_or(o, "date", ""),
		.url = url_of(o),
		.sha256 = pl_json_str_or(o, "sha256sum", ""),
		.md5 = pl_json_str_or(o, "md5sum", ""),
		.bytes = bytes > 0 ? (uint64_t)bytes : 0};
	return read_kernels(json_object_get(o, "kernel_versions"), n);
}

static struct pl_error *read_entries(const char *where, struct kdk_manifest *m)
{
	const json_t *o;
	size_t i;

	if (!json_is_array(m->doc))
		return pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_DATA, "not a list of debug kits"), "%s", where),
			"it is a JSON array of objects with build, url and kernel_versions");
	size_t room = json_array_size(m->doc);
	if (room > KDK_MANIFEST_ENTRIES_MAX)
		room = KDK_MANIFEST_ENTRIES_MAX;
	m->entries = calloc(room + 1, sizeof *m->entries);
	struct pl_error *e = m->entries ? NULL : pl_error_nomem();
	json_array_foreach(m->doc, i, o)
	{
		if (e)
			break;
		e = read_entry(o, m);
	}
	return e;
}

struct pl_error *kdk_manifest_parse(
	const char *text, size_t size, const char *where, struct kdk_manifest *ret)
{
	memset(ret, 0, sizeof *ret);
	struct pl_error *e = pl_json_parse(text, size, KDK_MANIFEST_FILE_MAX, where, &ret->doc);
	if (!e)
		e = read_entries(where, ret);
	if (e)
		kdk_manifest_deinit(ret);
	return e;
}

struct pl_error *kdk_manifest_read(const char *path, struct kdk_manifest *ret)
{
	struct pl_buf b;

	/* Before it is opened: a FIFO would hang us. */
	if (!folder_has_file(path))
		return pl_error_at(pl_error_new(PL_ERR_LAB, "no such file"), "%s", path);
	pl_buf_init(&b, KDK_MANIFEST_FILE_MAX);
	struct pl_error *e = pl_fs_read(path, &b);
	if (!e)
		e = kdk_manifest_parse(pl_buf_text(&b), b.size, path, ret);
	pl_buf_deinit(&b);
	return e;
}

void kdk_manifest_deinit(struct kdk_manifest *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->entries[i].kernels);
	free(m->entries);
	json_decref(m->doc);
	memset(m, 0, sizeof *m);
}
