#include "orchestrator/core/signature_text.h"

#include <ctype.h>
#include <string.h>

struct panic_piece signature_first_line(struct panic_piece s)
{
	const char *real = memchr(s.p, '\n', s.len);
	if (real)
		s.len = (size_t)(real - s.p);
	const char *written = memmem(s.p, s.len, "\\n", 2);
	if (written)
		s.len = (size_t)(written - s.p);
	return panic_piece_trim(s);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Hexadecimal digits, after eight of them also the dashes of a UUID. */
static size_t hex_length(struct panic_piece s)
{
	size_t n = 0;

	while (n < s.len && (isxdigit((unsigned char)s.p[n]) || (n >= 8 && s.p[n] == '-')))
		n++;
	while (n > 0 && s.p[n - 1] == '-')
		n--;
	return n;
}

/*
 * Length of the number that s begins with, or 0: 0x...; at the start of a word
 * also hexadecimal digits to its end, if the first is a decimal one or if they
 * are eight or more (the shortest that %x prints of an address); else decimal digits.
 */
static size_t number_length(struct panic_piece s, bool word_start)
{
	size_t digits = 0;

	if (s.len > 2 && s.p[0] == '0' && s.p[1] == 'x' && isxdigit((unsigned char)s.p[2])) {
		for (digits = 2; digits < s.len && isxdigit((unsigned char)s.p[digits]);)
			digits++;
		return digits;
	}
	size_t hex = word_start ? hex_length(s) : 0;
	bool word_end = hex == s.len || !is_word(s.p[hex]);
	if (hex > 0 && word_end && (hex >= 8 || isdigit((unsigned char)*s.p)))
		return hex;
	while (digits < s.len && isdigit((unsigned char)s.p[digits]))
		digits++;
	return digits;
}

static bool ends_in(const struct pl_buf *out, const char *text)
{
	size_t n = strlen(text);
	return out->size >= n && memcmp(out->data + out->size - n, text, n) == 0;
}

/*
 * The length of the process's name if s begins with it as that: "NAME[12]",
 * "NAME(12)", "(NAME)", "process NAME", "pid 12: NAME", "name = NAME". A word that
 * only happens to be the same stays.
 */
static size_t process_length(struct panic_piece s, const char *process, const struct pl_buf *out)
{
	static const char *const before[] = {
		"rocess ", "roc ", "ask ", "pid #: ", "pid # ", "name ", "name = ", "named ", "(", "'"};
	size_t n = process ? strlen(process) : 0;

	if (n < 2 || !panic_piece_starts(s, process))
		return 0;
	char next = s.len > n ? s.p[n] : ' ';
	if (is_word(next))
		return 0;
	if (next == '[' || next == '(')
		return n;
	for (size_t i = 0; i < sizeof before / sizeof *before; i++)
		if (ends_in(out, before[i]))
			return n;
	return 0;
}

/* Of "/path/to/file.cpp" all before the name: where sources lie differs between builds. */
static size_t source_folder_length(struct panic_piece s)
{
	static const char *const endings[] = {".c", ".h", ".cpp", ".hpp", ".cc", ".m", ".mm"};
	size_t n = 0, folder = 0;

	if (s.len == 0 || *s.p != '/')
		return 0;
	for (; n < s.len && (is_word(s.p[n]) || strchr("/.-+~", s.p[n])); n++)
		if (s.p[n] == '/')
			folder = n + 1;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t length = strlen(endings[i]);
		if (n > folder + length && memcmp(s.p + n - length, endings[i], length) == 0)
			return folder;
	}
	return 0;
}

/* What may stand between two numbers of one list, so that "1, 2 3" is one "#". */
static bool joins(struct pl_buf *out, size_t start)
{
	size_t n = out->size;

	while (n > start && strchr(" ,./:-", out->data[n - 1]))
		n--;
	if (n == start || out->data[n - 1] != '#')
		return false;
	out->size = n;
	return true;
}

/* Of "-1": a number is one with and without its sign. */
static void drop_sign(struct pl_buf *out, size_t start)
{
	if (out->size == start || !ends_in(out, "-"))
		return;
	if (out->size == start + 1 || strchr(" =:(,", out->data[out->size - 2]))
		out->size--;
}

void signature_put_text(struct panic_piece s, const char *process, struct pl_buf *out)
{
	size_t start = out->size;
	char before = ' ';

	while (s.len > 0 && out->size - start < SIGNATURE_TEXT_MAX) {
		bool word_start = !is_word(before);
		size_t folder = word_start ? source_folder_length(s) : 0;
		s.p += folder;
		s.len -= folder;
		size_t n = word_start ? process_length(s, process, out) : 0;
		n = n ? n : number_length(s, word_start);
		char c = n ? '#' : isprint((unsigned char)*s.p) ? *s.p : '?';
		n = n ? n : 1;
		if (c == '#')
			drop_sign(out, start);
		if (c != '#' || !joins(out, start))
			pl_buf_append_capped(out, &c, 1);
		before = s.p[n - 1];
		s.p += n;
		s.len -= n;
	}
	while (out->size > start && out->data[out->size - 1] == ' ')
		out->size--;
}

/* "type 14=page fault," (15.4 and later: "type = 14=page fault,") */
static struct panic_piece type_name(struct panic_piece text)
{
	static const char mark[] = "type ";
	const char *type = memmem(text.p, text.len, mark, strlen(mark));
	struct panic_piece s = {0};

	if (!type)
		return s;
	s.p = type + strlen(mark);
	s.len = (size_t)(text.p + text.len - s.p);
	const char *comma = memchr(s.p, ',', s.len);
	if (comma)
		s.len = (size_t)(comma - s.p);
	for (size_t i = s.len; i-- > 0;)
		if (s.p[i] == '=')
			return panic_piece_trim((struct panic_piece){s.p + i + 1, s.len - i - 1});
	return panic_piece_trim(s);
}

bool signature_trap(struct panic_piece message, struct panic_piece *name, uint64_t *at)
{
	static const char *const faults[] = {"Double fault", "Machine Check"};
	static const char mark[] = " at pc 0x";
	struct panic_piece s = message;

	if (panic_piece_skip(&s, "Kernel trap at ") && panic_piece_number(&s, 16, at)) {
		*name = type_name(s);
		return true;
	}
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		s = message;
		*name = (struct panic_piece){message.p, strlen(faults[i])};
		if (panic_piece_skip(&s, faults[i]) && panic_piece_skip(&s, " at ") &&
			panic_piece_number(&s, 16, at))
			return true;
	}
	struct panic_piece line = signature_first_line(message);
	const char *pc = memmem(line.p, line.len, mark, strlen(mark));
	if (!pc)
		return false;
	s = (struct panic_piece){
		pc + strlen(" at pc "), (size_t)(line.p + line.len - pc) - strlen(" at pc ")};
	*name = (struct panic_piece){line.p, (size_t)(pc - line.p)};
	if (name->len > 0 && name->p[name->len - 1] == '.')
		name->len--;
	return panic_piece_number(&s, 16, at);
}
