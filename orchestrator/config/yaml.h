/*
 * YAML text (JSON is YAML too) as a small tree with line numbers.
 *
 * The text is hostile. At most 1 MiB, 4096 nodes and 16 levels are taken, one
 * document only. Anchors, aliases and tags are refused: nothing here needs
 * them, and aliases make small texts huge. So are keys that stand twice in one
 * map (libyaml passes them on) and strings that hold a NUL.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define YML_SIZE_MAX ((size_t)1 << 20)
#define YML_NODES_MAX 4096
#define YML_DEPTH_MAX 16

enum yml_kind { YML_SCALAR, YML_LIST, YML_MAP };

struct yml_node {
	enum yml_kind kind;
	unsigned line;          /* from 1; of its key, where it has one */
	char *key;              /* of a map's member, else NULL */
	char *text;             /* of a scalar */
	bool plain;             /* a scalar without quotes, not a block */
	struct yml_node *first; /* members of a list or map, in the file's order */
	struct yml_node *last;
	struct yml_node *next;
	size_t count;
};

/** PL_ERR_USAGE at "file:line"; file is only the name for errors. *ret: yml_free(). */
struct pl_error *yml_parse(
	const char *text, size_t size, const char *file, struct yml_node **ret) PL_MUST_USE;
void yml_free(struct yml_node *n);

/** The member of that name, or NULL; also when map is NULL or the value is null. */
const struct yml_node *yml_get(const struct yml_node *map, const char *key);

/** True for a value left empty, "~" and "null": the same as a key that is not there. */
bool yml_is_null(const struct yml_node *n);

/** What it is, for an error: "a list", "the number 5", "the text 'abc'" (escaped, cut). */
const char *yml_describe(const struct yml_node *n, char *out, size_t size);

#endif
