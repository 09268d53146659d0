/*
 * Configuration files as tables: one row a key says its name, what it takes,
 * where the value goes in the caller's struct, and what it is when the file
 * does not say. Reading, checking, printing and freeing all walk these tables.
 *
 * The rules that hold for every key:
 * - A key that no row names is an error, with the nearest that exists.
 * - A value left empty ("timeout:") is the same as a key that is not there.
 * - Strings hold no control characters, except newlines and tabs in FIELD_LINES.
 * - Numbers and true/false stand without quotes; a text may not be an unquoted
 *   true or false, which other YAML readers would not take for a text.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "orchestrator/config/yaml.h"

enum field_type {
	FIELD_TEXT,  /* char *, one line, at most 4095 bytes */
	FIELD_LINES, /* char *, at most 64 KiB, final newlines dropped */
	FIELD_PATH,  /* char *, made absolute; "" is never one */
	FIELD_PORT,  /* uint16_t, at least `min`; with FIELD_AUTO, auto is `value` and true at `tag` */
	FIELD_SIZE,  /* uint64_t bytes, at least `min` */
	FIELD_TIME,  /* int64_t nanoseconds, 1 ms to 24 h */
	FIELD_BOOL,  /* bool */
	FIELD_WORD,  /* int-sized enum, one of `words`; or, with `sub`, a map that means `value` */
	FIELD_WORDS, /* unsigned, a list of `words` as bits */
	FIELD_MAP,   /* the fields of `sub`, in the struct at `offset` */
	FIELD_PATHS, /* char **, a list; its length goes to `count` */
	FIELD_MAPS,  /* array of structs of `size` bytes, a list of maps */
	FIELD_NAMED, /* the same, a map of maps; each one's key goes to its `name` */
	FIELD_TRUE,  /* char *, takes only true and gives ""; for FIELD_TAG rows */
};

enum field_flag {
	FIELD_REQUIRED = 1,
	FIELD_ONE_OF = 2,   /* exactly one of the rows with this flag is given */
	FIELD_OPTIONAL = 4, /* of a map: when absent, its fields stay zero instead of taking defaults */
	FIELD_AUTO = 8,     /* the word auto passes unchecked and unchanged (but see FIELD_PORT) */
	FIELD_EMPTY = 16,   /* "" is a value */
	FIELD_TAG = 32,     /* giving this row sets the enum at `tag` to `value` */
	FIELD_QUIET = 64,   /* errors do not show the value: it may be a secret in the wrong place */
};

struct word {
	const char *name; /* NULL ends the table */
	int value;
};

struct field {
	const char *name; /* NULL ends the table */
	enum field_type type;
	unsigned flags;
	size_t offset;
	const char *otherwise;        /* the default, as the file would say it; NULL: stays zero */
	const char *accepts;          /* what `check` or the map takes, in words for an error */
	bool (*check)(const char *s); /* of texts and paths, before a path is made absolute */
	const struct word *words;
	const struct field *sub;
	uint64_t min;
	int value; /* of the tag, of a word's map; the default bits of FIELD_WORDS */
	size_t tag;
	size_t size;
	size_t count;
	size_t name_offset;
};

/* What a file's values are read by. */
struct schema_source {
	const char *file; /* as the user named it, for errors */
	char *folder;     /* absolute, of the file; owned */
};

/** Finds the folder that relative paths are taken from; pair with _deinit. */
struct pl_error *schema_source_init(struct schema_source *src, const char *file) PL_MUST_USE;
void schema_source_deinit(struct schema_source *src);

/**
 * Reads the map `root` into the zeroed struct at base. On an error too, what
 * base then holds is to be given back with schema_free().
 */
struct pl_error *schema_read(const struct field *fields, const struct schema_source *src,
	const struct yml_node *root, void *base) PL_MUST_USE;

enum schema_form { SCHEMA_YAML, SCHEMA_JSON };

/**
 * Appends what base holds as a document that schema_read() reads back as the
 * same. Values that are absent (a NULL string, an empty list or map) are left out.
 */
struct pl_error *schema_write(
	const struct field *fields, const void *base, enum schema_form form, struct pl_buf *out) PL_MUST_USE;

/** Frees every string and array that the rows name, and sets them to NULL. */
void schema_free(const struct field *fields, void *base);

/** True if the row's value is there to be printed. */
bool schema_present(const struct field *f, const void *base);

/** The word for a value, or "?". */
const char *schema_word(const struct word *words, int value);

/** PL_ERR_USAGE at the line of the innermost of the keys (NULL ends) that exists. */
struct pl_error *schema_error(const struct schema_source *src, const struct yml_node *root,
	const char *const *keys, const char *fmt, ...) PL_PRINTF(4, 5) PL_MUST_USE;

#endif
