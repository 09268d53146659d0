/*
 * A debugger's command file that opens a core with its kernel and kexts: templates/core.lldb
 * and core.gdb, filled in.
 *
 * A template is lines with {{name}} in them. A line is written once for each value of its names: those
 * of a kext as often as there are kexts. A line one of whose names has no value is left out, comments
 * as well. Names are:
 *
 *   core, core_without_kernel               the core; the second only without a kernel
 *   kernel, kernel_dsym, kernel_without_dsym
 *   kext, kext_dsym, kext_without_dsym      of each kext
 *   kext_slide, kext_code                   "0xffffff7f98e3b000"
 *   thread                                  the number of the one that panicked, when not the first
 *   macros, has_macros                      kgmacros' path; nothing, but there when they are
 *
 * Paths are quoted as the debugger's command wants it, see debugger_quote().
 */
#ifndef CORE_DEBUGGER_H
#define CORE_DEBUGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum debugger_kind {
	DEBUGGER_LLDB, /* 10.9 and later */
	DEBUGGER_GDB,  /* up to 10.8 */
};

/* How a command takes a path. */
enum debugger_quoting {
	DEBUGGER_QUOTE_LLDB, /* every command of lldb */
	DEBUGGER_QUOTE_GDB,  /* gdb's file and add-symbol-file */
	DEBUGGER_QUOTE_RAW,  /* gdb's core-file and source: the rest of the line, as it is */
};

struct debugger_kext {
	char *path;
	char *dsym;     /* the file inside the bundle, or NULL */
	uint64_t slide; /* what is added to the file's addresses */
	uint64_t code;  /* where its __text section was loaded */
};

/* What to open; absolute paths. All but the core may be missing. */
struct debugger_session {
	enum debugger_kind kind;
	char *core;
	char *kernel;
	char *kernel_dsym;
	char *macros;    /* gdb: kgmacros */
	bool has_macros; /* lldb: the kernel's dSYM has scripts */
	size_t thread;   /* the one that panicked, from 1 on; 0: not known */
	struct debugger_kext *kexts;
	size_t kext_count;
};

#define DEBUGGER_COMMANDS_MAX ((size_t)16 << 20)

void debugger_session_deinit(struct debugger_session *s);

/** The command file. Appends. PL_ERR_USAGE for a path that cannot be written into one. */
struct pl_error *debugger_commands(const struct debugger_session *s, struct pl_buf *out) PL_MUST_USE;

/**
 * A path as one word of a command. PL_ERR_USAGE, with the path, for one with a control byte, one that is not
 * absolute, and for RAW one that ends in a blank: a command has one line, and ends there.
 */
struct pl_error *debugger_quote(
	enum debugger_quoting quoting, const char *path, struct pl_buf *out) PL_MUST_USE;

/** Fills in any template; names are those above. Exposed for the tests. */
struct pl_error *debugger_fill(
	const char *template, const struct debugger_session *s, struct pl_buf *out) PL_MUST_USE;

const char *debugger_name(enum debugger_kind kind); /* "lldb" */

/** "lldb" or "gdb"; false for another word. */
bool debugger_kind_parse(const char *name, enum debugger_kind *ret);

/**
 * Path of the program, malloc'd, or NULL when there is none: lldb, else the newest of
 * Debian's lldb-N, in PATH.
 */
struct pl_error *debugger_find(enum debugger_kind kind, char **ret) PL_MUST_USE;

#endif
