#include "orchestrator/core/image_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orchestrator/core/core_json.h"

#define FIXED_PARTS 3 /* header, log, key */
#define CLAIMED_MAX (FIXED_PARTS + KDUMPIMG_FILES_MAX)
/* A gap ends where a range begins or where the image ends. */
#define PARTS_MAX (2 * CLAIMED_MAX + 1)

static struct pl_error *warn(struct image_plan *p, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;

static struct pl_error *warn(struct image_plan *p, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (json_array_append_new(p->warnings, core_json_text(text, strlen(text))) != 0)
		return pl_error_nomem();
	return NULL;
}

static struct image_part *add(struct image_plan *p, const char *name, uint64_t begin, uint64_t length)
{
	struct image_part *part = &p->parts[p->count++];

	*part = (struct image_part){.begin = begin};
	part->end = length > UINT64_MAX - begin ? UINT64_MAX : begin + length;
	snprintf(part->name, sizeof part->name, "%s", name);
	snprintf(part->path, sizeof part->path, "%s", name);
	return part;
}

/* ---- names ------------------------------------------------------------------------ */

static bool usable(const char *name)
{
	if (name[0] == '\0' || strchr("_.-", name[0]))
		return false;
	for (; *name; name++)
		if (*name < ' ' || *name > '~' || *name == '/' || *name == '\\')
			return false;
	return true;
}

static bool taken(const struct image_plan *p, const char *path)
{
	if (strcasecmp(path, "manifest.json") == 0)
		return true;
	for (size_t i = 0; i + 1 < p->count; i++)
		if (strcasecmp(p->parts[i].path, path) == 0)
			return true;
	return false;
}

static void set_path(struct image_part *part, const char *base, const char *suffix)
{
	if (!suffix)
		suffix = strcmp(base, "kernel") == 0 ? ".core" : "";
	snprintf(part->path, sizeof part->path, "%s%s", base, suffix);
}

/* Names the part that was added last; suffix NULL: the decompressed file's name. */
static struct pl_error *name_file(struct image_plan *p, size_t n, const char *suffix)
{
	struct image_part *part = &p->parts[p->count - 1];
	const char *why = "cannot be used";

	if (usable(part->name)) {
		set_path(part, part->name, suffix);
		if (!taken(p, part->path))
			return NULL;
		why = "is there already";
	}
	char base[16];
	snprintf(base, sizeof base, "_file%02zu", n);
	set_path(part, base, suffix);
	p->damaged = true;
	return warn(
		p, "the name of file %zu, \"%s\", %s: it is written as %s", n, part->name, why, part->path);
}

/* ---- files ------------------------------------------------------------------------ */

static bool begins(const uint8_t magic[4], const char *with)
{
	return memcmp(magic, with, strlen(with)) == 0;
}

static enum part_coding coding_of(
	const struct kdumpimg *k, const struct kdumpimg_file *f, const uint8_t magic[4])
{
	if (k->version == 1)
		return PART_GZIP;
	bool gzip = f->flags & KDUMPIMG_FILE_GZIP, lz4 = f->flags & KDUMPIMG_FILE_LZ4;
	if (gzip && lz4)
		return begins(magic, "bv4") ? PART_LZ4 : PART_GZIP;
	return gzip ? PART_GZIP : lz4 ? PART_LZ4 : PART_STORED;
}

static const char *stored_suffix(const struct image_part *part)
{
	if (part->coding == PART_STORED)
		return NULL;
	return part->coding == PART_GZIP ? ".gz" : ".lz4";
}

struct plan_input {
	const struct kdumpimg *k;
	const struct image_magic *magic;
	uint64_t size;
	bool stored;
};

/* Should be compressed, is there, and does not begin so. */
static bool is_mislabelled(const struct image_part *part, const struct plan_input *in, const uint8_t magic[4])
{
	if (part->coding == PART_STORED || part->encrypted)
		return false;
	if (part->begin == part->end || part->begin >= in->size)
		return false;
	return !begins(magic, part->coding == PART_GZIP ? "\x1f\x8b" : "bv4");
}

static struct pl_error *add_file(struct image_plan *p, const struct plan_input *in, size_t n)
{
	const struct kdumpimg *k = in->k;
	const uint8_t *magic = in->magic->files[n];
	const struct kdumpimg_file *f = &k->files[n];
	struct image_part *part = add(p, f->name, f->offset, f->length);

	part->coding = coding_of(k, f, magic);
	part->encrypted = f->flags & KDUMPIMG_FILE_ENCRYPTED || begins(magic, "AEA1");
	part->mislabelled = is_mislabelled(part, in, magic);
	part->decode = !in->stored && part->coding != PART_STORED && !part->encrypted && !part->mislabelled;
	/* Version 1 as it stands is always NAME.gz: it knows no encryption. */
	if (part->encrypted && !(in->stored && k->version == 1))
		return name_file(p, n, ".aea");
	return name_file(p, n, part->decode ? NULL : stored_suffix(part));
}

static struct pl_error *add_claimed(struct image_plan *p, const struct plan_input *in)
{
	const struct kdumpimg *k = in->k;
	struct pl_error *e = NULL;

	add(p, "_header.bin", 0, k->size);
	struct image_part *log = add(p, "_panic.log", k->log_offset, k->log_length);
	log->encrypted = k->flags & KDUMPIMG_LOG_ENCRYPTED || begins(in->magic->log, "AEA1");
	p->log_encrypted = log->encrypted;
	if (log->encrypted && !(in->stored && k->version == 1))
		set_path(log, log->name, ".aea");
	if (k->key_length > 0)
		add(p, "_public_key.bin", k->key_offset, k->key_length);
	for (size_t n = 0; n < k->file_count && !e; n++)
		e = add_file(p, in, n);
	if (!e && k->file_count == 0)
		e = warn(p, "the header claims that there are no files");
	return e;
}

/* ---- ranges ----------------------------------------------------------------------- */

static struct pl_error *check_overlaps(struct image_plan *p, size_t claimed)
{
	for (size_t i = 1; i < claimed; i++) {
		const struct image_part *a = &p->parts[i];
		for (size_t j = 0; j < i; j++) {
			const struct image_part *b = &p->parts[j];
			uint64_t begin = a->begin > b->begin ? a->begin : b->begin;
			uint64_t end = a->end < b->end ? a->end : b->end;
			if (begin >= end)
				continue;
			p->damaged = true;
			struct pl_error *e = warn(p, "%s and %s overlap", b->path, a->path);
			if (e)
				return e;
			break;
		}
	}
	return NULL;
}

/* The end of a range around `at`, or `at` itself if there is none. */
static uint64_t behind_claimed(const struct image_plan *p, size_t claimed, uint64_t at)
{
	for (size_t i = 0; i < claimed; i++)
		if (p->parts[i].begin <= at && at < p->parts[i].end)
			return p->parts[i].end;
	return at;
}

/* Where the next range begins, even an empty one; false if none follows within the image. */
static bool next_claimed(
	const struct image_plan *p, size_t claimed, uint64_t at, uint64_t size, uint64_t *ret)
{
	bool found = false;

	*ret = size;
	for (size_t i = 0; i < claimed; i++) {
		uint64_t begin = p->parts[i].begin;
		if (begin <= at || begin > size || begin > *ret)
			continue;
		found = true;
		*ret = begin;
	}
	return found;
}

static void add_gaps(struct image_plan *p, size_t claimed, uint64_t size)
{
	unsigned bonus = 0;

	for (uint64_t at = 0; at < size;) {
		uint64_t end = behind_claimed(p, claimed, at);
		if (end == at) {
			char name[24];
			bool more = next_claimed(p, claimed, at, size, &end);
			snprintf(name, sizeof name, "_bonus%02u.bin", bonus++);
			add(p, more ? name : "_trailing.bin", at, end - at)->trailing = !more;
		}
		at = end;
	}
}

static int compare(const void *x, const void *y)
{
	const struct image_part *a = x, *b = y;

	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	return strcmp(a->path, b->path);
}

struct pl_error *image_plan_make(const struct kdumpimg *k, const struct image_magic *magic, uint64_t size,
	bool stored, struct image_plan *ret)
{
	*ret = (struct image_plan){
		.parts = calloc(PARTS_MAX, sizeof(struct image_part)),
		.warnings = json_array(),
	};
	struct plan_input in = {k, magic, size, stored};
	struct pl_error *e = NULL;
	if (!ret->parts || !ret->warnings)
		e = pl_error_nomem();
	if (!e)
		e = add_claimed(ret, &in);
	if (!e)
		e = check_overlaps(ret, ret->count);
	if (e) {
		image_plan_deinit(ret);
		return e;
	}
	add_gaps(ret, ret->count, size);
	qsort(ret->parts, ret->count, sizeof *ret->parts, compare);
	return NULL;
}

struct pl_error *image_plan_received(uint64_t size, bool stored, struct image_plan *ret)
{
	*ret = (struct image_plan){
		.parts = calloc(1, sizeof(struct image_part)),
		.warnings = json_array(),
	};
	if (!ret->parts || !ret->warnings) {
		image_plan_deinit(ret);
		return pl_error_nomem();
	}
	struct image_part *part = add(ret, "kernel", 0, size);
	part->coding = PART_GZIP;
	part->decode = !stored;
	set_path(part, part->name, stored ? stored_suffix(part) : NULL);
	return NULL;
}

struct pl_error *image_plan_warn(struct image_plan *p, const char *text)
{
	p->damaged = true;
	return warn(p, "%s", text);
}

void image_plan_deinit(struct image_plan *p)
{
	free(p->parts);
	json_decref(p->warnings);
	*p = (struct image_plan){0};
}
