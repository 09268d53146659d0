/*
 * File and line of addresses, by a program that reads DWARF: llvm-symbolizer, else atos (macOS), else lldb,
 * whichever is in PATH. One process a file with debugging information, with a deadline. What
 * they print is read tolerantly: an answer that is no "FILE:LINE" is none.
 */
#ifndef CORE_SOURCE_LINES_H
#define CORE_SOURCE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"

/* Different addresses of one file that are asked for; higher ones get no answer. */
#define SOURCE_LINES_MAX 2048

struct source_query {
	const char *file; /* a dSYM's file, or another Mach-O file with debugging information */
	const char *arch; /* "x86_64": of a fat file this part is meant */
	uint64_t base;    /* the address of its __TEXT: atos wants to know */
	uint64_t address; /* the file's */
	char **answer;    /* where "/path/kern.c:35" goes, malloc'd; untouched when there is no answer */
};

/**
 * Fills in the answers; sorts the queries by file. *tool is the program that gave some, or NULL: then *why
 * says in few words why there are none, or is NULL when there was nothing to ask. An error: no memory, or w
 * is over.
 */
struct pl_error *source_lines(struct source_query *queries, size_t count, const struct pl_wait *w,
	const char **tool, const char **why) PL_MUST_USE;

#endif
