/*
 * A gzip stream (RFC 1952), decoded piece by piece: any number of members, each
 * with its CRC-32 and length checked, and zeros after the last as padding. As
 * with the gzip program, nothing that follows a zero counts as a member.
 *
 * The decoder is ISA-L's where the build has it, else zlib's; docs/dependencies.md
 * has the measurement. It reads no files and owns no buffers of the caller's. All
 * its memory (ISA-L: 86 KiB, zlib: 40 KiB) is taken at the start.
 */
#ifndef PL_BASE_GZ_H
#define PL_BASE_GZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum gz_phase {
	GZ_START,    /* fewer bytes so far than tell whether it is gzip */
	GZ_MEMBER,   /* within a member: ends here only if it is truncated */
	GZ_BETWEEN,  /* after a whole member, or in the padding behind it */
	GZ_TRAILING, /* after a whole member comes something else; it is left in the input */
	GZ_CORRUPT,  /* damaged: bad header, bad data, wrong CRC or length */
	GZ_OTHER,    /* never was gzip */
};

struct gz;

struct pl_error *gz_create(struct gz **ret) PL_MUST_USE;
void gz_destroy(struct gz *g); /* NULL-safe */

/** As new. */
void gz_reset(struct gz *g);

struct gz_io {
	const uint8_t *in; /* moves on as it is used */
	size_t in_left;
	uint8_t *out; /* moves on as it is filled */
	size_t out_left;
};

/**
 * Decodes until the input is used up and what came of it is in the output, or the
 * output is full (call again, even with no input), or the phase is one of the last
 * three, after which it stays there.
 *
 * Of a stream that is cut or damaged, what was decoded before that comes out; with
 * ISA-L the last 3 bytes before a cut, and the last KiB before damage, may be missing.
 *
 * A single 1f behind a member does not yet begin another: the phase is
 * GZ_BETWEEN until the next byte, and with GZ_TRAILING the 1f is used.
 */
enum gz_phase gz_decode(struct gz *g, struct gz_io *io);

/** Whole members so far. */
unsigned gz_members(const struct gz *g);

/** Input used since the end of the last whole member, 0 within the next. */
uint64_t gz_padding(const struct gz *g);

/** A phrase for people about GZ_CORRUPT, "" else. */
const char *gz_detail(const struct gz *g);

/** What decodes: "ISA-L 2.30", "zlib 1.3". */
const char *gz_library(void);

#endif
