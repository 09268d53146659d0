#include "orchestrator/fusion/vmx.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/fusion/vmx_line.h"

/* |XX becomes the byte, except |00, which no value can hold. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		int high = *text == '|' ? pl_hex_digit(text[1]) : -1;
		int low = high >= 0 ? pl_hex_digit(text[2]) : -1;

		if (low >= 0 && (high || low)) {
			*out++ = (char)(high << 4 | low);
			text += 3;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

static struct pl_error *add(struct vmx *v, size_t *room, const struct vmx_line *line)
{
	struct vmx_entry *entry;

	if (v->count == *room) {
		size_t more = *room ? 2 * *room : 64;
		struct vmx_entry *grown = realloc(v->entries, more * sizeof(*grown));

		if (!grown)
			return pl_error_nomem();
		v->entries = grown;
		*room = more;
	}
	entry = &v->entries[v->count];
	entry->key = strndup(line->key.start, line->key.size);
	entry->value = strndup(line->value.start, line->value.size);
	if (!entry->key || !entry->value) {
		free(entry->key);
		free(entry->value);
		return pl_error_nomem();
	}
	unescape(entry->value);
	v->count++;
	return NULL;
}

struct pl_error *vmx_parse(const char *text, size_t size, struct vmx *ret)
{
	size_t room = 0, pos = vmx_first_line(text, size);
	struct vmx_line line;
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof(*ret));
	while (!e && vmx_next_line(text, size, &pos, &line))
		if (line.entry)
			e = add(ret, &room, &line);
	return e;
}

struct pl_error *vmx_load(const char *path, struct vmx *ret)
{
	struct pl_buf b;
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	pl_buf_init(&b, VMX_SIZE_MAX);
	e = pl_fs_read(path, &b);
	if (!e)
		e = vmx_parse(pl_buf_text(&b), b.size, ret);
	pl_buf_deinit(&b);
	return e;
}

void vmx_deinit(struct vmx *v)
{
	for (size_t i = 0; i < v->count; i++) {
		free(v->entries[i].key);
		free(v->entries[i].value);
	}
	free(v->entries);
	memset(v, 0, sizeof(*v));
}

const char *vmx_get(const struct vmx *v, const char *key)
{
	for (size_t i = v->count; i > 0; i--)
		if (!strcasecmp(v->entries[i - 1].key, key))
			return v->entries[i - 1].value;
	return NULL;
}
