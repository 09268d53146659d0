/*
 * What an EFI variable is called: a GUID and a name, which stands in the file as
 * UTF-16LE. Names are compared exactly, letter case included, as UEFI does.
 */
#ifndef FUSION_NVRAM_NAME_H
#define FUSION_NVRAM_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define NVRAM_GUID_TEXT 37
#define NVRAM_NAME_MAX 1024 /* bytes of UTF-8 that a name to be set may have */

/* A variable as a person names it. */
struct nvram_id {
	uint8_t guid[16]; /* as on disk */
	const char *name; /* UTF-8; borrowed */
};

/* Apple's variables: 7C436110-AB2A-4BBB-A880-FE41995C9F82. */
extern const uint8_t nvram_apple_guid[16];

/**
 * "NAME" is Apple's variable of that name; "GUID:NAME" is anybody's. Names may
 * hold colons ("prev-lang:kbd"). PL_ERR_USAGE for an empty, too long or unprintable one. ret->name points
 * into text.
 */
struct pl_error *nvram_id_parse(const char *text, struct nvram_id *ret) PL_MUST_USE;

/** As nvram_id_parse() reads it: without a GUID where it is Apple's. Appends. */
struct pl_error *nvram_id_text(const uint8_t guid[16], const char *name, struct pl_buf *out) PL_MUST_USE;

/** The three first fields are little-endian on disk. Upper case. Returns out. */
const char *nvram_guid_text(const uint8_t guid[16], char out[static NVRAM_GUID_TEXT]);

/**
 * A name from the file, malloc'd UTF-8. *plain is false for one that cannot be
 * named on a command line: empty, half a character, an unpaired surrogate, a NUL
 * inside; what can be read of it is in *ret. *nul tells whether one ends it.
 */
struct pl_error *nvram_name_decode(
	const uint8_t *bytes, size_t size, char **ret, bool *plain, bool *nul) PL_MUST_USE;

/** The other way, with a NUL if `nul`. The name is one that nvram_id_parse() takes. Appends. */
struct pl_error *nvram_name_encode(const char *name, bool nul, struct pl_buf *out) PL_MUST_USE;

#endif
