/*
 * Places in a configuration file, and the errors that a value there can have.
 *
 * Each error is PL_ERR_USAGE at "file:line" and says the key by its whole
 * path, what is accepted, what was found, and the nearest that exists.
 */
#ifndef CONFIG_SPOT_H
#define CONFIG_SPOT_H

#include <stddef.h>

#include "base/err.h"
#include "orchestrator/config/schema.h"
#include "orchestrator/config/yaml.h"

/* A place in the file: "guests.sierra.ssh.port", "payload.files[1].to". */
struct spot {
	const struct schema_source *src;
	const struct spot *up; /* NULL at the top */
	const char *key;       /* NULL: an item of a list */
	size_t index;
	unsigned line;
};

/** The place of the value n (NULL: not in the file) under key (NULL: an item) below `at`. */
struct spot spot_below(const struct spot *at, const char *key, const struct yml_node *n);

/** "guests.sierra.ssh", "the file" for the top. Returns out. */
const char *spot_spell(const struct spot *at, char *out, size_t size);

/** "a, b, c": the names of the rows that have all the flags. */
void spot_list_fields(const struct field *fields, unsigned flags, char *out, size_t size);

/** Sets the error's place. */
struct pl_error *spot_error(struct pl_error *e, const struct spot *at) PL_MUST_USE;

/** The value n is not what the row accepts. */
struct pl_error *spot_refuse(
	const struct field *f, const struct yml_node *n, const struct spot *at) PL_MUST_USE;

/** The value there can't be used, and why: what e says (which this takes). */
struct pl_error *spot_unusable(struct pl_error *e, const struct spot *at) PL_MUST_USE;

/** The map at `at` lacks the row's key. */
struct pl_error *spot_missing(const struct field *f, const struct spot *at) PL_MUST_USE;

/** The map at `at` has the key of n, which no row names. */
struct pl_error *spot_unknown(
	const struct field *fields, const struct yml_node *n, const struct spot *at) PL_MUST_USE;

#endif
