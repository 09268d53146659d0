#include "orchestrator/config/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"

struct builder {
	const char *file;
	struct yml_node top;                   /* holds the root */
	struct yml_node *stack[YML_DEPTH_MAX]; /* open lists and maps */
	size_t depth;
	size_t nodes;
	char *key; /* read, its value is next */
	unsigned key_line;
	unsigned documents;
};

static struct pl_error *at_line(struct pl_error *e, const struct builder *b, unsigned line)
{
	return pl_error_at(e, "%s:%u", b->file, line);
}

static unsigned event_line(const yaml_event_t *ev)
{
	return (unsigned)ev->start_mark.line + 1;
}

static bool in_map(const struct builder *b)
{
	return b->depth > 0 && b->stack[b->depth - 1]->kind == YML_MAP;
}

/* Hangs a new node into the innermost open list or map. */
static struct pl_error *add_node(struct builder *b, enum yml_kind kind, unsigned line, struct yml_node **ret)
{
	if (++b->nodes > YML_NODES_MAX)
		return at_line(
			pl_error_new(PL_ERR_USAGE, "too many values (at most %d)", YML_NODES_MAX), b, line);
	struct yml_node *n = calloc(1, sizeof *n);
	if (n == NULL)
		return pl_error_nomem();
	n->kind = kind;
	n->line = line;
	*ret = n;
	struct yml_node *parent = b->depth > 0 ? b->stack[b->depth - 1] : &b->top;
	if (parent->kind == YML_MAP) {
		n->key = b->key;
		n->line = b->key_line;
		b->key = NULL;
	}
	if (parent->last != NULL)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	parent->count++;
	return NULL;
}

static struct pl_error *open_node(struct builder *b, enum yml_kind kind, const yaml_event_t *ev)
{
	unsigned line = event_line(ev);
	struct yml_node *n = NULL;

	if (in_map(b) && b->key == NULL)
		return at_line(
			pl_error_new(PL_ERR_USAGE, "a key must be text, not a list or a map"), b, line);
	if (b->depth == YML_DEPTH_MAX)
		return at_line(
			pl_error_new(PL_ERR_USAGE, "nested too deep (at most %d levels)", YML_DEPTH_MAX), b,
			line);
	struct pl_error *e = add_node(b, kind, line, &n);
	if (e != NULL)
		return e;
	b->stack[b->depth++] = n;
	return NULL;
}

static const struct yml_node *find(const struct yml_node *map, const char *key)
{
	for (const struct yml_node *n = map->first; n != NULL; n = n->next)
		if (strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

static struct pl_error *take_key(struct builder *b, char *text, unsigned line)
{
	char shown[64];
	const struct yml_node *before = find(b->stack[b->depth - 1], text);

	if (before != NULL) {
		struct pl_error *e = pl_error_new(
			PL_ERR_USAGE, "duplicate key '%s'", pl_escape_str(text, shown, sizeof shown));
		e = pl_error_hint(e, "it stands on line %u already: keep one of the two", before->line);
		free(text);
		return at_line(e, b, line);
	}
	b->key = text;
	b->key_line = line;
	return NULL;
}

static struct pl_error *take_scalar(struct builder *b, const yaml_event_t *ev)
{
	const char *value = (const char *)ev->data.scalar.value;
	unsigned line = event_line(ev);
	struct yml_node *n = NULL;
	char *text = NULL;

	if (strlen(value) != ev->data.scalar.length)
		return at_line(pl_error_new(PL_ERR_USAGE, "a NUL character in a string"), b, line);
	struct pl_error *e = pl_strdup(value, &text);
	if (e != NULL)
		return e;
	if (in_map(b) && b->key == NULL)
		return take_key(b, text, line);
	e = add_node(b, YML_SCALAR, line, &n);
	if (e != NULL) {
		free(text);
		return e;
	}
	n->text = text;
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	return NULL;
}

/* What of YAML's own machinery the event uses, or NULL. */
static const char *machinery(const yaml_event_t *ev)
{
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	switch (ev->type) {
	case YAML_ALIAS_EVENT:
		return "alias (*name)";
	case YAML_DOCUMENT_START_EVENT:
		if (ev->data.document_start.tag_directives.start !=
			ev->data.document_start.tag_directives.end)
			return "%TAG directive";
		break;
	case YAML_SCALAR_EVENT:
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor != NULL)
		return "anchor (&name)";
	return tag != NULL ? "tag (!name)" : NULL;
}

static struct pl_error *take_event(struct builder *b, const yaml_event_t *ev)
{
	const char *refused = machinery(ev);

	if (refused != NULL) {
		struct pl_error *e = pl_error_new(PL_ERR_USAGE, "a YAML %s is not supported here", refused);
		return at_line(pl_error_hint(e, "write the value out"), b, event_line(ev));
	}
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++b->documents == 1)
			return NULL;
		return at_line(pl_error_hint(pl_error_new(PL_ERR_USAGE, "a second YAML document in one file"),
				       "remove the line '---' or use two files"),
			b, event_line(ev));
	case YAML_SCALAR_EVENT:
		return take_scalar(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return open_node(b, YML_LIST, ev);
	case YAML_MAPPING_START_EVENT:
		return open_node(b, YML_MAP, ev);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return NULL;
	default:
		return NULL;
	}
}

static unsigned count_lines(const char *text, size_t size)
{
	unsigned line = 1;

	for (size_t i = 0; i < size; i++)
		line += text[i] == '\n';
	return line;
}

/* True if that line is indented with a tab, YAML's best known trap. */
static bool tab_indent(const char *text, size_t size, unsigned line)
{
	size_t i = 0;

	for (unsigned at = 1; at < line && i < size; i++)
		at += text[i] == '\n';
	while (i < size && text[i] == ' ')
		i++;
	return i < size && text[i] == '\t';
}

static struct pl_error *syntax_error(
	const struct builder *b, const yaml_parser_t *p, const char *text, size_t size)
{
	if (p->error == YAML_MEMORY_ERROR)
		return pl_error_nomem();
	unsigned line = (unsigned)p->problem_mark.line + 1;
	/* The reader, which checks UTF-8, knows only an offset. */
	if (p->error == YAML_READER_ERROR)
		line = count_lines(text, p->problem_offset < size ? p->problem_offset : size);
	struct pl_error *e = pl_error_new(PL_ERR_USAGE, "not valid YAML");
	e = pl_error_why(e, "%s", p->problem != NULL ? p->problem : "syntax error");
	if (tab_indent(text, size, line))
		e = pl_error_hint(e, "indent with spaces, not with tabs");
	return at_line(e, b, line);
}

static struct pl_error *build(struct builder *b, yaml_parser_t *p, const char *text, size_t size)
{
	yaml_event_t ev;
	bool more = true;

	while (more) {
		if (!yaml_parser_parse(p, &ev))
			return syntax_error(b, p, text, size);
		more = ev.type != YAML_STREAM_END_EVENT;
		struct pl_error *e = take_event(b, &ev);
		yaml_event_delete(&ev);
		if (e != NULL)
			return e;
	}
	return NULL;
}

struct pl_error *yml_parse(const char *text, size_t size, const char *file, struct yml_node **ret)
{
	struct builder b = {.file = file, .top = {.kind = YML_LIST}};
	yaml_parser_t p;

	*ret = NULL;
	if (size > YML_SIZE_MAX)
		return pl_error_at(pl_error_new(PL_ERR_USAGE, "larger than 1 MiB"), "%s", file);
	if (!yaml_parser_initialize(&p))
		return pl_error_nomem();
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, size);
	struct pl_error *e = build(&b, &p, text, size);
	yaml_parser_delete(&p);
	free(b.key);
	struct yml_node *root = b.top.first;
	if (e == NULL && (root == NULL || root->kind != YML_MAP)) {
		e = pl_error_new(
			PL_ERR_USAGE, "%s", root == NULL ? "the file is empty" : "not a map of keys");
		e = at_line(pl_error_hint(e, "'paniclab init' writes examples"), &b, 1);
	}
	if (e != NULL) {
		yml_free(root);
		return e;
	}
	*ret = root;
	return NULL;
}

void yml_free(struct yml_node *n)
{
	if (n == NULL)
		return;
	/* Recursion goes YML_DEPTH_MAX deep at most. */
	for (struct yml_node *child = n->first; child != NULL;) {
		struct yml_node *next = child->next;
		yml_free(child);
		child = next;
	}
	free(n->key);
	free(n->text);
	free(n);
}

const struct yml_node *yml_get(const struct yml_node *map, const char *key)
{
	if (map == NULL || map->kind != YML_MAP)
		return NULL;
	const struct yml_node *n = find(map, key);
	return n == NULL || yml_is_null(n) ? NULL : n;
}

bool yml_is_null(const struct yml_node *n)
{
	if (n->kind != YML_SCALAR || !n->plain)
		return false;
	return n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0;
}

const char *yml_describe(const struct yml_node *n, char *out, size_t size)
{
	char shown[64];

	if (n->kind != YML_SCALAR)
		snprintf(out, size, "%s", n->kind == YML_LIST ? "a list" : "a map");
	else if (yml_is_null(n))
		snprintf(out, size, "nothing");
	else {
		pl_escape_str(n->text, shown, sizeof shown);
		if (n->plain && n->text[strspn(n->text, "0123456789")] == '\0')
			snprintf(out, size, "the number %s", shown);
		else if (n->plain && (strcmp(n->text, "true") == 0 || strcmp(n->text, "false") == 0))
			snprintf(out, size, "%s", shown);
		else
			snprintf(out, size, "the text '%s'", shown);
	}
	return out;
}
