/*
 * VMware's .vmx and .vmsd files: lines of `key = "value"`, keys without case,
 * '#' comments, |XX hex escapes in values. Order, comments and lines that are
 * not understood are kept.
 */
#ifndef SIMLAB_BUNDLE_CONFIG_H
#define SIMLAB_BUNDLE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CONFIG_FILE_MAX (1U << 20)

struct config_line {
	char *key;   /* NULL: a line to be kept as it is */
	char *value; /* decoded; the whole line when key is NULL */
};

struct config {
	struct config_line *lines;
	size_t count;
};

/** Reads path. *ret needs config_deinit() either way. */
struct pl_error *config_read(const char *path, struct config *ret) PL_MUST_USE;

/** Replaces path in one step. */
struct pl_error *config_write(const struct config *c, const char *path) PL_MUST_USE;

/** The value, or NULL; owned by c. */
const char *config_get(const struct config *c, const char *key);

/** True for TRUE, yes, 1 as VMware takes them. */
bool config_is_true(const struct config *c, const char *key);

/** Sets or appends. */
struct pl_error *config_set(struct config *c, const char *key, const char *value) PL_MUST_USE;

/** Removes each key that begins with prefix. */
void config_remove(struct config *c, const char *prefix);

void config_deinit(struct config *c);

#endif
