#include "orchestrator/core/extract_input.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/gz.h"
#include "orchestrator/core/gpt.h"
#include "orchestrator/core/vmdk.h"

/* So many decompressed bytes tell what gzip data hold: a partition table begins in the second sector. */
#define PEEK 8192
#define PEEK_IN 65536

static struct pl_error *not_one(const char *what)
{
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "%s", what), "'paniclab inspect' says what a file is");
}

/* ---- the header -------------------------------------------------------------------- */

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
	size_t missing = k->version == 1 ? 0 : (size_t)(k->claimed - k->file_count) * KDUMPIMG_FILE_V2;
	if (!k->complete)
		return pl_error_why(pl_error_new(PL_ERR_USAGE, "it ends within its header"),
			"%zu bytes of %zu", head_size, k->size + missing);
	return NULL;
}

/* What a range begins with; zeroes where the image has ended. */
static struct pl_error *look(const struct extract_input *in, uint64_t at, uint64_t length, uint8_t magic[4])
{
	size_t got, want = length < 4 ? (size_t)length : 4;

	memset(magic, 0, 4);
	return image_source_read(&in->source, at, magic, want, &got);
}

static struct pl_error *read_magic(struct extract_input *in)
{
	const struct kdumpimg *k = &in->header;
	struct pl_error *e = look(in, k->log_offset, k->log_length, in->magic.log);

	for (size_t i = 0; i < k->file_count && !e; i++)
		e = look(in, k->files[i].offset, k->files[i].length, in->magic.files[i]);
	return e;
}

static bool is_core(const uint8_t *p, size_t size)
{
	return size >= 4 && (memcmp(p, "\xcf\xfa\xed\xfe", 4) == 0 || memcmp(p, "\xce\xfa\xed\xfe", 4) == 0);
}

static bool holds_core(const struct extract_input *in)
{
	uint8_t magic[4];
	struct pl_error *e = look(in, 0, in->source.size, magic);

	if (!e)
		return is_core(magic, sizeof magic);
	pl_error_free(e);
	return false;
}

/* Of a whole disk, only the partition for kernel cores is looked at from here on. */
static struct pl_error *narrow(struct extract_input *in)
{
	struct gpt_partition p;
	struct pl_error *e = gpt_find(&in->source, gpt_kernel_core, &p);

	if (e)
		return e;
	if (!p.table && holds_core(in))
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "a core already"),
			"there is nothing to take apart: a debugger and 'paniclab inspect' read it");
	if (!p.table)
		return not_one(in->source.vmdk
				       ? "a virtual disk that holds neither a core image nor partitions"
				       : "not an on-disk core image");
	if (!p.found)
		return pl_error_new(PL_ERR_USAGE, "a disk without an Apple_KernelCoreDump partition");
	in->source.base += p.offset;
	in->source.size = p.size;
	return NULL;
}

static struct pl_error *decode_header(struct extract_input *in, uint8_t *head, size_t *size)
{
	struct pl_error *e = image_source_read(&in->source, 0, head, KDUMPIMG_HEAD, size);

	if (e || kdumpimg_decode(head, *size, &in->header))
		return e;
	e = narrow(in);
	if (!e)
		e = image_source_read(&in->source, 0, head, KDUMPIMG_HEAD, size);
	if (!e && !kdumpimg_decode(head, *size, &in->header))
		e = not_one("no core is in its Apple_KernelCoreDump partition");
	return e;
}

static struct pl_error *read_header(struct extract_input *in)
{
	uint8_t *head = malloc(KDUMPIMG_HEAD);
	size_t size = 0;

	if (!head)
		return pl_error_nomem();
	struct pl_error *e = decode_header(in, head, &size);
	free(head);
	if (!e)
		e = check_header(&in->header, size);
	return e ? e : read_magic(in);
}

/* ---- gzip data --------------------------------------------------------------------- */

/* Their first decompressed bytes, as many as there are of PEEK. */
static struct pl_error *peek(const struct extract_input *in, uint8_t plain[PEEK], size_t *size)
{
	uint8_t *packed = malloc(PEEK_IN);
	struct gz *gz = NULL;
	size_t got = 0;

	*size = 0;
	struct pl_error *e = packed ? gz_create(&gz) : pl_error_nomem();
	if (!e)
		e = image_source_read(&in->source, 0, packed, PEEK_IN, &got);
	if (!e) {
		struct gz_io io = {.in = packed, .in_left = got, .out = plain, .out_left = PEEK};
		gz_decode(gz, &io);
		*size = PEEK - io.out_left;
	}
	gz_destroy(gz);
	free(packed);
	return e;
}

static bool is_image(const uint8_t *p, size_t size)
{
	struct kdumpimg k;

	return kdumpimg_decode(p, size, &k) || vmdk_is_one(p, size) ||
	       (size >= 512 + 8 && memcmp(p + 512, "EFI PART", 8) == 0) ||
	       (size >= 4096 + 8 && memcmp(p + 4096, "EFI PART", 8) == 0);
}

/* What is in the gzip data that the source is. */
static struct pl_error *open_gzip(struct extract_input *in, uint64_t max, const struct pl_wait *w)
{
	uint8_t plain[PEEK];
	size_t size;
	struct pl_error *e = peek(in, plain, &size);

	if (e)
		return e;
	in->received = is_core(plain, size);
	if (in->received)
		return NULL;
	if (size == 0)
		return pl_error_new(PL_ERR_USAGE, "no byte of its gzip data can be decompressed");
	if (!is_image(plain, size))
		return not_one("gzip data of neither a core nor an image");
	e = image_source_gunzip(&in->source, max, w, &in->packing);
	return e ? e : read_header(in);
}

/* ------------------------------------------------------------------------------------- */

static struct pl_error *open_any(struct extract_input *in, uint64_t max, const struct pl_wait *w)
{
	uint8_t magic[2] = {0};
	size_t got;
	struct pl_error *e = image_source_read(&in->source, 0, magic, sizeof magic, &got);

	if (e)
		return e;
	if (memcmp(magic, "\x1f\x8b", 2) == 0 && !in->source.vmdk)
		return open_gzip(in, max, w);
	return read_header(in);
}

struct pl_error *extract_input_open(
	const char *path, uint64_t max, const struct pl_wait *w, struct extract_input *ret)
{
	struct pl_error *e;

	*ret = (struct extract_input){.source = {.fd = -1}, .packing = GUNZIP_OK};
	if (strcmp(path, "-") == 0)
		e = image_source_spool(STDIN_FILENO, max, w, &ret->source);
	else
		e = image_source_open(path, &ret->source);
	if (e)
		return e;
	e = open_any(ret, max, w);
	if (e)
		extract_input_close(ret);
	return pl_error_at(e, "%s", path);
}

void extract_input_close(struct extract_input *in)
{
	image_source_close(&in->source);
}
