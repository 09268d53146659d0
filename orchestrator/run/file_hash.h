/* SHA-256 of files and folders on this host. Errors name the path: PL_ERR_LAB, PL_ERR_USAGE. */
#ifndef RUN_FILE_HASH_H
#define RUN_FILE_HASH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/sha256.h"

/** Of the file's bytes; *executable: by anybody. Links are followed. */
struct pl_error *file_hash(const char *path, char hex[static SHA256_HEX], bool *executable) PL_MUST_USE;

/**
 * Of a folder's tree: names, whether executable, and bytes, in the order of the
 * names. At most 2000 entries, 8 levels deep; what is neither a file nor a
 * folder is refused, as the payload refuses it.
 */
struct pl_error *folder_hash(const char *path, char hex[static SHA256_HEX]) PL_MUST_USE;

#endif
