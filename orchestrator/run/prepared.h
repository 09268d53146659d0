/*
 * The records of prepared snapshots: a guest that is armed and runs, kept with
 * its memory, and all that went into it.
 *
 *     STATE/prepared/DIGEST.json
 *     {"format":1,"digest":"64 hex digits","snapshot":"paniclab-prepared-16 hex digits",
 *      "made":"2026-…Z","at":seconds since 1970,"run":ID,"guest":NAME,"scenario":NAME,
 *      "inputs":{…},"lab":{…},"recipe":{…},"files":{"lab":PATH,"scenario":PATH},
 *      and of the guest: "args_before","interface","xnu","variant","kernel_installed",
 *      "boot_time","boot_session"}
 *
 * The digest is the SHA-256 of the inputs as canonical JSON (keys sorted, no
 * blanks); prepared_inputs.h makes them. A record whose digest is not that of
 * its inputs, or whose name is not its digest, is damaged and never used.
 */
#ifndef RUN_PREPARED_H
#define RUN_PREPARED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sha256.h"

#define PREPARED_PREFIX "paniclab-prepared-"

enum { PREPARED_NAME_MAX = 40, PREPARED_SIZE_MAX = 4 << 20 };

/** The digest of an object of inputs. */
struct pl_error *prepared_digest(const json_t *inputs, char hex[static SHA256_HEX]) PL_MUST_USE;

/** The snapshot's name for that digest. */
void prepared_name(const char *digest, char out[static PREPARED_NAME_MAX]);

/** Reads a record and checks it. PL_ERR_DATA, at `where`, for one that is damaged. */
struct pl_error *prepared_parse(const char *text, size_t size, const char *where, json_t **ret) PL_MUST_USE;

/** Writes the record under its digest; one that was there is replaced. */
struct pl_error *prepared_save(const char *state, const json_t *record) PL_MUST_USE;

/** Removes the record of that digest; absent is ok. */
struct pl_error *prepared_forget(const char *state, const char *digest) PL_MUST_USE;

/**
 * All records, the newest first, as an array; with vmx only those of that VM.
 * Damaged ones are left out, and the log tells. No folder: none.
 */
struct pl_error *prepared_list(
	const char *state, const char *vmx, const struct pl_log *log, json_t **ret) PL_MUST_USE;

/**
 * The first input that is another than it was, and how many more there are:
 * "payload.setup was 1a2b, is 3c4d (and 2 more)". Printable, cut at size. False
 * if there is none.
 */
bool prepared_differs(const json_t *was, const json_t *is, char *out, size_t size);

#endif
