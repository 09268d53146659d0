#include "orchestrator/fusion/vmx.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fs.h"

struct span {
	const char *start;
	size_t size;
};

static struct span trim(struct span s)
{
	while (s.size && isspace((unsigned char)s.start[0])) {
		s.start++;
		s.size--;
	}
	while (s.size && isspace((unsigned char)s.start[s.size - 1]))
		s.size--;
	return s;
}

static char *copy(struct span s)
{
	return strndup(s.start, s.size);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* |XX becomes the byte, except |00, which no value can hold. */
static void unescape(char *text)
{
	char *out = text;

	while (*text) {
		int high = *text == '|' ? hex(text[1]) : -1;
		int low = high >= 0 ? hex(text[2]) : -1;

		if (low >= 0 && (high || low)) {
			*out++ = (char)(high << 4 | low);
			text += 3;
		} else {
			*out++ = *text++;
		}
	}
	*out = '\0';
}

/* The value behind the equals sign: what is in quotes, else the whole. */
static struct span value_of(struct span s)
{
	const char *end;

	s = trim(s);
	if (!s.size || s.start[0] != '"')
		return s;
	s.start++;
	s.size--;
	/* a quote inside is written |22, so the next one ends it */
	end = memchr(s.start, '"', s.size);
	if (end)
		s.size = (size_t)(end - s.start);
	return s;
}

static struct pl_error *add(struct vmx *v, size_t *room, struct span key, struct span value)
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
	entry->key = copy(key);
	entry->value = copy(value);
	if (!entry->key || !entry->value) {
		free(entry->key);
		free(entry->value);
		return pl_error_nomem();
	}
	unescape(entry->value);
	v->count++;
	return NULL;
}

static struct pl_error *parse_line(struct vmx *v, size_t *room, struct span line)
{
	struct span key, value;
	const char *equals;

	line = trim(line);
	if (!line.size || line.start[0] == '#' || memchr(line.start, '\0', line.size))
		return NULL;
	equals = memchr(line.start, '=', line.size);
	if (!equals)
		return NULL;
	key = trim((struct span){line.start, (size_t)(equals - line.start)});
	value = value_of((struct span){equals + 1, line.size - (size_t)(equals + 1 - line.start)});
	return key.size ? add(v, room, key, value) : NULL;
}

struct pl_error *vmx_parse(const char *text, size_t size, struct vmx *ret)
{
	static const char bom[] = "\xef\xbb\xbf";
	size_t room = 0, pos = 0;

	memset(ret, 0, sizeof(*ret));
	if (size >= 3 && !memcmp(text, bom, 3))
		pos = 3;
	while (pos < size) {
		const char *end = memchr(text + pos, '\n', size - pos);
		size_t n = end ? (size_t)(end - text) - pos : size - pos;
		struct pl_error *e = parse_line(ret, &room, (struct span){text + pos, n});

		if (e)
			return e;
		pos += n + 1;
	}
	return NULL;
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
