#include "orchestrator/core/macho.h"

#include <stdio.h>
#include <string.h>

#define MAGIC_64 UINT32_C(0xfeedfacf)
#define MAGIC_32 UINT32_C(0xfeedface)
#define FAT_MAGIC UINT32_C(0xcafebabe)

#define FLAVOR_X86_32 1
#define FLAVOR_X86_64 4
#define FLAVOR_X86 7 /* a header { flavor, count } and one of the above */
#define FLAVOR_ARM64 6

static struct pl_reader reader(const void *data, size_t size, bool big_endian)
{
	return big_endian ? pl_reader_be(data, size) : pl_reader_le(data, size);
}

static bool magic(const void *data, size_t size, bool big_endian, bool *is_64)
{
	struct pl_reader r = reader(data, size, big_endian);
	uint32_t m = pl_read_u32(&r);
	*is_64 = m == MAGIC_64;
	return m == MAGIC_64 || m == MAGIC_32;
}

struct pl_error *macho_header_decode(const void *data, size_t size, struct macho_header *ret)
{
	memset(ret, 0, sizeof *ret);
	if (!magic(data, size, false, &ret->is_64)) {
		ret->big_endian = true;
		if (!magic(data, size, true, &ret->is_64))
			return pl_error_new(PL_ERR_DATA, "not a Mach-O file");
	}
	struct pl_reader r = reader(data, size, ret->big_endian);
	pl_read_skip(&r, 4);
	ret->cpu_type = pl_read_u32(&r);
	pl_read_skip(&r, 4); /* cpusubtype */
	ret->file_type = pl_read_u32(&r);
	ret->command_count = pl_read_u32(&r);
	ret->commands_size = pl_read_u32(&r);
	ret->flags = pl_read_u32(&r);
	if (ret->is_64)
		pl_read_skip(&r, 4);
	ret->header_size = ret->is_64 ? 32 : 28;
	if (!pl_reader_ok(&r))
		return pl_error_new(PL_ERR_DATA, "Mach-O header cut short");
	if (ret->commands_size > MACHO_COMMANDS_MAX)
		return pl_error_why(pl_error_new(PL_ERR_DATA, "not a sane Mach-O header"),
			"%u bytes of load commands", ret->commands_size);
	return NULL;
}

const char *macho_arch(uint32_t cpu_type)
{
	switch (cpu_type) {
	case MACHO_CPU_X86_64:
		return "x86_64";
	case MACHO_CPU_I386:
		return "i386";
	case MACHO_CPU_ARM64:
		return "arm64";
	default:
		return "unknown";
	}
}

void macho_iter_init(struct macho_iter *it, const struct macho_header *h, const void *commands, size_t size)
{
	if (size > h->commands_size)
		size = h->commands_size;
	it->r = reader(commands, size, h->big_endian);
	it->left = h->command_count;
	it->broken = NULL;
}

bool macho_next(struct macho_iter *it, struct macho_cmd *ret)
{
	if (it->left == 0)
		return false;
	it->left--;
	ret->cmd = pl_read_u32(&it->r);
	uint32_t size = pl_read_u32(&it->r);
	const uint8_t *body = size < 8 ? NULL : pl_read_bytes(&it->r, size - 8);
	if (!pl_reader_ok(&it->r) || !body) {
		it->broken = size < 8 && pl_reader_ok(&it->r) ? "a load command of an impossible size"
							      : "load commands cut short";
		it->left = 0;
		return false;
	}
	ret->body = reader(body, size - 8, it->r.big_endian);
	return true;
}

static void read_name(struct pl_reader *r, char name[static 17])
{
	const uint8_t *p = pl_read_bytes(r, 16);
	memset(name, 0, 17);
	if (p)
		memcpy(name, p, 16);
}

bool macho_segment_decode(struct macho_cmd c, struct macho_segment *ret)
{
	struct pl_reader *r = &c.body;
	bool wide = c.cmd == MACHO_LC_SEGMENT_64;

	read_name(r, ret->name);
	ret->vmaddr = wide ? pl_read_u64(r) : pl_read_u32(r);
	ret->vmsize = wide ? pl_read_u64(r) : pl_read_u32(r);
	ret->fileoff = wide ? pl_read_u64(r) : pl_read_u32(r);
	ret->filesize = wide ? pl_read_u64(r) : pl_read_u32(r);
	pl_read_skip(r, 16); /* maxprot, initprot, nsects, flags */
	return pl_reader_ok(r);
}

bool macho_section_find(struct macho_cmd c, const char *name, uint64_t *address)
{
	struct pl_reader *r = &c.body;
	bool wide = c.cmd == MACHO_LC_SEGMENT_64;

	pl_read_skip(r, 16 + (wide ? 4 * 8 : 4 * 4) + 8); /* name, places, maxprot, initprot */
	uint32_t count = pl_read_u32(r);
	pl_read_skip(r, 4); /* flags */
	for (uint32_t i = 0; i < count && pl_reader_ok(r); i++) {
		char section[17];
		read_name(r, section);
		pl_read_skip(r, 16); /* its segment's name */
		*address = wide ? pl_read_u64(r) : pl_read_u32(r);
		pl_read_skip(r, wide ? 8 + 8 * 4 : 4 + 7 * 4);
		if (pl_reader_ok(r) && strcmp(section, name) == 0)
			return true;
	}
	return false;
}

bool macho_uuid_decode(struct macho_cmd c, uint8_t ret[16])
{
	const uint8_t *p = pl_read_bytes(&c.body, 16);
	if (!p)
		return false;
	memcpy(ret, p, 16);
	return true;
}

bool macho_note_decode(struct macho_cmd c, struct macho_note *ret)
{
	read_name(&c.body, ret->owner);
	ret->offset = pl_read_u64(&c.body);
	ret->size = pl_read_u64(&c.body);
	return pl_reader_ok(&c.body);
}

bool macho_ident_decode(struct macho_cmd c, const char **text, size_t *len)
{
	size_t size = pl_reader_left(&c.body);
	const uint8_t *p = pl_read_bytes(&c.body, size);
	if (!p || size == 0)
		return false;
	const uint8_t *nul = memchr(p, 0, size);
	*text = (const char *)p;
	*len = nul ? (size_t)(nul - p) : size;
	return *len > 0;
}

/* What of a thread's state is integer registers, and which of them are what. */
struct layout {
	bool is_64;
	size_t count, pc, sp, fp;
	const char *const *names;
};

static const char *const names_x86_64[] = {"rax", "rbx", "rcx", "rdx", "rdi", "rsi", "rbp", "rsp", "r8", "r9",
	"r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags", "cs", "fs", "gs"};
static const char *const names_i386[] = {"eax", "ebx", "ecx", "edx", "edi", "esi", "ebp", "esp", "ss",
	"eflags", "eip", "cs", "ds", "es", "fs", "gs"};
static const char *const names_arm64[] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
	"x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
	"x25", "x26", "x27", "x28", "fp", "lr", "sp", "pc"};

static const struct layout layout_x86_64 = {true, 21, 16, 7, 6, names_x86_64};
static const struct layout layout_i386 = {false, 16, 10, 7, 6, names_i386};
static const struct layout layout_arm64 = {true, 33, 32, 31, 29, names_arm64};

static const struct layout *layout_of(uint32_t cpu_type, uint32_t flavor)
{
	if (cpu_type == MACHO_CPU_ARM64)
		return flavor == FLAVOR_ARM64 ? &layout_arm64 : NULL;
	if (flavor == FLAVOR_X86_64)
		return &layout_x86_64;
	return flavor == FLAVOR_X86_32 ? &layout_i386 : NULL;
}

static bool read_registers(struct pl_reader r, const struct layout *l, struct macho_thread *ret)
{
	for (size_t i = 0; i < l->count; i++)
		ret->registers[i] = l->is_64 ? pl_read_u64(&r) : pl_read_u32(&r);
	if (!pl_reader_ok(&r))
		return false;
	ret->is_64 = l->is_64;
	ret->count = l->count;
	ret->names = l->names;
	ret->pc = ret->registers[l->pc];
	ret->sp = ret->registers[l->sp];
	ret->fp = ret->registers[l->fp];
	return true;
}

/* One { flavor, count, words } of the thread command. */
static bool read_state(struct pl_reader state, uint32_t cpu_type, uint32_t flavor, struct macho_thread *ret)
{
	if (flavor == FLAVOR_X86 && cpu_type != MACHO_CPU_ARM64) {
		flavor = pl_read_u32(&state);
		pl_read_skip(&state, 4);
	}
	const struct layout *l = layout_of(cpu_type, flavor);
	return l && read_registers(state, l, ret);
}

bool macho_thread_decode(struct macho_cmd c, uint32_t cpu_type, struct macho_thread *ret)
{
	memset(ret, 0, sizeof *ret);
	if (cpu_type != MACHO_CPU_X86_64 && cpu_type != MACHO_CPU_I386 && cpu_type != MACHO_CPU_ARM64)
		return true;
	while (pl_reader_left(&c.body) >= 8) {
		uint32_t flavor = pl_read_u32(&c.body);
		uint32_t words = pl_read_u32(&c.body);
		if (words > pl_reader_left(&c.body) / 4)
			return false;
		size_t size = (size_t)words * 4;
		const uint8_t *p = pl_read_bytes(&c.body, size);
		if (p && read_state(reader(p, size, c.body.big_endian), cpu_type, flavor, ret))
			return true;
	}
	return false;
}

void macho_uuid_text(const uint8_t uuid[16], char out[static 37])
{
	size_t at = 0;
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		at += (size_t)snprintf(out + at, 37 - at, "%02X", uuid[i]);
	}
}

size_t macho_fat_slices(const void *data, size_t size, struct macho_slice ret[static MACHO_SLICES_MAX])
{
	struct pl_reader r = pl_reader_be(data, size);
	uint32_t m = pl_read_u32(&r);
	uint32_t count = pl_read_u32(&r);

	if (m != FAT_MAGIC || count > MACHO_SLICES_MAX)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		ret[i].cpu_type = pl_read_u32(&r);
		pl_read_skip(&r, 4); /* cpusubtype */
		ret[i].offset = pl_read_u32(&r);
		ret[i].length = pl_read_u32(&r);
		pl_read_skip(&r, 4); /* alignment */
	}
	return pl_reader_ok(&r) ? count : 0;
}

bool macho_fat_slice(const void *data, size_t size, uint64_t *offset, uint64_t *length)
{
	struct macho_slice slices[MACHO_SLICES_MAX];
	size_t count = macho_fat_slices(data, size, slices);
	size_t best = 0;

	if (count == 0)
		return false;
	for (size_t i = count; i-- > 0;)
		if (slices[i].cpu_type == MACHO_CPU_X86_64)
			best = i;
	*offset = slices[best].offset;
	*length = slices[best].length;
	return true;
}
