#include "orchestrator/core/debugger_output.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect_parts.h"

struct span {
	const char *p;
	size_t len;
};

static bool starts(struct span s, const char *with)
{
	return s.len >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

static void advance(struct span *s, size_t n)
{
	s->p += n;
	s->len -= n;
}

static bool skip(struct span *s, const char *what)
{
	if (!starts(*s, what))
		return false;
	advance(s, strlen(what));
	return true;
}

/* Digits of a base up to 16 into 64 bits; false for none, and for too many. */
static bool number(struct span *s, unsigned base, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (*ret = 0; s->len > 0 && n < 17; n++, advance(s, 1)) {
		const char *d = *s->p ? memchr(digits, *s->p, base) : NULL;
		if (!d)
			break;
		*ret = *ret * base + (uint64_t)(d - digits);
	}
	return n > 0 && n < 17;
}

/* "  * frame #0: 0xffffff80... REST" */
static bool parse_frame(struct span line, uint64_t *frame, uint64_t *address, struct span *rest)
{
	while (line.len > 0 && (*line.p == ' ' || *line.p == '*'))
		advance(&line, 1);
	if (!skip(&line, "frame #") || !number(&line, 10, frame) || !skip(&line, ": 0x") ||
		!number(&line, 16, address))
		return false;
	skip(&line, " ");
	*rest = line;
	return true;
}

static struct span before(struct span s, const char *end)
{
	return (struct span){s.p, (size_t)(end - s.p)};
}

/* Where the last `what` in s is, or NULL. */
static const char *last(struct span s, const char *what)
{
	const char *found = NULL;
	for (const char *p = s.p; (p = memmem(p, s.len - (size_t)(p - s.p), what, strlen(what))); p++)
		found = p;
	return found;
}

/* "kern.c:29:34" without its column. */
static struct span without_column(struct span s)
{
	const char *colon = last(s, ":");
	const char *first = memchr(s.p, ':', s.len);

	return colon && first != colon ? before(s, colon) : s;
}

static int set_span(json_t *o, const char *key, struct span s)
{
	return s.len ? json_object_set_new(o, key, core_json_text(s.p, s.len)) : 0;
}

/* IMAGE`FUNCTION(ARGUMENTS) at FILE:LINE:COLUMN, or IMAGE`FUNCTION + OFFSET */
static int set_names(json_t *o, struct span rest)
{
	const char *tick = memchr(rest.p, '`', rest.len);
	const char *at = last(rest, " at ");
	int bad = set_span(o, "text", rest);

	if (!tick)
		return bad;
	bad |= set_span(o, "image", before(rest, tick));
	struct span name = rest;
	if (at && at > tick) {
		struct span source = rest;
		advance(&source, (size_t)(at + 4 - rest.p));
		bad |= set_span(o, "source", without_column(source));
		name = before(rest, at);
	}
	advance(&name, (size_t)(tick + 1 - name.p));
	const char *plus = last(name, " + ");
	if (plus) {
		struct span digits = name;
		uint64_t offset;
		advance(&digits, (size_t)(plus + 3 - name.p));
		if (number(&digits, 10, &offset) && digits.len == 0) {
			bad |= core_json_set_count(o, "offset", offset);
			name = before(name, plus);
		}
	}
	const char *open = name.len > 1 ? memchr(name.p + 1, '(', name.len - 1) : NULL;
	return bad | set_span(o, "symbol", open ? before(name, open) : name);
}

static struct pl_error *add_frame(json_t *list, uint64_t frame, uint64_t address, struct span rest)
{
	json_t *o = json_object();
	int bad = core_json_set_count(o, "frame", frame) |
		  json_object_set_new(o, "address", core_json_address(address)) | set_names(o, rest);

	return inspect_check(json_array_append_new(list, o) | bad);
}

struct pl_error *debugger_read_backtrace(const char *text, size_t size, json_t **ret)
{
	json_t *list = json_array();
	struct pl_error *e = inspect_check(list ? 0 : -1);
	struct span all = {text, size};

	while (!e && all.len > 0) {
		const char *end = memchr(all.p, '\n', all.len);
		struct span line = end ? before(all, end) : all, rest;
		uint64_t frame, address;
		advance(&all, line.len + (end != NULL));
		if (!parse_frame(line, &frame, &address, &rest))
			continue;
		/* The first one begins at 0, and one that does so again is another thread's. */
		if (frame != json_array_size(list) || frame == DEBUGGER_FRAMES_MAX)
			break;
		e = add_frame(list, frame, address, rest);
	}
	if (e)
		json_decref(list);
	else
		*ret = list;
	return e;
}
