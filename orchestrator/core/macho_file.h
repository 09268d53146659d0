/*
 * A kernel, kext or dSYM on disk, thin or fat: what each of its architectures is.
 *
 * Only headers and load commands are read. The file is outside data: what does
 * not parse is an error that says why, and no offset is believed.
 */
#ifndef CORE_MACHO_FILE_H
#define CORE_MACHO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/kernel_version.h"
#include "orchestrator/core/macho.h"

#define MACHO_PARTS_MAX 8 /* architectures that are looked at */

struct macho_part {
	struct macho_header header;
	uint64_t offset; /* of its header in the file */
	uint64_t length; /* to its end, within the file */
	char uuid[37];   /* "" without LC_UUID */
	uint64_t segments;
	uint64_t end; /* of the last byte that a segment claims, from the header on; behind length: it is cut
		       */
	bool has_text;
	uint64_t text;      /* __TEXT's address */
	uint64_t code;      /* that of its __text section; without one, text */
	bool kernel;        /* has a __KLD segment, as only kernels have */
	bool dwarf;         /* has a __DWARF segment, as dSYMs have */
	const char *broken; /* what is wrong with the load commands, or NULL */
};

struct macho_file {
	uint64_t bytes;
	struct macho_part parts[MACHO_PARTS_MAX];
	size_t count; /* 1 for a thin file */
};

/** One Mach-O image whose header is at offset; PL_ERR_DATA when there is none. */
struct pl_error *macho_part_read(
	int fd, uint64_t offset, uint64_t length, struct macho_part *ret) PL_MUST_USE;

/**
 * Every architecture of the file, which must be a regular one. PL_ERR_DATA: not
 * Mach-O, or one of its slices is not; PL_ERR_LAB: cannot be read. Errors name the path.
 */
struct pl_error *macho_file_read(const char *path, struct macho_file *ret) PL_MUST_USE;

/** The architecture with this UUID, or NULL; NULL for "" too. */
const struct macho_part *macho_file_uuid(const struct macho_file *f, const char *uuid);

/**
 * The first "Darwin Kernel Version ... root:..." between offset and end of the
 * file; all of *ret is "" when there is none. Reads up to the whole range; ends with w.
 */
struct pl_error *macho_find_version(int fd, uint64_t offset, uint64_t end, const struct pl_wait *w,
	struct kernel_version *ret) PL_MUST_USE;

#endif
