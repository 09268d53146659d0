/*
 * The images of a kernel that ran, kernel and kexts, where each was loaded, and the
 * symbols that files, or a core's own memory, have for them: an address gets a name.
 *
 * Used so: say what was loaded (symbols_add), say which addresses will be asked for
 * (symbols_want), offer files (symbols_offer_file, symbols_offer_kit) and the core
 * (symbols_offer_core), then ask (symbols_find). A file is taken only for an image that has its
 * UUID. Files are outside data: symtab.h says how they are read.
 *
 * File address = run address - slide, and slide = where the image's __TEXT was loaded - where
 * the file has it. That holds for the kernel, for kexts (linked at 0) and for the
 * members of a kernel collection alike.
 */
#ifndef CORE_SYMBOLS_H
#define CORE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/core_file.h"
#include "orchestrator/core/symtab.h"

#define SYMBOLS_KERNEL "mach_kernel" /* the kernel's name, as panic texts have it */

/*
 * Once the tables hold so many bytes, no more are loaded. A kernel's takes some 10 MiB, and a
 * hostile core may have thousands of kexts that share one large table.
 */
#define SYMBOLS_BYTES_MAX ((uint64_t)1 << 30)

struct symbol_image {
	char *name;    /* SYMBOLS_KERNEL or a bundle id */
	char uuid[37]; /* "" unknown: no file fits it */
	bool kernel;
	bool has_start;
	uint64_t start; /* of its __TEXT, as loaded */
	uint64_t size;  /* a kext's; the kernel's segments are in its table */
	bool has_slide; /* known beforehand, or when a table is loaded */
	uint64_t slide;
	bool wanted; /* an address in it will be asked for */
	bool loaded; /* table holds something */
	struct symtab table;
	char *path;  /* of the file that the table is from; NULL: the core's memory */
	char *dwarf; /* the file with its debugging information, or NULL */
};

struct symbols {
	struct symbol_image *images;
	size_t count;
};

struct symbol_place {
	const struct symbol_image *image;
	const char *symbol;    /* borrowed; raw: escape it. NULL: none is known */
	uint64_t offset;       /* of the address from the symbol */
	uint64_t file_address; /* valid with has_file_address: the image has a slide */
	bool has_file_address;
};

/** An empty set needs no memory: struct symbols s = {0}. */
void symbols_deinit(struct symbols *s);

/**
 * An image. uuid may be "". Of the kernel size is 0; start NULL: not known (then only a slide, set by
 * the caller in the image, places it). *ret (may be NULL) is valid until the next call.
 */
struct pl_error *symbols_add(struct symbols *s, const char *name, const char *uuid, const uint64_t *start,
	uint64_t size, struct symbol_image **ret) PL_MUST_USE;

/** The image that holds the address is needed; kits and cores load no others. */
void symbols_want(struct symbols *s, uint64_t address);

enum symbol_file_kind { SYMBOL_FILE_KERNEL, SYMBOL_FILE_KEXT };

/**
 * A kernel, kext, dSYM file or kernel collection, or a .kext or .dSYM bundle. Its symbols go to
 * the images with its UUIDs. When it has none of theirs, *refusal is a sentence for people
 * that names both UUIDs (malloc'd), else NULL. An error: it cannot be read at all.
 */
struct pl_error *symbols_offer_file(
	struct symbols *s, const char *path, enum symbol_file_kind kind, char **refusal) PL_MUST_USE;

/**
 * A Kernel Debug Kit's folder: its kernel, or its kexts for images that are wanted, where no file is
 * taken yet. *refusal as above, when its kernels are others.
 */
struct pl_error *symbols_offer_kit(struct symbols *s, const char *dir, enum symbol_file_kind kind,
	const struct pl_wait *w, char **refusal) PL_MUST_USE;

/** What a core's memory has for images that are wanted and have none from a file. */
struct pl_error *symbols_offer_core(struct symbols *s, const struct core_file *c) PL_MUST_USE;

/**
 * Names an address; false: it is in no image that is known. exact: the instruction
 * itself counts; else it is a return address, and the call before it does, which may be
 * the last instruction of its function. The offset counts from the address in both cases.
 */
bool symbols_find(const struct symbols *s, uint64_t address, bool exact, struct symbol_place *ret);

/** The kernel's image, or NULL. */
const struct symbol_image *symbols_kernel(const struct symbols *s);

/** The address, as loaded, of a symbol of the kernel. */
bool symbols_kernel_address(const struct symbols *s, const char *name, uint64_t *ret);

/**
 * True for xnu's trap handlers (by symbol): what called one is no return address but
 * where the trap happened, so it is looked up exactly.
 */
bool symbols_is_trap_handler(const char *symbol);

#endif
