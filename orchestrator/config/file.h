/* Configuration files as such: reading one, and telling which kind it is. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/buf.h"
#include "base/err.h"

enum config_kind { CONFIG_LAB, CONFIG_SCENARIO };

/** The whole file (1 MiB at most) into *text, which the caller deinits in any case. */
struct pl_error *config_read(const char *path, struct pl_buf *text) PL_MUST_USE;

/** The same; PL_ERR_USAGE where its top has the keys of the other kind: the two are easily swapped. */
struct pl_error *config_read_as(const char *path, enum config_kind wanted, struct pl_buf *text) PL_MUST_USE;

/**
 * Tells a lab from a scenario by the keys at its top. PL_ERR_USAGE when it has
 * none of either, or as many of both.
 */
struct pl_error *config_kind(
	const char *text, size_t size, const char *path, enum config_kind *ret) PL_MUST_USE;

#endif
