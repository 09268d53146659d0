/*
 * Makes what tests of symbols and debuggers stand on, from what clang and lld
 * made: lld has no kernel mode, and no Mac is here that could panic.
 *
 * fixup  turns a program linked by ld64.lld into a kernel (segments from
 *        0xffffff8000200000 on, nothing for dyld, MH_EXECUTE), or a bundle into a
 *        kext (MH_KEXT_BUNDLE, from address 0 on). UUID and symbols stay.
 * core   writes an x86_64 kernel core from a description: see core.c.
 *
 * Shares no code with what it tests.
 */
#ifndef SIMLAB_KERNMAKE_H
#define SIMLAB_KERNMAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define KERNMAKE_FILE_MAX ((size_t)64 << 20)

/** In place: the bytes of a linked Mach-O file. kext: else a kernel. */
struct pl_error *fixup(struct pl_buf *file, int kext) PL_MUST_USE;

/**
 * Adds delta to the addresses of segments, sections and symbols, as the booter
 * does when it loads a kernel somewhere else. PL_ERR_DATA for what is not one.
 */
struct pl_error *shift(struct pl_buf *file, uint64_t delta) PL_MUST_USE;

/** The description's text to the bytes of a core. */
struct pl_error *core_from_text(const char *text, struct pl_buf *core) PL_MUST_USE;

/* Integers in the bytes of a Mach-O file. */
static inline uint32_t get32(const void *p)
{
	const uint8_t *b = p;
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t get64(const void *p)
{
	return get32(p) | (uint64_t)get32((const uint8_t *)p + 4) << 32;
}

#endif
