/*
 * A .vmx file, read only: lines `key = "value"`, keys without regard to case,
 * # comments, |XX escapes in values (|22 a quote, |7C a bar). What is not such
 * a line is skipped: an encrypted VM's file has few that can be read.
 */
#ifndef FUSION_VMX_H
#define FUSION_VMX_H

#include <stddef.h>

#include "base/err.h"

#define VMX_SIZE_MAX ((size_t)1 << 20)

struct vmx_entry {
	char *key;   /* as written */
	char *value; /* unescaped; bytes that are no text are the reader's to escape */
};

struct vmx {
	struct vmx_entry *entries;
	size_t count;
};

/** Parses size bytes. *ret needs vmx_deinit() in any case. */
struct pl_error *vmx_parse(const char *text, size_t size, struct vmx *ret) PL_MUST_USE;

/** The same for a file of at most VMX_SIZE_MAX bytes. */
struct pl_error *vmx_load(const char *path, struct vmx *ret) PL_MUST_USE;

void vmx_deinit(struct vmx *v);

/** The value of key, the last one if it is there twice; NULL if it is not. */
const char *vmx_get(const struct vmx *v, const char *key);

#endif
