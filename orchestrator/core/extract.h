/*
 * Taking an on-disk core image apart into a folder: the work of `paniclab extract`.
 *
 * The result is the manifest, which is also written as manifest.json, last of all: a
 * folder without it is not whole.
 *
 *   image          its path, as given
 *   offset         where the core begins in it (decompressed, if it is gzip data of an
 *                  image; in the disk, if it is a virtual one): 0, or a partition's offset
 *   version        1 or 2; null of gzip data that are a core: that has no header
 *   little_endian  of the header; null likewise
 *   log_encrypted
 *   files          in the order of the image, each
 *     name           as in the header, or _header.bin and the like
 *     path           within the folder
 *     begin, end     what the header says, in bytes from there
 *     compression    "gzip", "lz4", "none": within the image
 *     encrypted
 *     bytes, sha256  of the file that was written
 *     status         "ok", "truncated", "corrupt", "encrypted"
 *     detail         a phrase, if there is something to say
 *   warnings       what is odd about the header: sentences
 *
 * Text from the image stays raw in it: escape it before it meets a terminal.
 */
#ifndef CORE_EXTRACT_H
#define CORE_EXTRACT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"

#define EXTRACT_MAX_SIZE (UINT64_C(64) << 30)

struct extract_options {
	const char *image;  /* "-": standard input */
	const char *outdir; /* made, mode 0700 */
	const char *only;   /* the name or path of the one part to write; NULL: all */
	uint64_t max_size;  /* of all that is written, holes included */
	bool stored;        /* each file as it stands in the image */
	bool force;         /* outdir may exist, and files in it are replaced */
	bool dry_run;       /* writes nothing; files have neither bytes, sha256 nor status */
	/** Called before each part is written; may be NULL. */
	void (*begins)(void *arg, const char *path);
	/** Called while it is written; may be NULL: part_watch. */
	void (*reads)(void *arg, const char *path, uint64_t done, uint64_t of);
	void *arg;
};

/**
 * *whole: every part is ok and the header makes sense; else what there is, is
 * written. PL_ERR_USAGE: not such an image, no such part, outdir is taken: then
 * nothing is written. *ret is a new reference.
 */
struct pl_error *extract_image(
	const struct extract_options *o, const struct pl_wait *w, json_t **ret, bool *whole) PL_MUST_USE;

#endif
