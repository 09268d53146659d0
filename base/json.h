/*
 * Getters that say which field is missing or of the wrong type.
 *
 * `where` names the document in the error (an endpoint, a file). The error is
 * PL_ERR_DATA. Strings and values are borrowed from the object.
 */
#ifndef PL_BASE_JSON_H
#define PL_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/** Parses at most `max` bytes of text; the error has line and column. */
struct pl_error *pl_json_parse(
	const char *text, size_t size, size_t max, const char *where, json_t **ret) PL_MUST_USE;

struct pl_error *pl_json_str(
	const json_t *o, const char *key, const char *where, const char **ret) PL_MUST_USE;
struct pl_error *pl_json_int(const json_t *o, const char *key, const char *where, int64_t *ret) PL_MUST_USE;
struct pl_error *pl_json_array(const json_t *o, const char *key, const char *where, json_t **ret) PL_MUST_USE;

/** The string, or `otherwise` when it is absent or not a string. */
const char *pl_json_str_or(const json_t *o, const char *key, const char *otherwise);
int64_t pl_json_int_or(const json_t *o, const char *key, int64_t otherwise);
bool pl_json_bool_or(const json_t *o, const char *key, bool otherwise);

#endif
