/*
 * What a file is and what is in it: the JSON of `paniclab inspect --json`.
 *
 * Every document has "kind" and "bytes" (of the file), and "warnings", a list
 * of sentences for people. What applies of the rest, and is known:
 *
 *   arch, kernel_uuid, kernel_version, xnu ("7195.141.2~5"), variant, build,
 *   load_address, slide    addresses are strings, "0xffffff8017400000"
 *   identity_source        which part of a core said so
 *   segments, threads      how many
 *   registers              one object a thread, {"rip":"0x...",...}
 *   thread_list            registers and backtrace of each thread: inspect_threads.c
 *   boot_args              of a core whose kernel's symbols are known
 *   kexts_loaded           [{"id","version","uuid","start","end"}], end being the last byte's
 *                          address; kexts_loaded_source is "gLoadedKextSummaries", or "memory":
 *                          found by their looks
 *   symbol_files           whose symbols were used: [{"image","uuid","source":"file"|"memory",
 *                          "path","dwarf","slide","symbols","damage"}]
 *   memory                 {"bytes","missing","lowest","highest"} of a core
 *   memory_map             a picture of it: memory_map.h
 *   truncated              true if a part of the core is not there
 *   panic                  what panic_text_json() gives; with from_thread true when the core has no
 *                          panic text: then it is the panicking thread's backtrace alone
 *   panic_text             the text itself, raw
 *   gzip                   "ok", "truncated", "corrupt", or "partial": not read
 *                          to its end; with gzip_detail, decompressed_bytes
 *   format, files          of a kdumpimg: see inspect_image.c
 *
 * Text from the guest stays raw in it: escape it before it meets a terminal.
 *
 * Kinds: "panic-report" is a report file (JSON, or plain with the "*** Panic
 * Report ***" head); any other text with a panic in it, such as a serial log, is
 * a "panic-log". A gzip file is a "gzip-core" when a core is inside or when it
 * breaks off before that can be told; else it is what an on-disk core or a panic text in it is.
 *
 * A gzip-core is decompressed into an unnamed file below $TMPDIR (else /tmp): INSPECT_GUNZIP_MIN bytes
 * of it, or as many as are half of what is free there, up to INSPECT_GUNZIP_MAX. Of a bigger core the
 * beginning is looked at, and what stands further back (the notes of newer kernels, often the panic
 * text) is missing; a warning says so.
 */
#ifndef CORE_INSPECT_H
#define CORE_INSPECT_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

#define INSPECT_GUNZIP_MIN (UINT64_C(512) << 20)
#define INSPECT_GUNZIP_MAX (UINT64_C(16) << 30)
#define INSPECT_TEXT_MAX ((size_t)16 << 20) /* of a longer log, its end is read */

struct inspect_options {
	const char *rules; /* of signature_rules_load(), or NULL for those built in */
	/* Files with symbols, as symbols.h takes them; lists that end with NULL, or NULL. */
	const char **kernels;
	const char **kexts;
	const char **kits;        /* folders of Kernel Debug Kits */
	bool last;                /* of a log with several panics the last, not the first */
	const struct pl_log *log; /* NULL: silence */
};

/**
 * An unknown or damaged file is a result, not an error: kind "unknown". Errors:
 * it cannot be read, it is not a file, time is up. *ret is a new reference.
 */
struct pl_error *inspect_file_with(const char *path, const struct inspect_options *options,
	const struct pl_wait *w, json_t **ret) PL_MUST_USE;

/** The same without any options. */
struct pl_error *inspect_file(const char *path, const struct pl_wait *w, json_t **ret) PL_MUST_USE;

#endif
