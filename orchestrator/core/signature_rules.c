#include "orchestrator/core/signature_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/core/signature.h"

static const char *const verbs[RULE_VERBS] = {
	[RULE_SKIP] = "skip",
	[RULE_KEEP] = "keep",
	[RULE_OWN] = "own",
	[RULE_OTHER] = "other",
	[RULE_NAME] = "name",
	[RULE_IGNORE] = "ignore",
	[RULE_INTEREST] = "interest",
};

/* On a mismatch the last star takes one byte more: no recursion, never more than len * len steps. */
bool signature_glob(struct panic_piece pattern, struct panic_piece text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			retry = t;
		} else if (p < pattern.len && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++retry;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

struct rule {
	enum signature_verb verb; /* RULE_VERBS: not one of ours */
	struct panic_piece word;  /* the verb as it was written */
	struct panic_piece pattern;
	struct panic_piece text; /* behind " = " of a name */
	bool named;              /* " = " is there */
};

/* The next line that is not empty and no comment; false at the end. *line counts all of them. */
static bool next_rule(const char **at, size_t *line, struct rule *ret)
{
	while (**at) {
		struct panic_piece s = {*at, strcspn(*at, "\n")};
		*at += s.len + ((*at)[s.len] == '\n');
		(*line)++;
		s = panic_piece_trim(s);
		if (s.len == 0 || *s.p == '#')
			continue;
		*ret = (struct rule){.verb = RULE_VERBS, .word = s};
		const char *space = memchr(s.p, ' ', s.len);
		if (space) {
			ret->word.len = (size_t)(space - s.p);
			ret->pattern =
				panic_piece_trim((struct panic_piece){space, (size_t)(s.p + s.len - space)});
		}
		for (int v = 0; v < RULE_VERBS; v++)
			if (strlen(verbs[v]) == ret->word.len && panic_piece_starts(ret->word, verbs[v]))
				ret->verb = (enum signature_verb)v;
		const char *equals =
			ret->verb == RULE_NAME ? memmem(ret->pattern.p, ret->pattern.len, " = ", 3) : NULL;
		if (equals) {
			const char *end = ret->pattern.p + ret->pattern.len;
			ret->text = (struct panic_piece){equals + 3, (size_t)(end - equals - 3)};
			ret->pattern.len = (size_t)(equals - ret->pattern.p);
			ret->named = true;
		}
		return true;
	}
	return false;
}

enum signature_verb signature_rule(const char *rules, enum signature_verb a, enum signature_verb b,
	struct panic_piece text, struct panic_piece *ret)
{
	struct rule r;
	size_t line = 0;

	while (next_rule(&rules, &line, &r)) {
		if ((r.verb != a && r.verb != b) || !signature_glob(r.pattern, text))
			continue;
		if (ret)
			*ret = r.text;
		return r.verb;
	}
	return RULE_VERBS;
}

static struct pl_error *check_rule(const struct rule *r)
{
	char word[64], shown[256];

	if (r->verb == RULE_VERBS) {
		snprintf(word, sizeof word, "%.*s", (int)r->word.len, r->word.p);
		pl_escape_str(word, shown, sizeof shown);
		const char *nearest = pl_nearest(word, verbs, RULE_VERBS);
		struct pl_error *e = pl_error_new(PL_ERR_USAGE, "unknown rule '%s'", shown);
		return nearest ? pl_error_hint(e, "did you mean '%s'?", nearest)
			       : pl_error_hint(e, "rules are skip, keep, own, other, name, ignore, interest");
	}
	if (r->verb == RULE_NAME && (!r->named || r->text.len == 0))
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "a name without its text"), "write: name PATTERN = TEXT");
	if (r->pattern.len == 0)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "a rule without a pattern"), "* is any text");
	return NULL;
}

struct pl_error *signature_rules_check(const char *name, const char *rules)
{
	struct rule r;
	size_t line = 0;

	while (next_rule(&rules, &line, &r)) {
		struct pl_error *e = check_rule(&r);
		if (e)
			return pl_error_at(e, "%s:%zu", name, line);
	}
	return NULL;
}

struct pl_error *signature_rules_load(const char *path, char **ret)
{
	struct pl_buf b;

	pl_buf_init(&b, SIGNATURE_RULES_MAX + strlen(signature_rules()) + 1);
	struct pl_error *e = pl_error_as(pl_fs_read(path, &b), PL_ERR_USAGE);
	if (!e && b.size > SIGNATURE_RULES_MAX)
		e = pl_error_new(PL_ERR_USAGE, "too big for a file of rules");
	if (!e && memchr(pl_buf_text(&b), 0, b.size))
		e = pl_error_new(PL_ERR_USAGE, "not a text");
	if (e)
		e = pl_error_at(e, "%s", path);
	else
		e = signature_rules_check(path, pl_buf_text(&b));
	if (!e)
		e = pl_buf_puts(&b, "\n");
	if (!e)
		e = pl_buf_puts(&b, signature_rules());
	if (!e)
		e = pl_buf_take(&b, ret);
	pl_buf_deinit(&b);
	return e;
}
