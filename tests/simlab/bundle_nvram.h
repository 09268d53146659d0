/*
 * VMware's .nvram file and the EFI variables in it.
 *
 * Little-endian. "MRVN" u32 1, sections (char name[4], char sub[4], u32
 * length, data); the section "EFI_"/"NV\0\0" holds "VMWNVRAM" u32 0, u32 used
 * (from the magic on), packed records (GUID[16], attributes, data_size =
 * name + value, name_size, name in UTF-16LE with its NUL, value), then 0xFF.
 * Everything but the variables is kept as it was read.
 */
#ifndef SIMLAB_BUNDLE_NVRAM_H
#define SIMLAB_BUNDLE_NVRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define NVRAM_FILE_MAX (1U << 20)
#define NVRAM_NAME_MAX 128
#define NVRAM_ATTRIBUTES 7U       /* non-volatile, boot, run time */
#define NVRAM_AUTHENTICATED 0x20U /* the value begins with a signature */

/* Apple's variables, 7C436110-AB2A-4BBB-A880-FE41995C9F82 as on disk. */
extern const uint8_t NVRAM_APPLE[16];
extern const uint8_t NVRAM_EFI_GLOBAL[16];

struct nvram_variable {
	uint8_t guid[16];
	uint32_t attributes;
	char name[NVRAM_NAME_MAX]; /* ASCII; other characters become '?' */
	uint8_t *value;
	size_t size;
};

struct nvram {
	uint8_t *file; /* the whole file as read or made */
	size_t file_size;
	size_t section; /* where the variables' section's data begins */
	size_t section_size;
	struct nvram_variable *variables;
	size_t count;
};

/** A new file as a fresh VM has it: Secure Boot keys, boot entries, language. */
struct pl_error *nvram_create(struct nvram *ret) PL_MUST_USE;

/** PL_ERR_DATA if it is not such a file. *ret needs nvram_deinit() either way. */
struct pl_error *nvram_decode(const void *bytes, size_t size, struct nvram *ret) PL_MUST_USE;

/** Appends the file with the present variables; PL_ERR_DATA if they do not fit. */
struct pl_error *nvram_encode(const struct nvram *n, struct pl_buf *out) PL_MUST_USE;

/** The variable, or NULL; owned by n. */
const struct nvram_variable *nvram_get(const struct nvram *n, const uint8_t guid[16], const char *name);

/** Sets or adds; PL_ERR_DATA if the name is too long. */
struct pl_error *nvram_set(struct nvram *n, const uint8_t guid[16], const char *name, const void *value,
	size_t size) PL_MUST_USE;

/** Absent is ok. */
void nvram_delete(struct nvram *n, const uint8_t guid[16], const char *name);

/** Apple's variable as text, without its NUL; "" if there is none. Cut at size. */
const char *nvram_text(const struct nvram *n, const char *name, char *out, size_t size);

/** Apple's variable as a little-endian u32, or `otherwise`. */
uint32_t nvram_u32(const struct nvram *n, const char *name, uint32_t otherwise);

/** NULL-safe in what it holds; repeatable. */
void nvram_deinit(struct nvram *n);

#endif
