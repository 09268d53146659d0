/*
 * Which parts an on-disk core image is taken apart into, and how each is called: a
 * pure function of its header and size.
 *
 *   _header.bin      the header
 *   _panic.log       the panic log
 *   _public_key.bin  version 2, if there is one: its owner can decrypt the rest
 *   NAME             each file; "kernel" becomes kernel.core. As it stands in the
 *                    image: NAME.gz, NAME.lz4; an encrypted one is NAME.aea
 *   _fileNN          the NNth file (from 00), whose own name is of no use: empty,
 *                    taken, beginning with one of "_.-", with a slash or with anything
 *                    but printable ASCII
 *   _bonusNN.bin     what no range claims, and another range follows
 *   _trailing.bin    the rest behind the last range
 *
 * Paths are single components, and no two of them are the same, not even where a file
 * system takes upper and lower case for one.
 */
#ifndef CORE_IMAGE_PLAN_H
#define CORE_IMAGE_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/kdumpimg.h"

enum part_coding { PART_STORED, PART_GZIP, PART_LZ4 };

struct image_part {
	char name[KDUMPIMG_NAME + 8];
	char path[KDUMPIMG_NAME + 16];
	uint64_t begin;
	uint64_t end; /* as claimed, perhaps behind the image's end; UINT64_MAX if past 2^64 */
	enum part_coding coding;
	bool encrypted;
	bool mislabelled; /* should be compressed and does not begin so: written as it stands */
	bool decode;      /* written decompressed */
	bool trailing;    /* written up to its last block that is not zero */
};

struct image_plan {
	struct image_part *parts; /* in the order of begin, end, name */
	size_t count;
	bool log_encrypted; /* the header says so, or the log begins as such data do */
	json_t *warnings;   /* what is odd about the header: sentences for people */
	bool damaged;       /* one of them means that the header cannot be right */
};

/* The first bytes of each file's range, and of the log's: they tell what is in it. */
struct image_magic {
	uint8_t log[4];
	uint8_t files[KDUMPIMG_FILES_MAX][4];
};

/** k is complete. The warnings quote names: escape them before they meet a terminal. */
struct pl_error *image_plan_make(const struct kdumpimg *k, const struct image_magic *magic, uint64_t size,
	bool stored, struct image_plan *ret) PL_MUST_USE;

/** Of gzip data that are a core: one part, the file "kernel". */
struct pl_error *image_plan_received(uint64_t size, bool stored, struct image_plan *ret) PL_MUST_USE;

/** Something else that is damaged. */
struct pl_error *image_plan_warn(struct image_plan *p, const char *text) PL_MUST_USE;
void image_plan_deinit(struct image_plan *p);

#endif
