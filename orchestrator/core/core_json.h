/*
 * JSON of what comes from a guest: addresses as strings, text that is always
 * valid UTF-8. Each returns a new reference, or NULL without memory, which
 * json_object_set_new() and json_array_append_new() report as -1.
 */
#ifndef CORE_CORE_JSON_H
#define CORE_CORE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/** Raw text; a byte that is not UTF-8, and a NUL, becomes U+FFFD. */
json_t *core_json_text(const char *text, size_t len);

/** "0xffffff8017400000" */
json_t *core_json_address(uint64_t address);

/* Set a key when there is something: not for NULL, not for "". 0 or -1. */
int core_json_set_text(json_t *o, const char *key, const char *text);
int core_json_set_count(json_t *o, const char *key, uint64_t n);

#endif
