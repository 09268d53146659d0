/*
 * VMware's .nvram file and the EFI variables in it, in memory.
 *
 * Little-endian. "MRVN", u32 1, then sections up to the end of the file: char
 * name[4], char sub[4], u32 length, data. The one section "EFI_"/"NV\0\0" holds
 * "VMWNVRAM", u32 0, u32 used (from the magic on), then packed records, then 0xFF
 * up to its end. A record: GUID[16], u32 attributes, u32 data_size (name and
 * value), u32 name_size, name, value; no checksum, no alignment. Read off files
 * that Fusion wrote (docs/nvram.md).
 *
 * An edit moves records inside the section and touches nothing else: the file's
 * and the section's lengths stay, and so does each byte of each other record.
 * The changed record keeps its place; a new one goes behind the last.
 *
 * Two things can be read and not changed: a signed variable (attribute 0x20 and its relatives),
 * whose value only its owner can write, and one that is there twice, where
 * nobody knows which of them the firmware takes.
 *
 * Errors: PL_ERR_DATA for what is no such file, PL_ERR_USAGE for an edit that
 * makes no sense, PL_ERR_LAB for one that the file has no room for.
 */
#ifndef FUSION_NVRAM_H
#define FUSION_NVRAM_H

#include "orchestrator/fusion/nvram_name.h"

#define NVRAM_FILE_MAX ((size_t)4 << 20) /* Fusion's have 265 KiB */

/* Attributes: UEFI specification, 8.2. */
#define NVRAM_NON_VOLATILE 0x1U
#define NVRAM_BOOT_ACCESS 0x2U
#define NVRAM_RUNTIME_ACCESS 0x4U
#define NVRAM_SIGNED 0xb0U /* 0x20, and its relatives 0x10 and 0x80: the value begins with a signature */
#define NVRAM_USUAL 0x7U   /* what Apple's have */

struct nvram_variable {
	uint8_t guid[16];
	uint32_t attributes;
	char *name;     /* UTF-8; bytes from outside: escape it before it meets a terminal */
	bool plain;     /* false: nothing that nvram_id can say is this variable's name */
	bool nul;       /* the name on disk ends in one */
	bool duplicate; /* another has the same GUID and name */
	size_t record;  /* where the record begins in bytes */
	size_t record_size;
	const uint8_t *value; /* in bytes; until the next edit */
	size_t value_size;
};

struct nvram {
	uint8_t *bytes; /* the file, always whole and valid */
	size_t size;
	size_t store;      /* where "VMWNVRAM" is */
	size_t store_size; /* the section's length */
	size_t used;
	bool clean_tail; /* 0xFF behind the variables, as it should be: else no edit */
	struct nvram_variable *variables;
	size_t count;
};

/** Copies the bytes. *ret needs nvram_deinit() in any case. */
struct pl_error *nvram_parse(const void *bytes, size_t size, struct nvram *ret) PL_MUST_USE;
void nvram_deinit(struct nvram *n);

/** *ret: the variable, owned by n until the next edit, or NULL. There twice: PL_ERR_DATA. */
struct pl_error *nvram_find(
	const struct nvram *n, const struct nvram_id *id, const struct nvram_variable **ret) PL_MUST_USE;

/**
 * Sets or adds. attributes 0: those that it has, NVRAM_USUAL for a new one. On
 * an error but want of memory nothing has changed. A value of no bytes is PL_ERR_USAGE: to UEFI
 * that is a deletion.
 */
struct pl_error *nvram_set(struct nvram *n, const struct nvram_id *id, uint32_t attributes, const void *value,
	size_t size) PL_MUST_USE;

/** Absent is ok. */
struct pl_error *nvram_delete(struct nvram *n, const struct nvram_id *id) PL_MUST_USE;

/**
 * For putting a variable back as it was: the whole record, nothing for one that
 * is absent. Appends; the bytes are meaningless to anybody but nvram_restore().
 */
struct pl_error *nvram_save(
	const struct nvram *n, const struct nvram_id *id, struct pl_buf *record) PL_MUST_USE;

/** Puts back what nvram_save() gave; no bytes: deletes. PL_ERR_DATA if they are not this variable's. */
struct pl_error *nvram_restore(
	struct nvram *n, const struct nvram_id *id, const void *record, size_t size) PL_MUST_USE;

/** Bytes that new records can still take. */
size_t nvram_free(const struct nvram *n);

#endif
