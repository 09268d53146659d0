#include "orchestrator/core/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/extract_input.h"
#include "orchestrator/core/image_plan.h"
#include "orchestrator/core/part.h"

#define MANIFEST "manifest.json"
#define DRAFT "_partial"               /* no part is called so: image_plan.h */
#define MANIFEST_MAX ((size_t)1 << 20) /* there are at most some 500 parts, of 400 bytes each */

struct extract {
	const struct extract_options *options;
	const struct pl_wait *wait;
	struct extract_input in;
	struct image_plan plan;
	int dir;   /* -1: none */
	bool made; /* the folder was not there before */
	uint64_t room;
	json_t *doc;
	json_t *files; /* borrowed from doc */
	bool whole;
};

/* ---- the folder -------------------------------------------------------------------- */

static bool wanted(const struct extract *x, const struct image_part *part)
{
	const char *only = x->options->only;
	return !only || strcmp(only, part->name) == 0 || strcmp(only, part->path) == 0;
}

static struct pl_error *check_only(const struct extract *x)
{
	for (size_t i = 0; i < x->plan.count; i++)
		if (wanted(x, &x->plan.parts[i]))
			return NULL;
	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "there is no '%s' in it", x->options->only),
		"'paniclab inspect' lists what there is");
}

static struct pl_error *open_folder(struct extract *x)
{
	const struct extract_options *o = x->options;

	int why = mkdir(o->outdir, 0700) < 0 ? errno : 0;
	if (why != 0 && why != EEXIST)
		return pl_error_at(
			pl_error_errno(PL_ERR_LAB, why, "cannot make the folder"), "%s", o->outdir);
	if (why == EEXIST && !o->force)
		return pl_error_at(pl_error_hint(pl_error_new(PL_ERR_USAGE, "it exists"),
					   "name a new folder, or give --force to write into this one"),
			"%s", o->outdir);
	x->made = why == 0;
	x->dir = open(o->outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dir < 0)
		return pl_error_at(
			pl_error_errno(PL_ERR_LAB, errno, "cannot open the folder"), "%s", o->outdir);
	return NULL;
}

/* With --force: whatever has the name goes, a link itself and not what it points to. */
static struct pl_error *make_way(const struct extract *x, const char *path)
{
	struct stat there;

	if (fstatat(x->dir, path, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	if (image_source_has_file(&x->in.source, &there))
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "it is the image itself"), "name another folder");
	if (unlinkat(x->dir, path, 0) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot replace it");
	return NULL;
}

static struct pl_error *check_way(const struct extract *x, const char *path)
{
	return x->options->force ? make_way(x, path) : NULL;
}

/* A part has its name when it is whole and on disk. */
static struct pl_error *open_draft(const struct extract *x, int *ret)
{
	struct pl_error *e = check_way(x, DRAFT);
	if (e)
		return e;
	*ret = openat(x->dir, DRAFT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *ret < 0 ? pl_error_errno(PL_ERR_LAB, errno, "cannot make it") : NULL;
}

static struct pl_error *name_draft(const struct extract *x, const char *path)
{
	struct pl_error *e = check_way(x, path);

	if (!e && pl_fs_rename_new(x->dir, DRAFT, path) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot name it");
	return e;
}

/* ---- parts ------------------------------------------------------------------------- */

static struct pl_error *list_part(
	struct extract *x, const struct image_part *part, const struct part_result *r)
{
	static const char *const codings[] = {"none", "gzip", "lz4"};
	json_t *o = json_object();
	int bad = json_object_set_new(o, "name", core_json_text(part->name, strlen(part->name)));

	bad |= json_object_set_new(o, "path", json_string(part->path));
	bad |= core_json_set_count(o, "begin", part->begin) | core_json_set_count(o, "end", part->end);
	bad |= json_object_set_new(o, "compression", json_string(codings[part->coding]));
	bad |= json_object_set_new(o, "encrypted", json_boolean(part->encrypted));
	if (r) {
		bad |= core_json_set_count(o, "bytes", r->bytes);
		bad |= json_object_set_new(o, "status", json_string(part_status_name(r->status)));
		bad |= json_object_set_new(o, "sha256", json_string(r->sha256));
		bad |= core_json_set_text(o, "detail", r->detail);
	}
	bad |= json_array_append_new(x->files, o);
	return bad ? pl_error_nomem() : NULL;
}

struct watched {
	const struct extract_options *options;
	const char *path;
};

static void reads(void *arg, uint64_t done, uint64_t of)
{
	const struct watched *w = arg;

	if (w->options->reads)
		w->options->reads(w->options->arg, w->path, done, of);
}

static struct pl_error *write_draft(
	const struct extract *x, const struct image_part *part, struct part_result *r)
{
	int fd = -1;
	struct pl_error *e = open_draft(x, &fd);

	if (e)
		return e;
	struct watched watched = {x->options, part->path};
	e = part_write(&x->in.source, part, fd, x->room, x->wait, &(struct part_watch){reads, &watched}, r);
	if (close(fd) < 0 && !e)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot close it");
	if (!e)
		e = name_draft(x, part->path);
	if (e)
		unlinkat(x->dir, DRAFT, 0);
	return e;
}

static struct pl_error *write_part(struct extract *x, const struct image_part *part, struct part_result *r)
{
	if (x->options->begins)
		x->options->begins(x->options->arg, part->path);
	struct pl_error *e = write_draft(x, part, r);
	if (e)
		return e;
	x->room -= r->bytes;
	x->whole = x->whole && r->status == PART_OK;
	return NULL;
}

static struct pl_error *do_part(struct extract *x, const struct image_part *part)
{
	struct part_result r;

	if (x->options->dry_run)
		return list_part(x, part, NULL);
	struct pl_error *e = pl_error_at(write_part(x, part, &r), "%s/%s", x->options->outdir, part->path);
	return e ? e : list_part(x, part, &r);
}

static struct pl_error *write_manifest(struct extract *x)
{
	struct pl_buf text;
	char *json = json_dumps(x->doc, JSON_INDENT(2));
	if (!json)
		return pl_error_nomem();
	pl_buf_init(&text, MANIFEST_MAX);
	struct pl_error *e = pl_buf_printf(&text, "%s\n", json);
	if (!e)
		e = pl_fs_write_new(x->dir, MANIFEST, text.data, text.size, 0600);
	pl_buf_deinit(&text);
	free(json);
	return pl_error_at(e, "%s/%s", x->options->outdir, MANIFEST);
}

/* The folder's own name must survive a crash as well. */
static struct pl_error *sync_name(const struct extract *x)
{
	char *parent = NULL;
	struct pl_error *e = x->made ? pl_fs_parent(x->options->outdir, &parent) : NULL;

	if (!e && parent)
		e = pl_fs_sync_dir(parent);
	free(parent);
	return e;
}

static struct pl_error *make_doc(struct extract *x)
{
	const char *image = x->options->image;
	const struct kdumpimg *k = &x->in.header;

	x->doc = json_pack("{s:o, s:o, s:o, s:b, s:[], s:O}", "image", core_json_text(image, strlen(image)),
		"version", x->in.received ? json_null() : json_integer(k->version), "little_endian",
		x->in.received ? json_null() : json_boolean(!k->big_endian), "log_encrypted",
		x->plan.log_encrypted, "files", "warnings", x->plan.warnings);
	x->files = json_object_get(x->doc, "files");
	if (!x->doc || core_json_set_count(x->doc, "offset", x->in.source.base) != 0)
		return pl_error_nomem();
	return NULL;
}

static struct pl_error *write_all(struct extract *x)
{
	struct pl_error *e = x->options->dry_run ? NULL : open_folder(x);

	if (!e && !x->options->dry_run)
		e = check_way(x, MANIFEST);
	for (size_t i = 0; i < x->plan.count && !e; i++)
		if (wanted(x, &x->plan.parts[i]))
			e = do_part(x, &x->plan.parts[i]);
	if (!e && !x->options->dry_run)
		e = write_manifest(x);
	if (!e)
		e = sync_name(x);
	/* With nothing in it, it would only be in the way of the next try; what has something stays. */
	if (e && x->made)
		rmdir(x->options->outdir);
	return e;
}

static struct pl_error *plan(struct extract *x)
{
	const struct extract_input *in = &x->in;
	bool stored = x->options->stored;

	if (in->received)
		return image_plan_received(in->source.size, stored, &x->plan);
	struct pl_error *e = image_plan_make(&in->header, &in->magic, in->source.size, stored, &x->plan);
	if (!e && in->packing != GUNZIP_OK)
		e = image_plan_warn(&x->plan,
			in->packing == GUNZIP_TRUNCATED
				? "the gzip data of the image are truncated: what follows is missing"
				: "the gzip data of the image are damaged: what follows is missing");
	return e;
}

static struct pl_error *extract(struct extract *x)
{
	struct pl_error *e = plan(x);

	if (!e)
		e = check_only(x);
	if (!e)
		e = make_doc(x);
	x->whole = !x->plan.damaged;
	e = pl_error_at(e, "%s", x->options->image);
	return e ? e : write_all(x);
}

struct pl_error *extract_image(
	const struct extract_options *o, const struct pl_wait *w, json_t **ret, bool *whole)
{
	struct extract *x = calloc(1, sizeof *x);

	*ret = NULL;
	*whole = false;
	if (!x)
		return pl_error_nomem();
	x->options = o;
	x->wait = w;
	x->dir = -1;
	x->room = o->max_size;
	struct pl_error *e = extract_input_open(o->image, o->max_size, w, &x->in);
	if (!e) {
		e = extract(x);
		extract_input_close(&x->in);
	}
	if (!e) {
		*ret = json_incref(x->doc);
		*whole = x->whole;
	}
	if (x->dir >= 0)
		close(x->dir);
	json_decref(x->doc);
	image_plan_deinit(&x->plan);
	free(x);
	return e;
}
