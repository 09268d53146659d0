#include "orchestrator/macos/boot_args.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define BLANKS " \t"

bool boot_args_next(const char **cursor, struct boot_arg *ret)
{
	const char *p = *cursor + strspn(*cursor, BLANKS);
	size_t size = strcspn(p, BLANKS);
	*cursor = p + size;
	if (size == 0)
		return false;
	const char *equals = memchr(p, '=', size);
	*ret = (struct boot_arg){.text = p, .size = size, .key_size = size};
	if (equals != NULL) {
		ret->key_size = (size_t)(equals - p);
		ret->value = equals + 1;
		ret->value_size = size - ret->key_size - 1;
	}
	return true;
}

bool boot_arg_is(const struct boot_arg *a, const char *key)
{
	return a->key_size == strcspn(key, "=") && memcmp(a->text, key, a->key_size) == 0;
}

bool boot_args_get(const char *args, const char *key, struct boot_arg *ret)
{
	struct boot_arg a;
	bool found = false;
	bool first = key[0] == '_' || key[0] == '-';
	while (!(found && first) && boot_args_next(&args, &a)) {
		if (!boot_arg_is(&a, key))
			continue;
		*ret = a;
		found = true;
	}
	return found;
}

size_t boot_args_count(const char *args, const char *key)
{
	struct boot_arg a;
	size_t n = 0;
	while (boot_args_next(&args, &a))
		n += boot_arg_is(&a, key);
	return n;
}

/* ---- numbers, as getval() of xnu's pexpert/gen/bootargs.c takes them -------------- */

static int digit(char c, unsigned radix)
{
	int n = -1;
	if (c >= '0' && c <= '9')
		n = c - '0';
	else if (c >= 'a' && c <= 'f')
		n = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		n = c - 'A' + 10;
	return n < (int)radix ? n : -1;
}

static bool unit(const char *p, const char *end, unsigned *shift)
{
	*shift = 0;
	if (p == end)
		return true;
	if (end - p != 1)
		return false;
	switch (*p) {
	case 'k':
	case 'K':
		*shift = 10;
		return true;
	case 'm':
	case 'M':
		*shift = 20;
		return true;
	case 'g':
	case 'G':
		*shift = 30;
		return true;
	default:
		return false;
	}
}

/* Behind a first 0: the radix, and how much of the text says so. False: no number. */
static bool radix_of(const char *p, const char *end, unsigned *radix)
{
	*radix = 10;
	if (*p != '0' || end - p == 1)
		return *p >= '0' && *p <= '9';
	if (p[1] == 'x')
		*radix = 16;
	else if (p[1] == 'b')
		*radix = 2;
	else if (digit(p[1], 8) >= 0)
		*radix = 8;
	return *radix != 10;
}

/* What is stored into a 32-bit variable when the value is taken for a string. */
static uint32_t letters(const struct boot_arg *a)
{
	uint32_t value = 0;
	for (size_t i = 0; i < 3 && i < a->value_size; i++)
		value |= (uint32_t)(unsigned char)a->value[i] << (8 * i);
	return value;
}

bool boot_arg_number(const struct boot_arg *a, uint32_t *ret)
{
	*ret = 1;
	if (a->value == NULL || a->text[0] == '-')
		return true;
	*ret = letters(a);
	const char *p = a->value, *end = p + a->value_size;
	bool negative = p < end && *p == '-';
	p += negative;
	unsigned radix, shift;
	if (p == end || !radix_of(p, end, &radix))
		return false;
	if (radix == 16 || radix == 2)
		p += 2;
	uint64_t value = 0;
	for (; p < end && digit(*p, radix) >= 0; p++)
		value = value * radix + (uint64_t)digit(*p, radix);
	if (!unit(p, end, &shift))
		return false;
	value <<= shift;
	*ret = (uint32_t)(negative ? 0 - value : value);
	return true;
}

uint32_t boot_args_number(const char *args, const char *key)
{
	struct boot_arg a;
	uint32_t value = 0;
	if (boot_args_get(args, key, &a))
		(void)boot_arg_number(&a, &value);
	return value;
}

static bool same(const struct boot_arg *a, const struct boot_arg *b)
{
	return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

struct pl_error *boot_args_missing(const char *actual, const char *wanted, char **ret)
{
	struct boot_arg a, mine, theirs;
	char *key = NULL;
	struct pl_error *e = NULL;
	*ret = NULL;
	for (const char *cursor = wanted; e == NULL && *ret == NULL && boot_args_next(&cursor, &a);) {
		e = pl_asprintf(&key, "%.*s", (int)a.key_size, a.text);
		/* Of a key that stands there twice only one counts. */
		if (e == NULL && boot_args_get(wanted, key, &mine) && mine.text == a.text &&
			!(boot_args_get(actual, key, &theirs) && same(&theirs, &a)))
			e = pl_asprintf(ret, "%.*s", (int)a.size, a.text);
		free(key);
		key = NULL;
	}
	return e;
}

/* ---- changing ---------------------------------------------------------------------- */

static struct pl_error *too_long(struct pl_error *e)
{
	if (e == NULL || pl_error_kind(e) != PL_ERR_DATA)
		return e;
	pl_error_free(e);
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "boot-args would pass %d bytes", BOOT_ARGS_LENGTH_MAX),
		"shorten boot_args in the scenario or what the guest has");
}

/* Leaves a word out, and the blanks in front of it; those behind it where it is the first. */
static const char *behind(const struct boot_arg *a, struct pl_buf *b)
{
	const char *next = a->text + a->size;
	while (b->size > 0 && strchr(BLANKS, b->data[b->size - 1]) != NULL)
		b->data[--b->size] = '\0';
	return b->size == 0 ? next + strspn(next, BLANKS) : next;
}

/* Puts `word` (NULL: nothing) in the place of the first of that key, and drops the others. */
static struct pl_error *replace(const char *args, const char *key, const char *word, struct pl_buf *b)
{
	struct boot_arg a;
	const char *cursor = args, *kept = args;
	struct pl_error *e = NULL;
	while (e == NULL && boot_args_next(&cursor, &a)) {
		if (!boot_arg_is(&a, key))
			continue;
		e = pl_buf_append(b, kept, (size_t)(a.text - kept));
		kept = a.text + a.size;
		if (e == NULL && word != NULL)
			e = pl_buf_puts(b, word);
		else if (e == NULL)
			kept = behind(&a, b);
		word = NULL;
	}
	if (e == NULL)
		e = pl_buf_puts(b, kept);
	if (e != NULL || word == NULL)
		return e;
	bool apart = b->size > 0 && strchr(BLANKS, b->data[b->size - 1]) == NULL;
	return pl_buf_printf(b, "%s%s", apart ? " " : "", word);
}

static struct pl_error *changed(const char *args, const char *key, const char *word, char **ret)
{
	struct pl_buf b;
	pl_buf_init(&b, BOOT_ARGS_LENGTH_MAX);
	struct pl_error *e = too_long(replace(args, key, word, &b));
	if (e == NULL)
		e = pl_buf_take(&b, ret);
	pl_buf_deinit(&b);
	return e;
}

struct pl_error *boot_args_set(const char *args, const char *word, char **ret)
{
	return changed(args, word, word, ret);
}

struct pl_error *boot_args_remove(const char *args, const char *key, char **ret)
{
	return changed(args, key, NULL, ret);
}

struct pl_error *boot_args_merge(const char *args, const char *words, char **ret)
{
	struct boot_arg a;
	char *text, *word = NULL, *next = NULL;
	struct pl_error *e = pl_strdup(args, &text);
	while (e == NULL && boot_args_next(&words, &a)) {
		e = pl_asprintf(&word, "%.*s", (int)a.size, a.text);
		if (e == NULL)
			e = boot_args_set(text, word, &next);
		free(word);
		word = NULL;
		if (e != NULL)
			break;
		free(text);
		text = next;
	}
	if (e == NULL)
		*ret = text;
	else
		free(text);
	return e;
}
