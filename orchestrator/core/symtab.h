/*
 * The symbols of one Mach-O image: its LC_SYMTAB, sorted by address.
 *
 * Reads a file (thin, or the slice of a fat one), a dSYM's companion file, a
 * member of a kernel collection, or an image in a core's memory: whatever gives
 * bytes at an offset. Symbols that are defined in a section count, 64 and 32
 * bits; debugging entries (N_STAB), undefined and absolute ones do not.
 *
 * The bytes are outside data: at most SYMTAB_COMMANDS_MAX, SYMTAB_SYMBOLS_MAX and
 * SYMTAB_NAMES_MAX of them are held, no more than are there, and no offset is
 * believed. What is cut short gives what there is, and `damage` says so.
 *
 * Facts: mach-o/loader.h, mach-o/nlist.h of xnu's public sources.
 */
#ifndef CORE_SYMTAB_H
#define CORE_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/macho.h"

#define SYMTAB_COMMANDS_MAX ((size_t)1 << 20)
#define SYMTAB_SYMBOLS_MAX (UINT32_C(1) << 20) /* kernels have about 50,000 */
#define SYMTAB_NAMES_MAX ((size_t)128 << 20)
#define SYMTAB_SEGMENTS_MAX 64
#define SYMTAB_NAME_MAX 4096 /* what users of a name should cut it to: hostile ones are long */

struct symtab_source {
	/* At most size bytes from offset on into data; the count, short only at the end. */
	size_t (*read)(void *arg, uint64_t offset, void *data, size_t size);
	void *arg;
	uint64_t header;   /* where the Mach header is */
	uint64_t linkedit; /* what the offsets in LC_SYMTAB count from: the file's or the slice's start */
	/*
	 * Offsets are addresses: the image is loaded, its header at `header`. The tables
	 * are then where __LINKEDIT is. Addresses in it may or may not have been slid.
	 */
	bool memory;
};

struct symtab_segment {
	char name[17];
	uint64_t address;
	uint64_t size;
};

struct symtab_symbol {
	uint64_t address;
	uint32_t name;  /* offset in names */
	uint32_t order; /* in the table, those that are not external behind the others */
};

struct symtab {
	struct macho_header header;
	char uuid[37]; /* "" without LC_UUID */
	bool has_text;
	uint64_t text; /* __TEXT's address, as it is in the image: for memory slid or not */
	struct symtab_segment segments[SYMTAB_SEGMENTS_MAX];
	size_t segment_count;
	struct symtab_symbol *symbols; /* by address, then by order; each within a segment */
	size_t symbol_count;
	char *names; /* NUL-terminated as a whole */
	size_t names_size;
	const char *damage; /* what is wrong with it, or NULL */
};

/**
 * PL_ERR_DATA: no Mach-O header there. No symbols at all is no error. *ret needs
 * symtab_deinit() after success only.
 */
struct pl_error *symtab_read(const struct symtab_source *s, struct symtab *ret) PL_MUST_USE;
void symtab_deinit(struct symtab *t);

/**
 * The last symbol that starts at or before the address, in the same segment; of
 * several at one address an external one, then the first. NULL: none. The name
 * is borrowed, as it is in the file ("_panic") and not checked to be printable.
 */
const char *symtab_find(const struct symtab *t, uint64_t address, uint64_t *start);

/** The address of the symbol with this name; false: there is none. */
bool symtab_address(const struct symtab *t, const char *name, uint64_t *ret);

#endif
