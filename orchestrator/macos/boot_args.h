/*
 * boot-args as text: words with blanks between them, "key=value", "key" or
 * "-flag". Read as the kernel does, changed so that every byte that is not
 * ours stays: other words, their order, doubles, and the blanks.
 *
 * How the kernel reads: xnu pexpert/gen/bootargs.c, PE_parse_boot_argn(). There
 * is no quoting; a blank or tab always ends a word. Of a key that stands there
 * twice the last counts, but the first when the key begins with '_' or '-'.
 */
#ifndef MACOS_BOOT_ARGS_H
#define MACOS_BOOT_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* xnu keeps BOOT_LINE_LENGTH bytes with their NUL (pexpert/i386/boot.h). */
enum { BOOT_ARGS_LENGTH_MAX = 1023 };

/* A word of the text, which it borrows. */
struct boot_arg {
	const char *text; /* not NUL-terminated */
	size_t size;
	size_t key_size;
	const char *value; /* behind '='; NULL if there is none */
	size_t value_size;
};

/** The next word behind *cursor, which starts as the text. False at its end. */
bool boot_args_next(const char **cursor, struct boot_arg *ret);

/** True if the word's key is `key`, which ends at a '=' if it has one. */
bool boot_arg_is(const struct boot_arg *a, const char *key);

/** The word that the kernel goes by; false, and *ret untouched, if there is none. */
bool boot_args_get(const char *args, const char *key, struct boot_arg *ret);

/** How many words have that key. */
size_t boot_args_count(const char *args, const char *key);

/**
 * The number that the kernel makes of a word, in 32 bits: decimal, 0x, 0b (small
 * letters) or octal with a leading 0, a minus sign, k, m or g for powers of 1024,
 * and 1 for a key without a value (older kernels pass over such a word). False if it is none; then *ret is
 * what the kernel stores instead, its first three letters.
 */
bool boot_arg_number(const struct boot_arg *a, uint32_t *ret);

/** The same by key; 0 when it is not there, and what the kernel stores when it is no number. */
uint32_t boot_args_number(const char *args, const char *key);

/** The first word of `wanted` that the kernel does not go by when it has `actual`; malloc'd, NULL if none. */
struct pl_error *boot_args_missing(const char *actual, const char *wanted, char **ret) PL_MUST_USE;

/*
 * Each of the following gives a new text, malloc'd. PL_ERR_USAGE when it is
 * longer than BOOT_ARGS_LENGTH_MAX.
 */

/** With that word ("key=value", "-flag") instead of the first of its key, without the others; else at the
 * end. */
struct pl_error *boot_args_set(const char *args, const char *word, char **ret) PL_MUST_USE;

/** boot_args_set() with each word of `words`. */
struct pl_error *boot_args_merge(const char *args, const char *words, char **ret) PL_MUST_USE;

/** Without the words of that key. */
struct pl_error *boot_args_remove(const char *args, const char *key, char **ret) PL_MUST_USE;

#endif
