#include "orchestrator/core/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/gpt.h"
#include "orchestrator/core/image_plan.h"
#include "orchestrator/core/image_source.h"
#include "orchestrator/core/kdumpimg.h"
#include "orchestrator/core/part.h"

#define MANIFEST "manifest.json"
#define MANIFEST_MAX ((size_t)1 << 20) /* there are at most some 500 parts, of 400 bytes each */

struct extract {
	const struct extract_options *options;
	const struct pl_wait *wait;
	struct image_source source;
	struct kdumpimg header;
	struct image_magic magic;
	struct image_plan plan;
	int dir; /* -1: none */
	uint64_t room;
	json_t *doc;
	json_t *files; /* borrowed from doc */
	bool whole;
};

/* ---- the header -------------------------------------------------------------------- */

static struct pl_error *not_one(const char *what)
{
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "%s", what), "'paniclab inspect' says what a file is");
}

static struct pl_error *check_header(const struct kdumpimg *k, size_t head_size)
{
	size_t max = k->version == 1 ? KDUMPIMG_FILES_V1 : KDUMPIMG_FILES_MAX;

	if (k->declared_version != k->version)
		return pl_error_new(PL_ERR_USAGE, "version %" PRIu32 " of this kind of image is not known",
			k->declared_version);
	if (k->claimed > max)
		return pl_error_why(
			pl_error_new(PL_ERR_USAGE, "its header claims to have %" PRIu64 " files", k->claimed),
			"there can be %zu", max);
	if (!k->complete)
		return pl_error_why(pl_error_new(PL_ERR_USAGE, "it ends within its header"),
			"%zu bytes of %zu", head_size,
			k->size + (size_t)(k->claimed - k->file_count) * KDUMPIMG_FILE_V2);
	return NULL;
}

/* What a range begins with; zeroes where the image has ended. */
static struct pl_error *look(const struct extract *x, uint64_t at, uint64_t length, uint8_t magic[4])
{
	size_t got, want = length < 4 ? (size_t)length : 4;

	memset(magic, 0, 4);
	return image_source_read(&x->source, at, magic, want, &got);
}

static struct pl_error *read_magic(struct extract *x)
{
	const struct kdumpimg *k = &x->header;
	struct pl_error *e = look(x, k->log_offset, k->log_length, x->magic.log);

	for (size_t i = 0; i < k->file_count && !e; i++)
		e = look(x, k->files[i].offset, k->files[i].length, x->magic.files[i]);
	return e;
}

/* Of a whole disk, only the partition for kernel cores is looked at from here on. */
static struct pl_error *narrow(struct extract *x)
{
	struct gpt_partition p;
	struct pl_error *e = gpt_find(&x->source, gpt_kernel_core, &p);

	if (e)
		return e;
	if (!p.table)
		return not_one("not an on-disk core image");
	if (!p.found)
		return pl_error_new(PL_ERR_USAGE, "a disk without an Apple_KernelCoreDump partition");
	x->source.base += p.offset;
	x->source.size = p.size;
	return NULL;
}

static struct pl_error *decode_header(struct extract *x, uint8_t *head, size_t *size)
{
	struct pl_error *e = image_source_read(&x->source, 0, head, KDUMPIMG_HEAD, size);

	if (e || kdumpimg_decode(head, *size, &x->header))
		return e;
	e = narrow(x);
	if (!e)
		e = image_source_read(&x->source, 0, head, KDUMPIMG_HEAD, size);
	if (!e && !kdumpimg_decode(head, *size, &x->header))
		e = not_one("no core is in its Apple_KernelCoreDump partition");
	return e;
}

static struct pl_error *read_header(struct extract *x)
{
	uint8_t *head = malloc(KDUMPIMG_HEAD);
	size_t size = 0;

	if (!head)
		return pl_error_nomem();
	struct pl_error *e = decode_header(x, head, &size);
	free(head);
	if (!e)
		e = check_header(&x->header, size);
	return e ? e : read_magic(x);
}

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
	x->dir = open(o->outdir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dir < 0)
		return pl_error_at(
			pl_error_errno(PL_ERR_LAB, errno, "cannot open the folder"), "%s", o->outdir);
	return NULL;
}

/* With --force: whatever has the name goes, a link itself and not what it points to. */
static struct pl_error *make_way(const struct extract *x, const char *path)
{
	struct stat image, there;

	if (!x->options->force || fstatat(x->dir, path, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	if (fstat(x->source.fd, &image) == 0 && image.st_dev == there.st_dev && image.st_ino == there.st_ino)
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "it is the image itself"), "name another folder");
	if (unlinkat(x->dir, path, 0) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot replace it");
	return NULL;
}

static struct pl_error *open_new(const struct extract *x, const char *path, int *ret)
{
	struct pl_error *e = make_way(x, path);
	if (e)
		return e;
	*ret = openat(x->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *ret < 0 ? pl_error_errno(PL_ERR_LAB, errno, "cannot make it") : NULL;
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

static struct pl_error *write_part(struct extract *x, const struct image_part *part, struct part_result *r)
{
	int fd = -1;

	if (x->options->begins)
		x->options->begins(x->options->arg, part->path);
	struct pl_error *e = open_new(x, part->path, &fd);
	if (e)
		return e;
	e = part_write(&x->source, part, fd, x->room, x->wait, r);
	if (close(fd) < 0 && !e)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot close it");
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

static struct pl_error *make_doc(struct extract *x)
{
	const char *image = x->options->image;
	const struct kdumpimg *k = &x->header;

	x->doc = json_pack("{s:o, s:i, s:b, s:b, s:[], s:O}", "image", core_json_text(image, strlen(image)),
		"version", (int)k->version, "little_endian", !k->big_endian, "log_encrypted",
		(int)(k->flags & KDUMPIMG_LOG_ENCRYPTED), "files", "warnings", x->plan.warnings);
	x->files = json_object_get(x->doc, "files");
	if (!x->doc || core_json_set_count(x->doc, "offset", x->source.base) != 0)
		return pl_error_nomem();
	return NULL;
}

static struct pl_error *write_all(struct extract *x)
{
	struct pl_error *e = x->options->dry_run ? NULL : open_folder(x);

	if (!e && !x->options->dry_run)
		e = make_way(x, MANIFEST);
	for (size_t i = 0; i < x->plan.count && !e; i++)
		if (wanted(x, &x->plan.parts[i]))
			e = do_part(x, &x->plan.parts[i]);
	if (!e && !x->options->dry_run)
		e = write_manifest(x);
	return e;
}

static struct pl_error *extract(struct extract *x)
{
	struct pl_error *e = read_header(x);

	if (!e)
		e = image_plan_make(&x->header, &x->magic, x->source.size, x->options->stored, &x->plan);
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
	struct pl_error *e;
	if (strcmp(o->image, "-") == 0)
		e = image_source_spool(STDIN_FILENO, o->max_size, w, &x->source);
	else
		e = image_source_open(o->image, &x->source);
	if (!e) {
		e = extract(x);
		image_source_close(&x->source);
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
