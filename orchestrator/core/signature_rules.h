/*
 * The rules of signature.h, read line by line from their text: "VERB PATTERN",
 * "name PATTERN = TEXT"; empty lines and those that begin with # are comments.
 */
#ifndef CORE_SIGNATURE_RULES_H
#define CORE_SIGNATURE_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "orchestrator/core/panic_parts.h"

#define SIGNATURE_RULES_MAX ((size_t)256 * 1024) /* bytes of a file of rules */

enum signature_verb {
	RULE_SKIP,
	RULE_KEEP,
	RULE_OWN,
	RULE_OTHER,
	RULE_NAME,
	RULE_IGNORE,
	RULE_INTEREST,
	RULE_VERBS,
};

/** "*" in pattern stands for any text; the rest is literal. */
bool signature_glob(struct panic_piece pattern, struct panic_piece text);

/**
 * The verb of the first rule with one of these two verbs whose pattern matches,
 * or RULE_VERBS if none does. *ret (NULL allowed) is what stands behind its " = ".
 */
enum signature_verb signature_rule(const char *rules, enum signature_verb a, enum signature_verb b,
	struct panic_piece text, struct panic_piece *ret);

/** PL_ERR_USAGE at the first line that is no rule, as FILE:LINE; name is the file's. */
struct pl_error *signature_rules_check(const char *name, const char *rules) PL_MUST_USE;

/** A user's file, checked, and behind it the rules that are built in; malloc'd. */
struct pl_error *signature_rules_load(const char *path, char **ret) PL_MUST_USE;

#endif
