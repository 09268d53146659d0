#include "orchestrator/core/panic_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/core/kernel_version.h"

#define NAME_MAX_LEN 256 /* bundle ids, versions, written-out names */
#define SYMBOL_MAX_LEN 4096

struct panic_piece panic_piece_trim(struct panic_piece s)
{
	while (s.len > 0 && isspace((unsigned char)*s.p)) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && isspace((unsigned char)s.p[s.len - 1]))
		s.len--;
	return s;
}

bool panic_piece_starts(struct panic_piece s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len >= n && memcmp(s.p, prefix, n) == 0;
}

static void advance(struct panic_piece *s, size_t n)
{
	s->p += n;
	s->len -= n;
}

bool panic_piece_skip(struct panic_piece *s, const char *prefix)
{
	if (!panic_piece_starts(*s, prefix))
		return false;
	advance(s, strlen(prefix));
	return true;
}

bool panic_piece_number(struct panic_piece *s, unsigned base, uint64_t *ret)
{
	struct panic_piece t = *s;
	uint64_t v = 0;
	size_t digits = 0;

	if (base == 16)
		panic_piece_skip(&t, "0x");
	for (; digits < t.len; digits++) {
		unsigned char c = (unsigned char)t.p[digits];
		if (base == 16 ? !isxdigit(c) : !isdigit(c))
			break;
		uint64_t digit = isdigit(c) ? c - (uint64_t)'0' : (uint64_t)tolower(c) - 'a' + 10;
		if (v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	if (digits == 0)
		return false;
	advance(&t, digits);
	*s = t;
	*ret = v;
	return true;
}

struct pl_error *panic_piece_dup(struct panic_piece s, char **ret)
{
	*ret = malloc(s.len + 1);
	if (!*ret)
		return pl_error_nomem();
	memcpy(*ret, s.p, s.len);
	(*ret)[s.len] = '\0';
	return NULL;
}

/* What comes before the first of mark, stepped over with it. */
static bool take_until(struct panic_piece *s, const char *mark, struct panic_piece *ret)
{
	const char *p = memmem(s->p, s->len, mark, strlen(mark));
	if (!p)
		return false;
	*ret = (struct panic_piece){s->p, (size_t)(p - s->p)};
	advance(s, ret->len + strlen(mark));
	return true;
}

/* One word, which C++ symbols may make long. */
static bool is_word(struct panic_piece s, size_t max)
{
	if (s.len == 0 || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (isspace((unsigned char)s.p[i]) || !isprint((unsigned char)s.p[i]))
			return false;
	return true;
}

static bool is_name(struct panic_piece s)
{
	return is_word(s, NAME_MAX_LEN);
}

/* "org.example.kext + 4660": xnu has no symbol there, and counts from the kext's start, in decimal. */
static bool frame_in_kext(struct panic_piece rest, struct panic_piece *image, uint64_t *offset)
{
	return take_until(&rest, " + ", image) && is_name(*image) && memchr(image->p, '.', image->len) &&
	       panic_piece_number(&rest, 10, offset) && rest.len == 0;
}

/* "image : symbol + 0xoff", each part optional; anything else is another writer's. */
static struct pl_error *frame_symbol(struct panic_piece rest, struct panic_frame *f)
{
	struct panic_piece image = {0}, symbol;
	struct pl_error *e = NULL;

	if (rest.len == 0 || *rest.p == '(')
		return NULL;
	if (frame_in_kext(rest, &image, &f->offset.value)) {
		f->offset.known = true;
		return panic_piece_dup(image, &f->image);
	}
	image = (struct panic_piece){0};
	if (take_until(&rest, " : ", &image))
		image = panic_piece_trim(image);
	if (take_until(&rest, " + ", &symbol)) {
		f->offset.known = panic_piece_number(&rest, 16, &f->offset.value);
		f->noise = f->noise || !f->offset.known || rest.len > 0;
	} else {
		symbol = rest;
	}
	symbol = panic_piece_trim(symbol);
	if (!is_word(symbol, SYMBOL_MAX_LEN) || (image.len > 0 && !is_name(image))) {
		f->offset = (struct panic_address){0};
		f->noise = true;
		return NULL;
	}
	if (image.len > 0)
		e = panic_piece_dup(image, &f->image);
	return e ? e : panic_piece_dup(symbol, &f->symbol);
}

/* i386 and x86_64: "0xFRAME : 0xADDR" */
static bool frame_intel(struct panic_piece *s, struct panic_frame *f)
{
	return panic_piece_starts(*s, "0x") && panic_piece_number(s, 16, &f->frame) &&
	       panic_piece_skip(s, " : ") && panic_piece_starts(*s, "0x") &&
	       panic_piece_number(s, 16, &f->address) && (s->len == 0 || *s->p == ' ');
}

/* arm64: "lr: 0xADDR  fp: 0xFRAME" */
static bool frame_arm(struct panic_piece *s, struct panic_frame *f)
{
	if (!panic_piece_skip(s, "lr: 0x") || !panic_piece_number(s, 16, &f->address))
		return false;
	*s = panic_piece_trim(*s);
	return panic_piece_skip(s, "fp: 0x") && panic_piece_number(s, 16, &f->frame) &&
	       (s->len == 0 || *s->p == ' ');
}

/* The same behind what another CPU wrote into the line: only whole 64-bit numbers count. */
static bool frame_within(struct panic_piece *s, struct panic_frame *f)
{
	const size_t number = strlen("0x0123456789abcdef");
	const char *end = s->p + s->len;
	const char *from = s->p;

	for (;;) {
		const char *mid = memmem(from, (size_t)(end - from), " : 0x", 5);
		if (!mid || (size_t)(end - mid) < 3 + number)
			return false;
		from = mid + 1;
		if ((size_t)(mid - s->p) < number)
			continue;
		struct panic_piece t = {mid - number, (size_t)(end - mid) + number};
		if (!frame_intel(&t, f) || t.p != mid + 3 + number)
			continue;
		*s = t;
		return true;
	}
}

struct pl_error *panic_frame_parse(struct panic_piece line, struct panic_frame *ret, bool *is)
{
	struct panic_frame f = {0};
	struct panic_piece s = panic_piece_trim(line), whole = s;

	*is = frame_intel(&s, &f);
	if (!*is) {
		s = whole;
		*is = frame_arm(&s, &f);
	}
	if (!*is) {
		s = whole;
		*is = f.noise = frame_within(&s, &f);
	}
	if (!*is)
		return NULL;
	struct pl_error *e = frame_symbol(panic_piece_trim(s), &f);
	if (e)
		panic_frame_deinit(&f);
	else
		*ret = f;
	return e;
}

bool panic_kext_place(struct panic_piece line, struct panic_kext *k)
{
	struct panic_piece s = panic_piece_trim(line);

	if (!panic_piece_skip(&s, "@") || !panic_piece_number(&s, 16, &k->start.value))
		return false;
	k->start.known = true;
	/* the second is how a web page writes the first */
	if (panic_piece_skip(&s, "->") || panic_piece_skip(&s, "-&gt;"))
		k->end.known = panic_piece_number(&s, 16, &k->end.value);
	return true;
}

struct pl_error *panic_kext_parse(struct panic_piece line, struct panic_kext *ret, bool *is, bool *dependency)
{
	struct panic_kext k = {0};
	struct panic_piece s = panic_piece_trim(line), id, version, uuid;

	*dependency = panic_piece_skip(&s, "dependency:");
	s = panic_piece_trim(s);
	*is = take_until(&s, "(", &id) && is_name(id) && take_until(&s, ")", &version) &&
	      version.len <= NAME_MAX_LEN;
	if (*is && panic_piece_skip(&s, "[") && take_until(&s, "]", &uuid))
		kernel_uuid_parse(uuid.p, uuid.len, k.uuid);
	*is = *is && (panic_kext_place(s, &k) || (s.len == 0 && memchr(id.p, '.', id.len)));
	if (!*is)
		return NULL;
	struct pl_error *e = panic_piece_dup(id, &k.id);
	if (!e)
		e = panic_piece_dup(version, &k.version);
	if (e)
		panic_kext_deinit(&k);
	else
		*ret = k;
	return e;
}

/* osfmk and libkern shorten Apple's names to fit more into the log (10.7 and later). */
static const char *abbreviation(char c, bool prefix)
{
	static const struct {
		char c;
		bool prefix;
		const char *text;
	} table[] = {
		{'>', true, "com.apple.driver."},
		{'|', true, "com.apple.iokit."},
		{'$', true, "com.apple.security."},
		{'@', true, "com.apple."},
		{'U', false, "AppleUSB"},
		{'A', false, "Apple"},
		{'F', false, "Family"},
		{'S', false, "Storage"},
		{'C', false, "Controller"},
		{'B', false, "Bluetooth"},
		{'I', false, "Intel"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].c == c && table[i].prefix == prefix)
			return table[i].text;
	return NULL;
}

struct pl_error *panic_name_expand(struct panic_piece id, char **ret)
{
	struct pl_buf b;
	struct pl_error *e = NULL;
	const char *start = id.len > 0 ? abbreviation(*id.p, true) : NULL;

	pl_buf_init(&b, NAME_MAX_LEN * 16);
	if (start) {
		e = pl_buf_puts(&b, start);
		advance(&id, 1);
	}
	while (!e && id.len > 0) {
		const char *word = id.len > 1 && *id.p == '!' ? abbreviation(id.p[1], false) : NULL;
		e = word ? pl_buf_puts(&b, word) : pl_buf_append(&b, id.p, 1);
		advance(&id, word ? 2 : 1);
	}
	if (!e)
		e = pl_buf_take(&b, ret);
	pl_buf_deinit(&b);
	return e;
}

/* 10.6 writes "VERSION - last loaded TIME". */
static struct panic_piece until_remark(struct panic_piece s)
{
	const char *p = memmem(s.p, s.len, " - last ", strlen(" - last "));
	if (p)
		s.len = (size_t)(p - s.p);
	return s;
}

/* "20.4.1 55996": each word begins with a digit, unless a tab says that all of it is the version. */
static bool is_version(struct panic_piece s, bool tab)
{
	bool start = true;

	if (is_name(s))
		return true;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (!isprint(c) || (!tab && start && !isdigit(c)))
			return false;
		start = c == ' ';
	}
	return s.len > 0 && s.len <= NAME_MAX_LEN;
}

struct pl_error *panic_loaded_parse(struct panic_piece line, struct panic_loaded *ret, bool *is)
{
	struct panic_piece s = panic_piece_trim(line), id = {s.p, 0};
	struct panic_loaded l = {0};

	while (id.len < s.len && !isspace((unsigned char)s.p[id.len]))
		id.len++;
	advance(&s, id.len);
	bool tab = panic_piece_starts(s, "\t");
	s = until_remark(panic_piece_trim(s));
	*is = is_name(id) && is_version(s, tab) && id.p[id.len - 1] != ':';
	if (!*is)
		return NULL;
	struct pl_error *e = panic_name_expand(id, &l.id);
	if (!e)
		e = panic_piece_dup(s, &l.version);
	if (e)
		free(l.id);
	else
		*ret = l;
	return e;
}

/* "/path/file.c:123" up to the end of the line? Its length, or 0. */
static size_t source_length(const char *p, const char *end)
{
	const char *q = p;
	const char *colon = NULL;

	while (q < end && !isspace((unsigned char)*q)) {
		if (*q == ':')
			colon = q;
		q++;
	}
	const char *stop = q;
	while (q < end && (*q == ' ' || *q == '\t'))
		q++;
	bool line_ends = q == end || *q == '\n';
	if (!line_ends || !colon || colon == p || colon + 1 == stop || !memchr(p, '.', (size_t)(colon - p)))
		return 0;
	for (const char *d = colon + 1; d < stop; d++)
		if (!isdigit((unsigned char)*d))
			return 0;
	return (size_t)(stop - p);
}

/* Length of the quote that s ends with, or 0; forums turn them into typographic ones. */
static size_t quote_at_end(struct panic_piece s)
{
	if (s.len > 0 && s.p[s.len - 1] == '"')
		return 1;
	bool curly = s.len >= 3 && memcmp(s.p + s.len - 3, "\xe2\x80", 2) == 0 &&
		     (s.p[s.len - 1] == '\x9c' || s.p[s.len - 1] == '\x9d');
	return curly ? 3 : 0;
}

/* Without the quotes around all of it, which xnu prints until 11 and kexts ever since. */
static struct panic_piece unquoted(struct panic_piece s)
{
	struct panic_piece inner = s;
	size_t quote = quote_at_end(s);

	if (quote == 0 || !(panic_piece_skip(&inner, "\"") || panic_piece_skip(&inner, "\xe2\x80\x9c")) ||
		inner.len < quote)
		return s;
	inner.len -= quote;
	return inner;
}

bool panic_message_split(struct panic_piece message, struct panic_piece *text, struct panic_piece *source)
{
	const char *end = message.p + message.len;

	for (size_t i = message.len; i-- > 1;) {
		struct panic_piece before = {message.p, i};
		if (message.p[i] != '@' || (quote_at_end(before) == 0 && before.p[i - 1] != ' '))
			continue;
		size_t len = source_length(message.p + i + 1, end);
		if (len == 0)
			continue;
		*source = (struct panic_piece){message.p + i + 1, len};
		if (before.p[i - 1] == ' ')
			before.len--;
		*text = unquoted(before);
		return true;
	}
	*text = unquoted(message);
	return false;
}

bool panic_assertion_split(struct panic_piece message, struct panic_piece *text, struct panic_piece *file,
	struct panic_piece *line)
{
	static const char *const marks[] = {", file: ", ", line: "};
	struct panic_piece s = panic_piece_trim(message), parts[2];
	uint64_t number;

	for (size_t i = 0; i < 2; i++)
		if (!take_until(&s, marks[i], &parts[i]))
			return false;
	*line = s;
	if (parts[1].len == 0 || memchr(parts[1].p, '\n', parts[1].len) ||
		!panic_piece_number(&s, 10, &number) || s.len > 0)
		return false;
	*text = parts[0];
	*file = parts[1];
	return true;
}

void panic_frame_deinit(struct panic_frame *f)
{
	free(f->image);
	free(f->symbol);
	free(f->source);
}

void panic_kext_deinit(struct panic_kext *k)
{
	for (size_t i = 0; i < k->dependency_count; i++)
		panic_kext_deinit(&k->dependencies[i]);
	free(k->dependencies);
	free(k->id);
	free(k->version);
}
