/*
 * A file with symbols, as people name it: a Mach-O file, thin or fat, a kernel collection, or a
 * bundle (.kext, .dSYM) around one. Which images it has, by UUID, and the symbols of one.
 */
#ifndef CORE_SYMBOL_FILE_H
#define CORE_SYMBOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/symtab.h"

#define SYMBOL_MEMBERS_MAX 1024 /* a kernel collection has some hundreds */

struct symbol_member {
	char uuid[37]; /* "" if it has none */
	uint64_t header;
	uint64_t linkedit; /* see struct symtab_source */
	bool dwarf;
};

struct symbol_file {
	char *path; /* of the file itself, inside its bundle */
	int fd;
	struct symbol_member *members;
	size_t count;
};

/** PL_ERR_USAGE or PL_ERR_DATA when it is no such thing; errors name the path. Then *ret needs no close. */
struct pl_error *symbol_file_open(const char *path, struct symbol_file *ret) PL_MUST_USE;
void symbol_file_close(struct symbol_file *f);

/** The member with this UUID, or NULL; NULL for "" too. */
const struct symbol_member *symbol_file_member(const struct symbol_file *f, const char *uuid);

struct pl_error *symbol_file_read(
	const struct symbol_file *f, const struct symbol_member *m, struct symtab *ret) PL_MUST_USE;

/**
 * The file with the debugging information for this one: PATH.dSYM beside it, or beside the .kext that
 * it is in, of the same UUID. *ret is its path, malloc'd, or NULL.
 */
struct pl_error *symbol_file_dsym(const char *path, const char *uuid, char **ret) PL_MUST_USE;

#endif
