#include "orchestrator/core/core_backtrace.h"

#include <string.h>

#include "base/reader.h"

/* Bit 55 tells a kernel's address from a user's; the others from bit 47 on may be a signature (arm64e). */
#define ARM64_KERNEL (UINT64_C(1) << 55)
#define ARM64_HIGH UINT64_C(0xffff800000000000)

/* Two words at a frame: the caller's frame pointer and the return address. */
static bool read_frame(const struct core_file *c, bool is_64, uint64_t at, uint64_t words[static 2])
{
	uint8_t raw[16];
	size_t size = is_64 ? 16 : 8;

	if (core_file_read(c, at, raw, size) < size)
		return false;
	struct pl_reader r = c->header.big_endian ? pl_reader_be(raw, size) : pl_reader_le(raw, size);
	for (size_t i = 0; i < 2; i++)
		words[i] = is_64 ? pl_read_u64(&r) : pl_read_u32(&r);
	return true;
}

static void add(struct core_backtrace *b, uint64_t frame, uint64_t address)
{
	if (b->count < CORE_FRAMES_MAX)
		b->frames[b->count++] = (struct core_frame){frame, address};
}

/*
 * Where x86 finds the return address of a function that has no frame yet, or none any
 * more: before push %rbp, between that and mov %rsp,%rbp, and at ret. 0: it has one.
 */
static uint64_t frameless(const struct core_file *c, const struct macho_thread *t)
{
	static const uint8_t push = 0x55, ret = 0xc3;
	uint8_t code[4] = {0}; /* the byte before, and what comes next */
	size_t word = t->is_64 ? 8 : 4;

	if (c->header.cpu_type == MACHO_CPU_ARM64 || core_file_read(c, t->pc - 1, code, sizeof code) < 4)
		return 0;
	if (code[1] == push || code[1] == ret)
		return t->sp;
	bool mov = t->is_64 ? memcmp(code + 1, "\x48\x89\xe5", 3) == 0 : memcmp(code + 1, "\x89\xe5", 2) == 0;
	return mov && code[0] == push ? t->sp + word : 0;
}

static uint64_t plain(const struct core_file *c, uint64_t address)
{
	bool kernel = c->header.cpu_type == MACHO_CPU_ARM64 && (address & ARM64_KERNEL);
	return kernel ? address | ARM64_HIGH : address;
}

void core_backtrace(const struct core_file *c, const struct macho_thread *t, struct core_backtrace *ret)
{
	uint64_t words[2], at = t->fp, top = frameless(c, t), align = t->is_64 ? 8 : 4;

	ret->count = 0;
	ret->end = CORE_BACKTRACE_ROOT;
	if (t->count == 0)
		return;
	add(ret, t->fp, t->pc);
	/* its caller's, of which the saved frame pointer is still, or again, in the register */
	if (top && read_frame(c, t->is_64, top - align, words))
		add(ret, top - align, plain(c, words[1]));
	while (at != 0) {
		bool readable = at % align == 0 && read_frame(c, t->is_64, at, words);
		if (!readable || words[1] == 0 || ret->count == CORE_FRAMES_MAX) {
			ret->end = !readable       ? CORE_BACKTRACE_ABSENT
				   : words[1] == 0 ? CORE_BACKTRACE_ROOT
						   : CORE_BACKTRACE_FULL;
			return;
		}
		add(ret, at, plain(c, words[1]));
		uint64_t next = plain(c, words[0]);
		if (next != 0 && next <= at) {
			ret->end = CORE_BACKTRACE_BELOW;
			return;
		}
		at = next;
	}
}
