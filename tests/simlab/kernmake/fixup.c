#include <string.h>

#include "tests/simlab/core_memory.h"
#include "tests/simlab/kernmake/kernmake.h"

#define KERNEL_BASE UINT64_C(0xffffff8000200000)
#define HEADER 32
#define SYMBOL 16 /* struct nlist_64 */

enum {
	EXECUTE = 2,
	KEXT_BUNDLE = 0xb,
	SYMTAB = 0x2,
	LOAD_DYLIB = 0xc,
	LOAD_DYLINKER = 0xe,
	SEGMENT_64 = 0x19,
	DYLD_INFO_ONLY = 0x22,
	MAIN = 0x28,
};

/* The command at `at`; its size, or 0 when it does not fit. */
static size_t command(const struct pl_buf *f, size_t at, uint32_t *cmd)
{
	if (at + 8 > f->size)
		return 0;
	uint32_t size = get32(f->data + at + 4);
	*cmd = get32(f->data + at);
	return size >= 8 && at + size <= f->size ? size : 0;
}

static struct pl_error *check(const struct pl_buf *f)
{
	if (f->size < HEADER || get32(f->data) != 0xfeedfacf || get32(f->data + 4) != 0x01000007)
		return pl_error_new(PL_ERR_DATA, "not a 64-bit Mach-O file for x86_64");
	return NULL;
}

static void add64(void *p, uint64_t delta)
{
	core_le64(p, get64(p) + delta);
}

static void shift_segment(uint8_t *p, uint32_t size, uint64_t delta)
{
	uint32_t sections = get32(p + 64);

	add64(p + 24, delta);
	for (uint32_t i = 0; i < sections && 72 + 80 * (i + 1) <= size; i++)
		add64(p + 72 + 80 * i + 32, delta);
}

/* Debugging entries that hold an address: N_FUN, N_STSYM, N_BNSYM, N_ENSYM, with a section. */
static int has_address(const uint8_t *symbol)
{
	uint8_t type = symbol[4], section = symbol[5];

	if (type & 0xe0)
		return section != 0 && (type == 0x24 || type == 0x26 || type == 0x2e || type == 0x4e);
	return (type & 0x0e) == 0x0e;
}

static void shift_symbols(struct pl_buf *f, const uint8_t *symtab, uint64_t delta)
{
	uint64_t at = get32(symtab + 8);
	uint32_t count = get32(symtab + 12);

	for (uint32_t i = 0; i < count && at + SYMBOL <= f->size; i++, at += SYMBOL) {
		uint8_t *symbol = (uint8_t *)f->data + at;
		if (has_address(symbol))
			add64(symbol + 8, delta);
	}
}

struct pl_error *shift(struct pl_buf *f, uint64_t delta)
{
	struct pl_error *e = check(f);
	size_t at = HEADER, size;
	uint32_t cmd;

	for (uint32_t left = e ? 0 : get32(f->data + 16); left > 0; left--, at += size) {
		size = command(f, at, &cmd);
		if (!size)
			return pl_error_new(PL_ERR_DATA, "broken load commands");
		uint8_t *p = (uint8_t *)f->data + at;
		if (cmd == SEGMENT_64)
			shift_segment(p, (uint32_t)size, delta);
		else if (cmd == SYMTAB)
			shift_symbols(f, p, delta);
	}
	return e;
}

static int is_segment(const struct pl_buf *f, size_t at, uint32_t cmd, const char *name)
{
	return cmd == SEGMENT_64 && strncmp(f->data + at + 8, name, 16) == 0;
}

static int is_for_dyld(const struct pl_buf *f, size_t at, uint32_t cmd)
{
	switch (cmd & 0x7fffffff) {
	case LOAD_DYLIB:
	case LOAD_DYLINKER:
	case DYLD_INFO_ONLY:
	case MAIN:
		return 1;
	default:
		return is_segment(f, at, cmd, "__PAGEZERO");
	}
}

/* The commands move up over those that go; what they point at stays where it is. */
static struct pl_error *drop_dyld(struct pl_buf *f, uint64_t *text)
{
	uint32_t count = get32(f->data + 16), kept = 0, cmd;
	size_t from = HEADER, to = HEADER, size;

	*text = 0;
	for (uint32_t i = 0; i < count; i++, from += size) {
		size = command(f, from, &cmd);
		if (!size)
			return pl_error_new(PL_ERR_DATA, "broken load commands");
		if (is_for_dyld(f, from, cmd))
			continue;
		if (is_segment(f, from, cmd, "__TEXT"))
			*text = get64(f->data + from + 24);
		memmove(f->data + to, f->data + from, size);
		to += size;
		kept++;
	}
	memset(f->data + to, 0, from - to);
	core_le32((uint8_t *)f->data + 16, kept);
	core_le32((uint8_t *)f->data + 20, (uint32_t)(to - HEADER));
	return NULL;
}

struct pl_error *fixup(struct pl_buf *f, int kext)
{
	uint64_t text;
	struct pl_error *e = check(f);

	if (!e)
		e = drop_dyld(f, &text);
	if (e)
		return e;
	core_le32((uint8_t *)f->data + 12, kext ? KEXT_BUNDLE : EXECUTE);
	core_le32((uint8_t *)f->data + 24, kext ? 0 : 1); /* MH_NOUNDEFS; without MH_DYLDLINK */
	return shift(f, (kext ? 0 : KERNEL_BASE) - text);
}
