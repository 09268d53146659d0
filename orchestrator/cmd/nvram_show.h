/*
 * EFI variables for people and as JSON. A value is text where it is text (with
 * or without a NUL at its end), else hex:BYTES.
 *
 * JSON of a variable: {"guid","name","attributes","bytes","hex"} and, where they
 * apply, "text"; "signed", "duplicate": true; "allows": the bits of
 * csr-active-config by name.
 */
#ifndef CMD_NVRAM_SHOW_H
#define CMD_NVRAM_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "orchestrator/fusion/nvram.h"

/** The whole value, as `get` prints it: newlines and tabs in a text are left. Appends. */
struct pl_error *nvram_show_value(const struct nvram_variable *v, struct pl_buf *out) PL_MUST_USE;

/** The word that `set` makes the same bytes of, whatever was there before. Appends. */
struct pl_error *nvram_show_exact(const struct nvram_variable *v, struct pl_buf *out) PL_MUST_USE;

/** "NAME" or "GUID:NAME", a tab, the value and remarks on one line, cut where it is long. */
struct pl_error *nvram_show_line(FILE *out, const char *prefix, const struct nvram_variable *v) PL_MUST_USE;

/** Apple's csr-active-config with a value of four bytes: true, and the value. */
bool nvram_show_csr(const struct nvram_variable *v, uint32_t *ret);

/** True for Apple's boot-args: a text of it ends in a NUL. */
bool nvram_show_is_boot_args(const uint8_t guid[16], const char *name);

/** A new reference, or NULL without memory. */
json_t *nvram_show_json(const struct nvram_variable *v);

/** An array of all of them. */
json_t *nvram_show_all(const struct nvram *n);

#endif
