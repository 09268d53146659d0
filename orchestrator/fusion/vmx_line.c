#include "orchestrator/fusion/vmx_line.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static struct vmx_span trim(struct vmx_span s)
{
	while (s.size && isspace((unsigned char)s.start[0])) {
		s.start++;
		s.size--;
	}
	while (s.size && isspace((unsigned char)s.start[s.size - 1]))
		s.size--;
	return s;
}

/* Up to the first c, or all of it. */
static struct vmx_span up_to(struct vmx_span s, char c)
{
	const char *found = s.size ? memchr(s.start, c, s.size) : NULL;

	return found ? (struct vmx_span){s.start, (size_t)(found - s.start)} : s;
}

/* The value behind the equals sign: what is in quotes, else all before a comment. */
static void read_value(struct vmx_span s, struct vmx_line *ret)
{
	s = trim(s);
	if (!s.size || s.start[0] != '"') {
		ret->value = ret->quoted = trim(up_to(s, '#'));
		return;
	}
	/* a quote inside is written |22, so the next one ends it */
	ret->value = up_to((struct vmx_span){s.start + 1, s.size - 1}, '"');
	ret->quoted = (struct vmx_span){s.start, ret->value.size + 1};
	if (ret->quoted.size < s.size)
		ret->quoted.size++;
}

static void read_entry(struct vmx_span line, struct vmx_line *ret)
{
	struct vmx_span text = trim(line);

	if (!text.size || text.start[0] == '#' || memchr(text.start, '\0', text.size))
		return;
	struct vmx_span key = up_to(text, '=');
	if (key.size == text.size)
		return;
	ret->key = trim(key);
	ret->entry = ret->key.size > 0;
	read_value((struct vmx_span){key.start + key.size + 1, text.size - key.size - 1}, ret);
}

size_t vmx_first_line(const char *text, size_t size)
{
	return size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

bool vmx_next_line(const char *text, size_t size, size_t *pos, struct vmx_line *ret)
{
	memset(ret, 0, sizeof *ret);
	if (*pos >= size)
		return false;
	struct vmx_span rest = {text + *pos, size - *pos};
	struct vmx_span line = up_to(rest, '\n');
	size_t end = line.size < rest.size;
	*pos += line.size + end;
	if (end && line.size && line.start[line.size - 1] == '\r') {
		line.size--;
		end++;
	}
	ret->whole = (struct vmx_span){line.start, line.size + end};
	ret->end = (struct vmx_span){line.start + line.size, end};
	read_entry(line, ret);
	return true;
}

bool vmx_line_has_key(const struct vmx_line *line, const char *key)
{
	return line->entry && strlen(key) == line->key.size &&
	       !strncasecmp(line->key.start, key, line->key.size);
}
