#include "orchestrator/core/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/inspect_symbols.h"
#include "orchestrator/core/macho.h"
#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/vmdk.h"

#define WARNING_MAX 1024 /* a path and two UUIDs */
#define PANICS_MAX 256   /* of a log, each of which is looked for in all that follows */

size_t inspect_read(int fd, uint64_t offset, void *data, size_t size)
{
	size_t got;

	pl_error_free(pl_fs_read_at(fd, offset, data, size, &got));
	return got;
}

struct pl_error *inspect_check(int bad)
{
	return bad ? pl_error_nomem() : NULL;
}

struct pl_error *inspect_warn(struct inspect *in, const char *fmt, ...)
{
	char text[WARNING_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_t *list = json_object_get(in->doc, "warnings"), *line = core_json_text(text, strlen(text)),
	       *said;
	size_t i;

	/* A kit is asked for kernels, and again for kexts. */
	json_array_foreach(list, i, said) if (json_equal(said, line))
	{
		json_decref(line);
		return NULL;
	}
	return inspect_check(json_array_append_new(list, line));
}

int inspect_set_version(json_t *doc, const struct kernel_version *v)
{
	int bad = core_json_set_text(doc, "kernel_version", v->text);
	bad |= core_json_set_text(doc, "xnu", v->xnu);
	bad |= core_json_set_text(doc, "variant", v->variant);
	return bad;
}

static int set_kind(struct inspect *in, const char *kind)
{
	return json_object_set_new(in->doc, "kind", json_string(kind));
}

/* A key that nothing better has set before. */
static int offer_text(json_t *doc, const char *key, const char *text)
{
	return json_object_get(doc, key) ? 0 : core_json_set_text(doc, key, text);
}

static int offer_address(json_t *doc, const char *key, const struct panic_address *a)
{
	if (!a->known || json_object_get(doc, key))
		return 0;
	return json_object_set_new(doc, key, core_json_address(a->value));
}

/* "RELEASE_X86_64" ends in the kernel's architecture. */
static const char *variant_arch(const char *variant)
{
	if (strstr(variant, "X86_64"))
		return "x86_64";
	if (strstr(variant, "I386"))
		return "i386";
	return strstr(variant, "ARM64") ? "arm64" : NULL;
}

static int set_from_panic(json_t *doc, const struct panic_text *p)
{
	struct kernel_version v;
	int bad = 0;

	if (p->kernel_version && kernel_version_parse(p->kernel_version, strlen(p->kernel_version), &v)) {
		if (!json_object_get(doc, "kernel_version"))
			bad |= inspect_set_version(doc, &v);
		bad |= offer_text(doc, "arch", variant_arch(v.variant));
	}
	bad |= offer_text(doc, "kernel_uuid", p->kernel_uuid);
	bad |= offer_text(doc, "build", p->build);
	bad |= offer_address(doc, "load_address", &p->kernel_text_base);
	bad |= offer_address(doc, "slide", &p->kernel_slide);
	return bad;
}

static struct pl_error *compare_uuid(struct inspect *in, const struct panic_text *p)
{
	const char *uuid = json_string_value(json_object_get(in->doc, "kernel_uuid"));

	if (!uuid || !p->kernel_uuid[0] || strcmp(uuid, p->kernel_uuid) == 0)
		return NULL;
	return inspect_warn(in, "the panic text is of another kernel: UUID %s", p->kernel_uuid);
}

/* A core has said before what it knows. */
static struct pl_error *name_frames(struct inspect *in, struct panic_text *p)
{
	struct inspect_symbols s;

	if (in->symbols)
		return inspect_symbols_resolve(in, in->symbols, p);
	struct pl_error *e = inspect_symbols_text(p, &s);
	if (!e)
		e = inspect_symbols_resolve(in, &s, p);
	if (!e)
		e = inspect_symbols_set(in, &s);
	inspect_symbols_deinit(&s);
	return e;
}

/* Goes on to the last panic of the text, of PANICS_MAX at most; *p, of the first one, becomes its. */
static struct pl_error *go_to_last(
	const struct inspect *in, const char **text, size_t *size, struct panic_text *p)
{
	for (size_t i = 1; i < PANICS_MAX && p->next > 0; i++) {
		struct panic_text later;
		size_t next = p->next;
		struct pl_error *e = panic_text_parse(*text + next, *size - next, &later);
		if (!e)
			e = pl_wait_check(in->wait);
		if (e || !later.found) {
			panic_text_deinit(&later);
			return e;
		}
		panic_text_deinit(p);
		*p = later;
		*text += next;
		*size -= next;
	}
	return NULL;
}

struct pl_error *inspect_panic(struct inspect *in, const char *text, size_t size, struct inspect_found *found)
{
	struct panic_text p;
	json_t *o = NULL;
	struct pl_error *e = panic_text_parse(text, size, &p);

	if (!e && in->options->last)
		e = go_to_last(in, &text, &size, &p);
	*found = (struct inspect_found){.panic = !e && p.found, .report = p.report};
	if (found->panic)
		e = name_frames(in, &p);
	if (found->panic && !e)
		e = panic_text_json(&p, in->options->rules, &o);
	if (found->panic && !e)
		e = inspect_check(json_object_set_new(in->doc, "panic", o) |
				  json_object_set_new(in->doc, "panic_text", core_json_text(text, size)) |
				  set_from_panic(in->doc, &p));
	if (found->panic && !e)
		e = compare_uuid(in, &p);
	panic_text_deinit(&p);
	return e;
}

static bool head_has(const struct inspect *in, const char *text)
{
	return memmem(in->head, in->head_size, text, strlen(text)) != NULL;
}

/* Only the very start: a log may be padded with NULs, and a panic must be found in it anyway. */
static bool looks_like_text(const struct inspect *in)
{
	size_t n = in->head_size < 16 ? in->head_size : 16;
	return n > 0 && !memchr(in->head, 0, n);
}

/* A .vmx: key = "value" lines; these keys are in every one. */
static bool looks_like_vmx(const struct inspect *in)
{
	static const char *const keys[] = {"config.version", "virtualhw.version"};
	size_t found = 0;

	for (size_t k = 0; k < 2; k++) {
		size_t len = strlen(keys[k]);
		for (size_t i = 0; i + len < in->head_size; i++) {
			bool start = i == 0 || in->head[i - 1] == '\n';
			if (start && strncasecmp((const char *)in->head + i, keys[k], len) == 0) {
				found++;
				break;
			}
		}
	}
	return found == 2;
}

/* The heads of plain reports; those in JSON are known by having been read as such. */
static bool looks_like_report(const struct inspect *in)
{
	return head_has(in, "*** Panic Report ***") || head_has(in, "Interval Since Last Panic Report:") ||
	       head_has(in, "Anonymous UUID:");
}

/* A serial log may begin with what the firmware sent, NULs among it: the panic's first line tells then. */
static struct pl_error *inspect_text(struct inspect *in, bool sure)
{
	static const char mark[] = "panic(cpu ";
	size_t size = in->bytes < INSPECT_TEXT_MAX ? (size_t)in->bytes : INSPECT_TEXT_MAX;
	char *text = malloc(size + 1);
	struct inspect_found found = {0};

	if (!text)
		return pl_error_nomem();
	size = inspect_read(in->fd, in->bytes - size, text, size);
	if (!sure && !memmem(text, size, mark, strlen(mark))) {
		free(text);
		return NULL;
	}
	struct pl_error *e = inspect_panic(in, text, size, &found);
	bool report = found.report || looks_like_report(in);
	if (!e && found.panic)
		e = inspect_check(set_kind(in, report ? "panic-report" : "panic-log"));
	free(text);
	return e;
}

struct pl_error *inspect_unpacked(struct inspect *in, int fd, uint64_t size)
{
	struct inspect inner = *in;
	uint8_t *head = malloc(INSPECT_HEAD);
	struct pl_error *e = NULL;

	if (!head)
		return pl_error_nomem();
	inner.fd = fd;
	inner.bytes = size;
	inner.head = head;
	inner.head_size = inspect_read(fd, 0, head, INSPECT_HEAD);
	if (inspect_is_image(&inner))
		e = inspect_image(&inner);
	else if (looks_like_text(&inner))
		e = inspect_text(&inner, true);
	free(head);
	return e;
}

static bool has_gpt(const struct inspect *in, size_t sector)
{
	return in->head_size >= sector + 8 && memcmp(in->head + sector, "EFI PART", 8) == 0;
}

/* What extract looks for a core in, or NULL. */
static const char *disk_of(const struct inspect *in)
{
	if (vmdk_is_one(in->head, in->head_size))
		return "a virtual disk";
	return has_gpt(in, 512) || has_gpt(in, 4096) ? "a disk with partitions" : NULL;
}

static struct pl_error *dispatch(struct inspect *in)
{
	uint64_t slice, length;

	if (in->bytes == 0)
		return inspect_warn(in, "the file is empty");
	if (inspect_is_macho(in))
		return inspect_macho(in, 0);
	if (macho_fat_slice(in->head, in->head_size, &slice, &length))
		return inspect_macho(in, slice);
	if (inspect_is_image(in))
		return inspect_image(in);
	if (in->head_size >= 2 && in->head[0] == 0x1f && in->head[1] == 0x8b)
		return inspect_gzip(in);
	if (in->head_size >= 8 && memcmp(in->head, "MRVN\1\0\0\0", 8) == 0)
		return inspect_check(set_kind(in, "nvram"));
	if (looks_like_text(in) && looks_like_vmx(in))
		return inspect_check(set_kind(in, "vmx"));
	if (looks_like_text(in))
		return inspect_text(in, true);
	/* Of what is no text at all, only a file that is not too large for a log. */
	return in->bytes <= INSPECT_TEXT_MAX && !disk_of(in) ? inspect_text(in, false) : NULL;
}

static struct pl_error *warn_of_disk(struct inspect *in)
{
	const char *kind = json_string_value(json_object_get(in->doc, "kind")), *disk = disk_of(in);

	if (!disk || strcmp(kind, "unknown") != 0)
		return NULL;
	return inspect_warn(
		in, "%s: 'paniclab extract' takes the on-disk core out of it, if there is one", disk);
}

static struct pl_error *inspect_open_file(struct inspect *in)
{
	struct stat st;
	uint8_t *head = NULL;
	struct pl_error *e = NULL;

	if (fstat(in->fd, &st) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot look at the file");
	if (S_ISDIR(st.st_mode))
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "a folder"),
			"name a file in it: a kext's is in Contents/MacOS, a dSYM's in "
			"Contents/Resources/DWARF; 'paniclab kdk check' looks into debug kits");
	if (!S_ISREG(st.st_mode))
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "not a regular file"), "- is standard input");
	in->bytes = (uint64_t)st.st_size;
	in->doc = json_object();
	head = malloc(INSPECT_HEAD);
	if (!in->doc || !head)
		e = pl_error_nomem();
	if (!e) {
		in->head = head;
		in->head_size = inspect_read(in->fd, 0, head, INSPECT_HEAD);
		e = inspect_check(set_kind(in, "unknown") | core_json_set_count(in->doc, "bytes", in->bytes) |
				  json_object_set_new(in->doc, "warnings", json_array()));
	}
	if (!e)
		e = dispatch(in);
	if (!e)
		e = warn_of_disk(in);
	free(head);
	return e;
}

struct pl_error *inspect_file(const char *path, const struct pl_wait *w, json_t **ret)
{
	return inspect_file_with(path, &(struct inspect_options){0}, w, ret);
}

struct pl_error *inspect_file_with(
	const char *path, const struct inspect_options *options, const struct pl_wait *w, json_t **ret)
{
	struct inspect in = {.wait = w, .options = options};

	/* O_NONBLOCK: a FIFO must not hang us; no effect on files */
	in.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (in.fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open"), "%s", path);
	struct pl_error *e = inspect_open_file(&in);
	close(in.fd);
	if (e)
		json_decref(in.doc);
	else
		*ret = in.doc;
	return pl_error_at(e, "%s", path);
}
