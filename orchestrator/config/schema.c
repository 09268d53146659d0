#include "orchestrator/config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

struct pl_error *schema_source_init(struct schema_source *src, const char *file)
{
	const char *slash = strrchr(file, '/');
	int length = slash == NULL ? 0 : (int)(slash - file);
	struct pl_error *e;

	*src = (struct schema_source){.file = file};
	if (file[0] == '/')
		return pl_asprintf(&src->folder, "%.*s", length, file);
	char *cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		return pl_error_errno(PL_ERR_LAB, errno, "can't tell the working folder");
	e = pl_asprintf(&src->folder, "%s/%.*s", cwd, length, file);
	free(cwd);
	return e;
}

void schema_source_deinit(struct schema_source *src)
{
	free(src->folder);
	src->folder = NULL;
}

static char *text_at(const void *base, size_t offset)
{
	char *text;

	memcpy(&text, (const char *)base + offset, sizeof text);
	return text;
}

static size_t count_at(const void *base, size_t offset)
{
	size_t count;

	memcpy(&count, (const char *)base + offset, sizeof count);
	return count;
}

static int tag_at(const void *base, size_t offset)
{
	int tag;

	memcpy(&tag, (const char *)base + offset, sizeof tag);
	return tag;
}

bool schema_present(const struct field *f, const void *base)
{
	if ((f->flags & FIELD_TAG) != 0 && tag_at(base, f->tag) != f->value)
		return false;
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_LINES:
	case FIELD_PATH:
		return text_at(base, f->offset) != NULL;
	case FIELD_MAP:
		for (const struct field *g = f->sub; g->name != NULL; g++)
			if (schema_present(g, (const char *)base + f->offset))
				return true;
		return false;
	case FIELD_PATHS:
	case FIELD_MAPS:
	case FIELD_NAMED:
		return count_at(base, f->count) > 0;
	default:
		return true;
	}
}

static void free_text(void *base, size_t offset)
{
	char *none = NULL;

	free(text_at(base, offset));
	memcpy((char *)base + offset, &none, sizeof none);
}

static void free_array(const struct field *f, void *base)
{
	char *array = text_at(base, f->offset);
	size_t count = count_at(base, f->count);

	for (size_t i = 0; array != NULL && i < count; i++) {
		char *record = array + i * f->size;
		if (f->type == FIELD_PATHS) {
			free_text(array, i * sizeof(char *));
			continue;
		}
		if (f->type == FIELD_NAMED)
			free_text(record, f->name_offset);
		schema_free(f->sub, record);
	}
	free_text(base, f->offset);
	memset((char *)base + f->count, 0, sizeof count);
}

void schema_free(const struct field *fields, void *base)
{
	for (const struct field *f = fields; f->name != NULL; f++) {
		switch (f->type) {
		case FIELD_TEXT:
		case FIELD_LINES:
		case FIELD_PATH:
		case FIELD_TRUE:
			free_text(base, f->offset);
			break;
		case FIELD_WORD:
			if (f->sub != NULL)
				schema_free(f->sub, base);
			break;
		case FIELD_MAP:
			schema_free(f->sub, (char *)base + f->offset);
			break;
		case FIELD_PATHS:
		case FIELD_MAPS:
		case FIELD_NAMED:
			free_array(f, base);
			break;
		default:
			break;
		}
	}
}

const char *schema_word(const struct word *words, int value)
{
	for (; words->name != NULL; words++)
		if (words->value == value)
			return words->name;
	return "?";
}

struct pl_error *schema_error(const struct schema_source *src, const struct yml_node *root,
	const char *const *keys, const char *fmt, ...)
{
	char what[512];
	unsigned line = root->line;
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof what, fmt, args);
	va_end(args);
	for (; *keys != NULL; keys++) {
		root = yml_get(root, *keys);
		if (root == NULL)
			break;
		line = root->line;
	}
	return pl_error_at(pl_error_new(PL_ERR_USAGE, "%s", what), "%s:%u", src->file, line);
}
