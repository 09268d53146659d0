#include "tests/simlab/kernel_image.h"

#include <string.h>

#include "base/fs.h"
#include "base/reader.h"
#include "tests/simlab/panic_text.h"

#define MH_MAGIC_64 UINT32_C(0xfeedfacf)
#define MH_EXECUTE 2U
#define MH_DSYM 10U
#define VERSION_AT 0x1000U /* in __TEXT and in the file; __const, a page */
#define CODE_AT 0x2000U
#define LINKEDIT_SIZE 0x10000U
#define COMMANDS_MAX 64U

#define S_CODE 0x80000400U /* pure and some instructions */

enum { CMD_SYMTAB = 2, CMD_SEGMENT_64 = 0x19, CMD_UUID = 0x1b };

/* Little-endian writing into a buffer whose error is kept until the end. */
struct out {
	struct pl_buf *b;
	struct pl_error *e;
};

static void bytes(struct out *o, const void *data, size_t size)
{
	if (o->e == NULL)
		o->e = pl_buf_append(o->b, data, size);
}

static void u32(struct out *o, uint64_t v)
{
	uint8_t b[4];
	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	bytes(o, b, sizeof b);
}

static void u64(struct out *o, uint64_t v)
{
	u32(o, v & UINT32_MAX);
	u32(o, v >> 32);
}

static void name16(struct out *o, const char *name)
{
	char b[16] = {0};
	memcpy(b, name, strlen(name));
	bytes(o, b, sizeof b);
}

static void pad_to(struct out *o, size_t start, size_t size)
{
	static const uint8_t zeroes[4096];
	while (o->e == NULL && o->b->size - start < size) {
		size_t left = size - (o->b->size - start);
		bytes(o, zeroes, left < sizeof zeroes ? left : sizeof zeroes);
	}
}

static void segment(struct out *o, const char *name, const uint64_t place[static 4], unsigned sections)
{
	u32(o, CMD_SEGMENT_64);
	u32(o, 72 + 80 * (uint64_t)sections);
	name16(o, name);
	for (int i = 0; i < 4; i++)
		u64(o, place[i]);
	u32(o, 5);
	u32(o, 5);
	u32(o, sections);
	u32(o, 0);
}

static void section(
	struct out *o, const char *name, uint64_t address, uint64_t size, uint32_t offset, uint32_t flags)
{
	name16(o, name);
	name16(o, "__TEXT");
	u64(o, address);
	u64(o, size);
	u32(o, offset);
	for (int i = 0; i < 7; i++)
		u32(o, i == 3 ? flags : 0); /* align, relocations, flags, reserved */
}

struct symbols {
	size_t count;
	size_t strings;
};

static struct symbols measure(void)
{
	struct symbols s = {.strings = 1};
	for (const char *name; (name = panic_function_name(s.count)) != NULL; s.count++)
		s.strings += 1 + strlen(name) + 1;
	return s;
}

static void symbol_table(struct out *o, const struct kernel_desc *d)
{
	uint32_t at = 1;
	const char *name;
	for (size_t i = 0; (name = panic_function_name(i)) != NULL; i++) {
		u32(o, at);
		bytes(o, "\x0f\x02\0\0", 4); /* N_SECT | N_EXT, section 2 */
		u64(o, kernel_function(d, name, 0) - kernel_slide(d));
		at += (uint32_t)(1 + strlen(name) + 1);
	}
	bytes(o, "", 1);
	for (size_t i = 0; (name = panic_function_name(i)) != NULL; i++) {
		bytes(o, "_", 1);
		bytes(o, name, strlen(name) + 1);
	}
}

static struct pl_error *write_file(const struct kernel_desc *d, bool dsym, struct pl_buf *out)
{
	struct out o = {.b = out};
	struct symbols s = measure();
	size_t start = out->size;
	uint64_t base = KERNEL_TEXT_UNSLID;
	uint64_t text = kernel_text_size(d);
	uint64_t code_end = kernel_code_end(d);
	uint64_t text_file = dsym ? 0 : code_end;
	uint64_t table = dsym ? VERSION_AT : code_end;
	uint64_t table_size = 16 * s.count + s.strings;
	u32(&o, MH_MAGIC_64);
	u32(&o, 0x01000007); /* CPU_TYPE_X86_64 */
	u32(&o, 3);
	u32(&o, dsym ? MH_DSYM : MH_EXECUTE);
	u32(&o, 4);
	u32(&o, 72 + 160 + 72 + 24 + 24);
	u32(&o, dsym ? 0 : 0x200001); /* MH_NOUNDEFS | MH_PIE */
	u32(&o, 0);
	segment(&o, "__TEXT", (uint64_t[]){base, text, 0, text_file}, 2);
	section(&o, "__const", base + VERSION_AT, CODE_AT - VERSION_AT, dsym ? 0 : VERSION_AT, 0);
	section(&o, "__text", base + CODE_AT, code_end - CODE_AT, dsym ? 0 : CODE_AT, S_CODE);
	segment(&o, "__LINKEDIT", (uint64_t[]){base + text, LINKEDIT_SIZE, table, table_size}, 0);
	u32(&o, CMD_UUID);
	u32(&o, 24);
	bytes(&o, d->uuid, 16);
	u32(&o, CMD_SYMTAB);
	u32(&o, 24);
	u32(&o, table);
	u32(&o, s.count);
	u32(&o, table + 16 * s.count);
	u32(&o, s.strings);
	pad_to(&o, start, VERSION_AT);
	if (!dsym) {
		bytes(&o, d->version, strlen(d->version) + 1);
		pad_to(&o, start, code_end);
	}
	symbol_table(&o, d);
	return o.e;
}

struct pl_error *kernel_image_write(const struct kernel_desc *d, struct pl_buf *out)
{
	return write_file(d, false, out);
}

struct pl_error *kernel_image_write_dsym(const struct kernel_desc *d, struct pl_buf *out)
{
	return write_file(d, true, out);
}

/* ---- reading ---- */

static bool read_uuid(struct pl_reader *r, uint8_t uuid[static 16])
{
	pl_read_skip(r, 16);
	uint32_t count = pl_read_u32(r);
	pl_read_skip(r, 12);
	for (uint32_t i = 0; i < count && i < COMMANDS_MAX; i++) {
		size_t at = r->pos;
		uint32_t command = pl_read_u32(r);
		uint32_t size = pl_read_u32(r);
		const uint8_t *value = command == CMD_UUID ? pl_read_bytes(r, 16) : NULL;
		if (value != NULL) {
			memcpy(uuid, value, 16);
			return true;
		}
		if (size < 8 || !pl_reader_ok(r))
			return false;
		pl_read_seek(r, at + size);
	}
	return false;
}

static bool identify(const struct pl_buf *b, struct kernel_identification *ret)
{
	static const uint8_t MAGIC[] = {0xcf, 0xfa, 0xed, 0xfe};
	static const char VERSION[] = "Darwin Kernel Version ";
	const uint8_t *image = b->size > 0 ? memmem(b->data, b->size, MAGIC, sizeof MAGIC) : NULL;
	if (image == NULL)
		return false;
	size_t size = b->size - (size_t)(image - (const uint8_t *)b->data);
	struct pl_reader r = pl_reader_le(image, size);
	const char *version = memmem(image, size, VERSION, sizeof VERSION - 1);
	if (version == NULL || !read_uuid(&r, ret->uuid))
		return false;
	size_t left = size - (size_t)((const uint8_t *)version - image);
	size_t len = strnlen(version, left);
	if (len >= sizeof ret->version)
		return false;
	memcpy(ret->version, version, len);
	ret->version[len] = '\0';
	return true;
}

struct pl_error *kernel_image_read(const char *path, struct kernel_identification *ret)
{
	struct pl_buf b;
	*ret = (struct kernel_identification){0};
	pl_buf_init(&b, KERNEL_IMAGE_MAX);
	struct pl_error *e = pl_fs_read(path, &b);
	if (e == NULL && !identify(&b, ret))
		e = pl_error_new(PL_ERR_DATA, "%s holds no simulated kernel", path);
	pl_buf_deinit(&b);
	return e;
}
