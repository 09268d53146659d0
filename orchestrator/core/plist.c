#include "orchestrator/core/plist.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "base/utf8.h"
#include "orchestrator/core/folder.h"

struct scan {
	const char *p;
	const char *end;
};

enum tag_kind { TAG_END_OF_TEXT, TAG_OPEN, TAG_CLOSE, TAG_EMPTY };

struct tag {
	enum tag_kind kind;
	const char *name;
	size_t len;
};

static bool starts(const struct scan *s, const char *with)
{
	size_t len = strlen(with);
	return (size_t)(s->end - s->p) >= len && memcmp(s->p, with, len) == 0;
}

/* Past the next `what`; to the end when there is none. */
static void skip_past(struct scan *s, const char *what)
{
	const char *at = memmem(s->p, (size_t)(s->end - s->p), what, strlen(what));
	s->p = at ? at + strlen(what) : s->end;
}

static bool tag_is(const struct tag *t, enum tag_kind kind, const char *name)
{
	return t->kind == kind && t->len == strlen(name) && memcmp(t->name, name, t->len) == 0;
}

/* The next tag; text before it, comments, the DOCTYPE and instructions are passed over. */
static struct tag next_tag(struct scan *s)
{
	struct tag t = {TAG_END_OF_TEXT, "", 0};

	for (;;) {
		s->p = s->p < s->end ? memchr(s->p, '<', (size_t)(s->end - s->p)) : NULL;
		if (!s->p) {
			s->p = s->end;
			return t;
		}
		if (starts(s, "<!--"))
			skip_past(s, "-->");
		else if (starts(s, "<!") || starts(s, "<?"))
			skip_past(s, ">");
		else
			break;
	}
	const char *close = memchr(s->p, '>', (size_t)(s->end - s->p));
	if (!close) {
		s->p = s->end;
		return t;
	}
	t.kind = close[-1] == '/' ? TAG_EMPTY : TAG_OPEN;
	t.name = s->p + 1;
	if (t.name < close && *t.name == '/') {
		t.kind = TAG_CLOSE;
		t.name++;
	}
	while (t.name + t.len < close && !strchr(" \t\r\n/", t.name[t.len]))
		t.len++;
	s->p = close + 1;
	return t;
}

/* The character of "&name;", its source's length in *used; 0 bytes: not an entity. */
static size_t entity(const char *p, size_t left, char out[static 4], size_t *used)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
	char name[12];
	const char *semicolon = memchr(p, ';', left < sizeof name ? left : sizeof name);

	if (!semicolon)
		return 0;
	size_t len = (size_t)(semicolon - p) - 1;
	memcpy(name, p + 1, len);
	name[len] = '\0';
	*used = len + 2;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(name, known[i].name) == 0) {
			out[0] = known[i].c;
			return 1;
		}
	if (name[0] != '#')
		return 0;
	bool hex = name[1] == 'x';
	char *end;
	unsigned long c = strtoul(name + (hex ? 2 : 1), &end, hex ? 16 : 10);
	return *end == '\0' && c > 0 && c <= 0x10ffff ? pl_utf8_encode((uint32_t)c, out) : 0;
}

/* The text up to the next tag into value, "" when it does not fit or holds a NUL. */
static void take_text(struct scan *s, char *value, size_t size)
{
	const char *stop = s->p < s->end ? memchr(s->p, '<', (size_t)(s->end - s->p)) : NULL;
	size_t made = 0;

	if (!stop)
		stop = s->end;
	while (s->p < stop) {
		char bytes[4] = {*s->p};
		size_t used = 1, n = 1;
		if (*s->p == '&') {
			n = entity(s->p, (size_t)(stop - s->p), bytes, &used);
			if (n == 0) {
				n = 1;
				used = 1;
				bytes[0] = '&';
			}
		}
		if (bytes[0] == '\0' || made + n >= size) {
			made = 0;
			break;
		}
		memcpy(value + made, bytes, n);
		made += n;
		s->p += used;
	}
	value[made] = '\0';
	s->p = stop;
}

/* Past a value whose opening tag was read; false when the text ends before it does. */
static bool skip_value(struct scan *s, const struct tag *open)
{
	size_t depth = open->kind == TAG_OPEN ? 1 : 0;

	while (depth > 0) {
		struct tag t = next_tag(s);
		if (t.kind == TAG_END_OF_TEXT || depth > PLIST_DEPTH_MAX)
			return false;
		if (t.kind == TAG_OPEN)
			depth++;
		else if (t.kind == TAG_CLOSE)
			depth--;
	}
	return true;
}

static const struct plist_wanted *find_wanted(
	const struct plist_wanted *wanted, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(wanted[i].key, key) == 0)
			return &wanted[i];
	return NULL;
}

/* "<key>K</key> value" until </dict>. The first of several values of a key counts. */
static bool read_dict(struct scan *s, const struct plist_wanted *wanted, size_t count)
{
	char key[128];

	for (;;) {
		struct tag t = next_tag(s);
		if (tag_is(&t, TAG_CLOSE, "dict"))
			return true;
		if (!tag_is(&t, TAG_OPEN, "key"))
			return false;
		take_text(s, key, sizeof key);
		t = next_tag(s);
		if (!tag_is(&t, TAG_CLOSE, "key"))
			return false;
		t = next_tag(s);
		if (t.kind != TAG_OPEN && t.kind != TAG_EMPTY)
			return false;
		const struct plist_wanted *w = find_wanted(wanted, count, key);
		if (w && !w->value[0] && tag_is(&t, TAG_OPEN, "string"))
			take_text(s, w->value, w->size);
		if (!skip_value(s, &t))
			return false;
	}
}

struct pl_error *plist_read(const char *text, size_t size, const struct plist_wanted *wanted, size_t count)
{
	struct scan s = {text, text + size};

	for (size_t i = 0; i < count; i++)
		wanted[i].value[0] = '\0';
	if (starts(&s, "bplist"))
		return pl_error_hint(pl_error_new(PL_ERR_DATA, "a binary property list"),
			"plutil -convert xml1 makes it readable");
	struct tag t = next_tag(&s);
	if (tag_is(&t, TAG_OPEN, "plist"))
		t = next_tag(&s);
	if (tag_is(&t, TAG_EMPTY, "dict"))
		return NULL;
	if (!tag_is(&t, TAG_OPEN, "dict"))
		return pl_error_new(PL_ERR_DATA, "not an XML property list with a dictionary");
	return read_dict(&s, wanted, count) ? NULL
					    : pl_error_new(PL_ERR_DATA, "the property list is damaged");
}

struct pl_error *plist_read_file(const char *path, const struct plist_wanted *wanted, size_t count)
{
	struct pl_buf b;

	for (size_t i = 0; i < count; i++)
		wanted[i].value[0] = '\0';
	/* Before it is opened: a FIFO would hang us. */
	if (!folder_has_file(path))
		return pl_error_at(pl_error_new(PL_ERR_LAB, "no such file"), "%s", path);
	pl_buf_init(&b, PLIST_FILE_MAX);
	struct pl_error *e = pl_fs_read(path, &b);
	if (!e)
		e = pl_error_at(plist_read(pl_buf_text(&b), b.size, wanted, count), "%s", path);
	pl_buf_deinit(&b);
	return e;
}
