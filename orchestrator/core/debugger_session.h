/*
 * What a debugger needs to open a core, gathered: the kernel, the kexts that were
 * loaded, their dSYMs, macros; out of files that are named, kits that are named, and kits
 * that are found.
 *
 * Only the kernel with the core's UUID is taken: a debugger that is given another
 * one shows wrong names, or drops it without a word.
 */
#ifndef CORE_DEBUGGER_SESSION_H
#define CORE_DEBUGGER_SESSION_H

#include <jansson.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "orchestrator/core/debugger.h"

struct debugger_sources {
	/* Lists that end with NULL, or NULL: files, .kext bundles, folders of kits or with kits in them. */
	const char *const *kernels;
	const char *const *kexts;
	const char *const *kits;
	/* Looked into for a kernel that is in none of these, without an error: folders, and kdk_places(). */
	const char *const *folders;
	const char *places;
	const struct pl_log *log; /* what was left out, and why */
};

/**
 * doc is inspect_file()'s of the core. PL_ERR_DATA: it is no core (or a compressed one), or the
 * kernels, or the kits, that were named are of another. No kernel at all is no error. *ret needs
 * debugger_session_deinit() after success only; *kit (malloc'd, or NULL) is the kit that the
 * kernel is from.
 */
struct pl_error *debugger_session_make(enum debugger_kind kind, const char *core, const json_t *doc,
	const struct debugger_sources *sources, const struct pl_wait *w, struct debugger_session *ret,
	char **kit) PL_MUST_USE;

#endif
