/*
 * Which kernel a core is of, where it was loaded, and what it said at the end.
 *
 * Asked in this order: LC_NOTE "kern ver str" and "main bin spec" (xnu 8019 and
 * later), LC_IDENT (3789-7195), else the core's memory is searched for the
 * kernel's Mach header and version text. What a note says is checked against
 * the kernel's own header and LC_UUID in memory. The panic text is always looked
 * for in memory: behind the panic header (struct macos_panic_header, "DEED",
 * osfmk/kern/debug.h) or as plain text that starts "panic(cpu N"; of several
 * hits the most complete one wins.
 */
#ifndef CORE_CORE_IDENTITY_H
#define CORE_CORE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/core_file.h"
#include "orchestrator/core/kernel_version.h"

/* Where an x86_64 kernel's __TEXT is linked; load address minus this is the slide. */
#define CORE_UNSLID_TEXT UINT64_C(0xffffff8000200000)

#define CORE_PANIC_MAX (256 * 1024) /* bytes of panic text */

struct core_identity {
	struct kernel_version version; /* text, xnu, variant; "" where unknown */
	char uuid[37];                 /* "" unknown */
	char memory_uuid[37];          /* LC_UUID of the kernel's header in memory, or "" */
	bool uuid_mismatch;            /* both known, and different */
	bool has_load_address;
	uint64_t load_address; /* of the kernel's MH_EXECUTE header */
	bool header_seen;      /* that header is in the core's memory */
	bool has_slide;        /* x86_64 only */
	uint64_t slide;
	const char *source; /* "kern ver str", "main bin spec", "LC_IDENT", "memory", or NULL */

	char *panic_text; /* malloc'd, NUL-terminated, raw; NULL if none was found */
	size_t panic_size;
	uint64_t panic_address;
	bool panic_header; /* it came from the panic header */
	unsigned panic_hits;
};

/**
 * Reads up to the whole core once. Nothing found is no error. *ret needs
 * core_identity_deinit() after success only.
 */
struct pl_error *core_identify(
	const struct core_file *c, const struct pl_wait *w, struct core_identity *ret) PL_MUST_USE;

void core_identity_deinit(struct core_identity *i);

/**
 * Only the UUID of its kernel, of a core that may still be growing: true if it
 * is known already. fd stays the caller's; its offset may move.
 */
bool core_kernel_uuid(int fd, char uuid[static 37]);

#endif
