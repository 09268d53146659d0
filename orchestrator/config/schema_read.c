/* Reading a tree by a table: types, defaults, and errors that help. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wait.h"
#include "orchestrator/config/check.h"
#include "orchestrator/config/path.h"
#include "orchestrator/config/schema.h"
#include "orchestrator/config/spot.h"

#define TEXT_MAX ((size_t)4095)
#define LINES_MAX ((size_t)64 << 10)
#define TIME_MIN PL_MS
#define TIME_MAX (24 * 3600 * PL_SECOND)

static bool is_bool(const struct yml_node *n)
{
	return n->plain && (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0);
}

/* NULL, or why the text can be no value of a row of that type. */
static const char *text_flaw(const struct field *f, const char *text)
{
	bool lines = f->type == FIELD_LINES;

	for (const char *p = text; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		if ((c < ' ' && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f)
			return c == '\n' ? "it has more than one line" : "it holds a control character";
	}
	if (strlen(text) > (lines ? LINES_MAX : TEXT_MAX))
		return "it is too long";
	if (text[strspn(text, "\n")] == '\0' && (f->flags & FIELD_EMPTY) == 0)
		return "it is empty";
	return NULL;
}

/* A block ("|") ends in a newline that nobody meant. */
static void drop_final_newlines(char *text)
{
	size_t length = strlen(text);

	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
}

static struct pl_error *read_text(
	const struct field *f, const struct yml_node *n, void *base, const struct spot *at)
{
	char *value = NULL;
	const char *flaw = text_flaw(f, n->text);
	bool is_auto = (f->flags & FIELD_AUTO) != 0 && strcmp(n->text, "auto") == 0;

	if (is_bool(n))
		return pl_error_hint(spot_refuse(f, n, at), "put it in quotes if it is meant as text");
	if (flaw != NULL)
		return spot_unusable(pl_error_new(PL_ERR_USAGE, "%s", flaw), at);
	if (!is_auto && n->text[0] != '\0' && f->check != NULL && !f->check(n->text))
		return spot_refuse(f, n, at);
	struct pl_error *e = f->type == FIELD_PATH && !is_auto ? config_path(at->src->folder, n->text, &value)
							       : pl_strdup(n->text, &value);
	if (e != NULL)
		return spot_unusable(e, at);
	drop_final_newlines(value);
	memcpy((char *)base + f->offset, &value, sizeof value);
	return NULL;
}

/* False for a port of another kind. */
static bool read_auto_port(const struct field *f, const struct yml_node *n, void *base)
{
	const bool yes = true;
	const uint16_t port = (uint16_t)f->value;

	if (f->type != FIELD_PORT || (f->flags & FIELD_AUTO) == 0 || strcmp(n->text, "auto") != 0)
		return false;
	memcpy((char *)base + f->offset, &port, sizeof port);
	memcpy((char *)base + f->tag, &yes, sizeof yes);
	return true;
}

static bool read_number(const struct field *f, const struct yml_node *n, char *to)
{
	uint64_t number;
	uint16_t port;
	int64_t ns;

	switch (f->type) {
	case FIELD_PORT:
		if (!n->plain || !pl_parse_u64(n->text, UINT16_MAX, &number) || number < f->min)
			return false;
		port = (uint16_t)number;
		memcpy(to, &port, sizeof port);
		return true;
	case FIELD_SIZE:
		if (!pl_parse_size(n->text, &number) || number < f->min)
			return false;
		memcpy(to, &number, sizeof number);
		return true;
	case FIELD_TIME:
		if (!pl_parse_time(n->text, &ns) || ns < TIME_MIN || ns > TIME_MAX)
			return false;
		memcpy(to, &ns, sizeof ns);
		return true;
	default:
		return false;
	}
}

static bool find_word(const struct word *words, const char *text, int *ret)
{
	for (; words->name != NULL; words++)
		if (strcmp(words->name, text) == 0) {
			*ret = words->value;
			return true;
		}
	return false;
}

static struct pl_error *read_scalar(
	const struct field *f, const struct yml_node *n, void *base, const struct spot *at)
{
	char *to = (char *)base + f->offset;
	int value;
	bool flag;

	if (n->kind != YML_SCALAR)
		return spot_refuse(f, n, at);
	switch (f->type) {
	case FIELD_BOOL:
		if (!is_bool(n))
			return spot_refuse(f, n, at);
		flag = n->text[0] == 't';
		memcpy(to, &flag, sizeof flag);
		return NULL;
	case FIELD_TRUE:
		if (!is_bool(n) || n->text[0] != 't')
			return spot_refuse(f, n, at);
		return pl_strdup("", (char **)(void *)to);
	case FIELD_WORD:
		if (!find_word(f->words, n->text, &value))
			return spot_refuse(f, n, at);
		memcpy(to, &value, sizeof value);
		return NULL;
	case FIELD_PORT:
	case FIELD_SIZE:
	case FIELD_TIME:
		return read_auto_port(f, n, base) || read_number(f, n, to) ? NULL : spot_refuse(f, n, at);
	default:
		return read_text(f, n, base, at);
	}
}

static struct pl_error *read_map(
	const struct field *fields, const struct yml_node *map, void *base, const struct spot *at);

static struct pl_error *read_words(
	const struct field *f, const struct yml_node *n, void *base, const struct spot *at)
{
	unsigned bits = 0;
	int value;

	if (n->kind != YML_LIST)
		return pl_error_hint(spot_refuse(f, n, at), "put it in brackets: [ ]");
	for (const struct yml_node *item = n->first; item != NULL; item = item->next) {
		struct spot item_at = *at;
		item_at.line = item->line;
		if (item->kind != YML_SCALAR || !find_word(f->words, item->text, &value))
			return spot_refuse(f, item, &item_at);
		bits |= (unsigned)value;
	}
	memcpy((char *)base + f->offset, &bits, sizeof bits);
	return NULL;
}

/* One member of a list or of a map of names, into the record at `to`. */
static struct pl_error *read_member(
	const struct field *f, const struct yml_node *n, void *to, const struct spot *at)
{
	static const struct field name = {.type = FIELD_TEXT};
	static const struct field path = {.type = FIELD_PATH};
	struct field named = name;
	char shown[256];

	if (f->type == FIELD_PATHS)
		return read_scalar(&path, n, to, at);
	if (f->type == FIELD_MAPS)
		return read_map(f->sub, n, to, at);
	if (!check_name(n->key))
		return spot_error(pl_error_hint(pl_error_new(PL_ERR_USAGE, "%s is no usable name",
							spot_spell(at, shown, sizeof shown)),
					  "use letters, digits, '.', '_' and '-', at most 64"),
			at);
	named.offset = f->name_offset;
	struct yml_node key = {.kind = YML_SCALAR, .text = n->key};
	struct pl_error *e = read_text(&named, &key, to, at);
	return e != NULL ? e : read_map(f->sub, n, to, at);
}

static struct pl_error *read_array(
	const struct field *f, const struct yml_node *n, void *base, const struct spot *at)
{
	size_t size = f->type == FIELD_PATHS ? sizeof(char *) : f->size;
	size_t index = 0;

	if (f->type == FIELD_PATHS && n->kind == YML_SCALAR)
		return pl_error_hint(spot_refuse(f, n, at), "put it in brackets: [ ]");
	if (n->kind != (f->type == FIELD_NAMED ? YML_MAP : YML_LIST))
		return spot_refuse(f, n, at);
	if (n->count == 0)
		return NULL;
	char *array = calloc(n->count, size);
	if (array == NULL)
		return pl_error_nomem();
	/* Handed over before it is filled, so that schema_free() finds what an error leaves. */
	memcpy((char *)base + f->offset, &array, sizeof array);
	memcpy((char *)base + f->count, &n->count, sizeof n->count);
	for (const struct yml_node *item = n->first; item != NULL; item = item->next, index++) {
		struct spot item_at = spot_below(at, item->key, item);
		item_at.index = index;
		struct pl_error *e = read_member(f, item, array + index * size, &item_at);
		if (e != NULL)
			return e;
	}
	return NULL;
}

/* The row's key is not in the file. */
static struct pl_error *read_absent(const struct field *f, void *base, const struct spot *at)
{
	char *to = (char *)base + f->offset;
	unsigned bits = (unsigned)f->value;

	if ((f->flags & FIELD_REQUIRED) != 0)
		return spot_missing(f, at);
	if (f->type == FIELD_MAP && (f->flags & FIELD_OPTIONAL) == 0) {
		struct spot sub_at = spot_below(at, f->name, NULL);
		return read_map(f->sub, NULL, to, &sub_at);
	}
	if (f->type == FIELD_WORDS)
		memcpy(to, &bits, sizeof bits);
	if (f->otherwise == NULL)
		return NULL;
	struct yml_node text = {.kind = YML_SCALAR, .text = (char *)(uintptr_t)f->otherwise};
	text.plain = f->type == FIELD_BOOL || f->type == FIELD_PORT;
	struct spot value_at = spot_below(at, f->name, NULL);
	return read_scalar(f, &text, base, &value_at);
}

static struct pl_error *read_field(
	const struct field *f, const struct yml_node *n, void *base, const struct spot *at)
{
	char *to = (char *)base + f->offset;

	if ((f->flags & FIELD_TAG) != 0)
		memcpy((char *)base + f->tag, &f->value, sizeof f->value);
	switch (f->type) {
	case FIELD_MAP:
		return n->kind == YML_MAP ? read_map(f->sub, n, to, at) : spot_refuse(f, n, at);
	case FIELD_WORD:
		if (f->sub == NULL || n->kind != YML_MAP)
			return read_scalar(f, n, base, at);
		memcpy(to, &f->value, sizeof f->value);
		return read_map(f->sub, n, base, at);
	case FIELD_WORDS:
		return read_words(f, n, base, at);
	case FIELD_PATHS:
	case FIELD_MAPS:
	case FIELD_NAMED:
		return read_array(f, n, base, at);
	default:
		return read_scalar(f, n, base, at);
	}
}

/* Of the rows marked FIELD_ONE_OF exactly one must be given. */
static struct pl_error *check_one_of(
	const struct field *fields, const struct yml_node *map, const struct spot *at)
{
	const struct field *given = NULL;
	char names[128];
	char path[256];

	spot_list_fields(fields, FIELD_ONE_OF, names, sizeof names);
	if (names[0] == '\0')
		return NULL;
	for (const struct field *f = fields; f->name != NULL; f++) {
		const struct yml_node *n = yml_get(map, f->name);
		if ((f->flags & FIELD_ONE_OF) == 0 || n == NULL)
			continue;
		if (given != NULL) {
			struct spot second = spot_below(at, f->name, n);
			return spot_error(
				pl_error_hint(
					pl_error_new(PL_ERR_USAGE, "%s has both '%s' and '%s'",
						spot_spell(at, path, sizeof path), given->name, f->name),
					"give exactly one of %s", names),
				&second);
		}
		given = f;
	}
	if (given != NULL)
		return NULL;
	return spot_error(
		pl_error_new(PL_ERR_USAGE, "%s needs one of %s", spot_spell(at, path, sizeof path), names),
		at);
}

/* map may be NULL: all defaults. */
static struct pl_error *read_map(
	const struct field *fields, const struct yml_node *map, void *base, const struct spot *at)
{
	static const struct field any = {.type = FIELD_MAP};

	if (map != NULL && yml_is_null(map))
		map = NULL;
	if (map != NULL && map->kind != YML_MAP)
		return spot_refuse(&any, map, at);
	struct pl_error *e = check_one_of(fields, map, at);
	for (const struct field *f = fields; e == NULL && f->name != NULL; f++) {
		const struct yml_node *n = yml_get(map, f->name);
		struct spot field_at = spot_below(at, f->name, n);
		if (n != NULL)
			e = read_field(f, n, base, &field_at);
		else if ((f->flags & FIELD_ONE_OF) == 0)
			e = read_absent(f, base, at);
	}
	return e;
}

static struct pl_error *check_keys(
	const struct field *fields, const struct yml_node *map, const struct spot *at);

/* The keys of what stands under the row's key, where that is maps at all. */
static struct pl_error *check_value_keys(
	const struct field *f, const struct yml_node *n, const struct spot *at)
{
	struct spot value_at = spot_below(at, f->name, n);
	struct pl_error *e = NULL;
	size_t index = 0;

	if (f->sub == NULL)
		return NULL;
	if (f->type != FIELD_MAPS && f->type != FIELD_NAMED)
		return check_keys(f->sub, n, &value_at);
	for (const struct yml_node *item = n->first; e == NULL && item != NULL; item = item->next) {
		struct spot item_at = spot_below(&value_at, item->key, item);
		item_at.index = index++;
		e = check_keys(f->sub, item, &item_at);
	}
	return e;
}

/*
 * Every key of the file has a row. Asked before any value is looked at: a
 * misspelt key explains what would else be reported as missing.
 */
static struct pl_error *check_keys(
	const struct field *fields, const struct yml_node *map, const struct spot *at)
{
	struct pl_error *e = NULL;

	if (map->kind != YML_MAP)
		return NULL;
	for (const struct yml_node *n = map->first; e == NULL && n != NULL; n = n->next) {
		const struct field *f = fields;
		while (f->name != NULL && strcmp(f->name, n->key) != 0)
			f++;
		e = f->name == NULL ? spot_unknown(fields, n, at) : check_value_keys(f, n, at);
	}
	return e;
}

struct pl_error *schema_read(
	const struct field *fields, const struct schema_source *src, const struct yml_node *root, void *base)
{
	struct spot top = {.src = src, .line = root->line};

	struct pl_error *e = check_keys(fields, root, &top);
	return e != NULL ? e : read_map(fields, root, base, &top);
}
