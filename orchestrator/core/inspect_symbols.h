/*
 * What inspect knows by name: the images that ran, the symbols of the files that were given
 * and of the core's own memory, and the threads' backtraces. Internal to core/.
 *
 * Of a core: inspect_symbols_core(), then inspect_symbols_resolve() with the panic text or without, then
 * inspect_symbols_set(). Of a panic text alone: inspect_symbols_text(), inspect_symbols_resolve().
 */
#ifndef CORE_INSPECT_SYMBOLS_H
#define CORE_INSPECT_SYMBOLS_H

#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/core_backtrace.h"
#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/core_kexts.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/symbols.h"

#define INSPECT_FRAMES_MAX 65536 /* of all threads together */

struct inspect_frame {
	struct core_frame at;
	bool known; /* place.image is set */
	struct symbol_place place;
	struct panic_frame said; /* what the panic text says of the address, where no symbols were at hand */
	char *source;            /* "/path/kern.c:35", or NULL */
};

struct inspect_thread {
	struct inspect_frame *frames;
	size_t count;
	enum core_backtrace_end end;
};

#define INSPECT_NO_THREAD SIZE_MAX

struct inspect_symbols {
	struct symbols set;
	const struct core_file *core; /* NULL: there is only a text */
	struct core_kexts kexts;
	struct inspect_thread *threads; /* as many as the core has; NULL without a core */
	size_t panicked;                /* index in threads, or INSPECT_NO_THREAD */
};

/* Each leaves *ret fit for inspect_symbols_deinit(), on errors too. */
struct pl_error *inspect_symbols_core(struct inspect *in, const struct core_file *c,
	const struct core_identity *id, struct inspect_symbols *ret) PL_MUST_USE;
struct pl_error *inspect_symbols_text(const struct panic_text *p, struct inspect_symbols *ret) PL_MUST_USE;
void inspect_symbols_deinit(struct inspect_symbols *s);

/** Loads what the options name, warns of what is no use, names the frames of p (may be NULL) and of the
 * threads. */
struct pl_error *inspect_symbols_resolve(
	struct inspect *in, struct inspect_symbols *s, struct panic_text *p) PL_MUST_USE;

/**
 * Sets symbol_files, and of a core boot_args, kexts_loaded, thread_list; "panic" too, when it has no
 * text but a thread that panics.
 */
struct pl_error *inspect_symbols_set(struct inspect *in, const struct inspect_symbols *s) PL_MUST_USE;

/* inspect_threads.c */

struct pl_error *inspect_threads_walk(struct inspect_symbols *s) PL_MUST_USE;
void inspect_threads_name(struct inspect_symbols *s);
/** Of a kernel with keepsyms=1 the panic text has names; frames that have no symbol yet get them. */
struct pl_error *inspect_threads_name_by_text(
	struct inspect_symbols *s, const struct panic_text *p) PL_MUST_USE;
/** Which thread it is that panicked; p may be NULL. */
void inspect_threads_panicked(struct inspect_symbols *s, const struct panic_text *p);
/** {"rip":"0x...",...}, a new reference; NULL without memory. */
json_t *inspect_registers(const struct macho_thread *t);
/** thread_list. 0 or -1. */
int inspect_threads_set(json_t *doc, const struct inspect_symbols *s);
/** "panic", of the panicking thread's backtrace alone, where that goes through xnu's panic code. */
struct pl_error *inspect_threads_panic(struct inspect *in, const struct inspect_symbols *s) PL_MUST_USE;
void inspect_threads_deinit(struct inspect_symbols *s);

#endif
