#include "orchestrator/config/spot.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *spot_spell(const struct spot *at, char *out, size_t size)
{
	char shown[72];

	if (at->up == NULL) {
		snprintf(out, size, "the file");
		return out;
	}
	size_t used = 0;
	if (at->up->up != NULL) {
		spot_spell(at->up, out, size);
		used = strlen(out);
	}
	if (at->key == NULL)
		snprintf(out + used, size - used, "[%zu]", at->index);
	else
		snprintf(out + used, size - used, "%s%s", used > 0 ? "." : "",
			pl_escape_str(at->key, shown, sizeof shown));
	return out;
}

struct pl_error *spot_error(struct pl_error *e, const struct spot *at)
{
	return pl_error_at(e, "%s:%u", at->src->file, at->line);
}

struct spot spot_below(const struct spot *at, const char *key, const struct yml_node *n)
{
	return (struct spot){.src = at->src, .up = at, .key = key, .line = n != NULL ? n->line : at->line};
}

/* "a, b, c" of the names in a table of words or fields (only those with the flags). */
static void list_words(const struct word *words, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t used = 0; words->name != NULL && used < size; words++, used = strlen(out))
		snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", words->name);
}

void spot_list_fields(const struct field *fields, unsigned flags, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (; fields->name != NULL && used < size; fields++) {
		if ((fields->flags & flags) != flags)
			continue;
		snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", fields->name);
		used = strlen(out);
	}
}

static const char *accepted(const struct field *f, char *out, size_t size)
{
	static const char *const by_type[] = {
		[FIELD_TEXT] = "text",
		[FIELD_LINES] = "text",
		[FIELD_PATH] = "a path",
		[FIELD_SIZE] = "a size like 512M or 64G",
		[FIELD_TIME] = "a time from 1ms to 24h, like 30s or 5m",
		[FIELD_BOOL] = "true or false",
		[FIELD_MAP] = "a map of keys",
		[FIELD_PATHS] = "a list of paths",
		[FIELD_MAPS] = "a list of maps",
		[FIELD_NAMED] = "a map of names",
		[FIELD_TRUE] = "true",
	};
	char words[200];

	if (f->type == FIELD_WORD || f->type == FIELD_WORDS) {
		list_words(f->words, words, sizeof words);
		const char *lead = f->words[1].name == NULL ? "" : "one of ";
		snprintf(out, size, "%s%s%s%s", f->type == FIELD_WORDS ? "a list of " : lead, words,
			f->accepts != NULL ? " or " : "", f->accepts != NULL ? f->accepts : "");
	} else if (f->type == FIELD_PORT) {
		snprintf(out, size, "%sa number from %u to 65535",
			(f->flags & FIELD_AUTO) != 0 ? "auto or " : "", (unsigned)f->min);
	} else {
		snprintf(out, size, "%s%s", (f->flags & FIELD_AUTO) != 0 ? "auto or " : "",
			f->accepts != NULL ? f->accepts : by_type[f->type]);
	}
	return out;
}

static const char *nearest_word(const struct word *words, const char *text)
{
	const char *names[32];
	size_t count = 0;

	for (; words->name != NULL && count < 32; words++)
		names[count++] = words->name;
	return pl_nearest(text, names, count);
}

/* "KEY must be WHAT IS ACCEPTED (found WHAT IS THERE): did you mean ...?" */
struct pl_error *spot_refuse(const struct field *f, const struct yml_node *n, const struct spot *at)
{
	char path[256];
	char want[320];
	char found[96];
	const char *near = NULL;

	struct pl_error *e = pl_error_new(PL_ERR_USAGE, "%s must be %s", spot_spell(at, path, sizeof path),
		accepted(f, want, sizeof want));
	if (n->kind == YML_SCALAR && ((f->flags & FIELD_QUIET) != 0 || f->type == FIELD_MAP))
		e = pl_error_why(e, "found %s", n->text[0] == '\0' ? "an empty text" : "a text");
	else
		e = pl_error_why(e, "found %s", yml_describe(n, found, sizeof found));
	if (n->kind == YML_SCALAR && f->words != NULL && (f->type == FIELD_WORD || n->key == NULL))
		near = nearest_word(f->words, n->text);
	if (near != NULL)
		e = pl_error_hint(e, "did you mean '%s'?", near);
	return spot_error(e, at);
}

struct pl_error *spot_unusable(struct pl_error *e, const struct spot *at)
{
	char path[256];

	if (pl_error_kind(e) == PL_ERR_NOMEM)
		return e;
	struct pl_error *unusable =
		pl_error_new(PL_ERR_USAGE, "%s has no usable value", spot_spell(at, path, sizeof path));
	unusable = pl_error_why(unusable, "%s", pl_error_what(e));
	if (pl_error_advice(e) != NULL)
		unusable = pl_error_hint(unusable, "%s", pl_error_advice(e));
	pl_error_free(e);
	return spot_error(unusable, at);
}

struct pl_error *spot_missing(const struct field *f, const struct spot *at)
{
	char path[256];
	char want[320];

	return spot_error(pl_error_hint(pl_error_new(PL_ERR_USAGE, "%s has no '%s'",
						spot_spell(at, path, sizeof path), f->name),
				  "give it %s", accepted(f, want, sizeof want)),
		at);
}

struct pl_error *spot_unknown(const struct field *fields, const struct yml_node *n, const struct spot *at)
{
	const char *names[32];
	size_t count = 0;
	char shown[72];
	char path[256];
	char valid[320];
	struct spot key_at = spot_below(at, n->key, n);

	for (const struct field *f = fields; f->name != NULL && count < 32; f++)
		names[count++] = f->name;
	struct pl_error *e = pl_error_new(PL_ERR_USAGE, "unknown key '%s' in %s",
		pl_escape_str(n->key, shown, sizeof shown), spot_spell(at, path, sizeof path));
	const char *near = pl_nearest(n->key, names, count);
	spot_list_fields(fields, 0, valid, sizeof valid);
	if (near != NULL)
		e = pl_error_hint(e, "did you mean '%s'?", near);
	else
		e = pl_error_hint(e, "its keys are %s", valid);
	return spot_error(e, &key_at);
}
