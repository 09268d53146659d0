#include "orchestrator/guest/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define ERROR_MAX 4096

static bool key_char(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return true;
	return !first && ((c >= '0' && c <= '9') || c == '.' || c == '-');
}

/* The length of the key at the start of the line, 0 if it is not KEY=VALUE. */
static size_t key_length(const char *line, size_t size)
{
	size_t n = 0;
	while (n < size && n < OUTPUT_KEY_MAX && key_char(line[n], n == 0))
		n++;
	return n < size && line[n] == '=' ? n : 0;
}

static struct pl_error *add(
	struct guest_output *o, const char *key, size_t key_size, const char *value, size_t value_size)
{
	struct guest_value v = {.key = strndup(key, key_size), .value = strndup(value, value_size)};
	struct guest_value *more = realloc(o->values, (o->count + 1) * sizeof *more);
	if (more != NULL)
		o->values = more;
	if (more == NULL || v.key == NULL || v.value == NULL) {
		free(v.key);
		free(v.value);
		return pl_error_nomem();
	}
	o->values[o->count++] = v;
	return NULL;
}

struct pl_error *output_parse(const char *text, size_t size, struct guest_output *ret)
{
	struct pl_error *e = NULL;
	const char *line = text;
	const char *end = text + size;
	while (e == NULL && line < end && ret->count < OUTPUT_VALUES_MAX) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline == NULL ? end : newline;
		size_t length = (size_t)(stop - line);
		if (length > 0 && line[length - 1] == '\r')
			length--;
		size_t key = key_length(line, length);
		if (key > 0 && memchr(line, '\0', length) == NULL)
			e = add(ret, line, key, line + key + 1, length - key - 1);
		line = newline == NULL ? end : newline + 1;
	}
	return e;
}

struct pl_error *output_set_error(const char *text, size_t size, struct guest_output *ret)
{
	struct pl_buf b;
	char *error = NULL;
	pl_buf_init(&b, 16u * ERROR_MAX);
	/* An escape is at most four characters. */
	struct pl_error *e = pl_escape_lines(text, size < ERROR_MAX ? size : ERROR_MAX, &b);
	if (e == NULL) {
		size_t n = b.size < ERROR_MAX ? b.size : ERROR_MAX - 1;
		while (n > 0 && strchr(" \t\n", b.data[n - 1]) != NULL)
			n--;
		error = strndup(pl_buf_text(&b), n);
		e = error == NULL ? pl_error_nomem() : NULL;
	}
	pl_buf_deinit(&b);
	if (e == NULL) {
		free(ret->error);
		ret->error = error;
	}
	return e;
}

const char *output_last_words(const struct guest_output *o, size_t *size)
{
	const char *last = strrchr(o->error, '\n');
	last = last == NULL ? o->error : last + 1;
	*size = strlen(last);
	return last;
}

const char *output_after_start(const char *text)
{
	static const char mark[] = "\n" OUTPUT_STARTED "\n";
	const char *p = strstr(text, mark);
	return p == NULL ? NULL : p + sizeof mark - 1;
}

bool output_end(const char *text, const char *nonce, size_t *size, int *status)
{
	char mark[128];
	int length = snprintf(mark, sizeof mark, "\n" OUTPUT_ENDED "%s ", nonce);
	char *at = memmem(text, *size, mark, (size_t)length);
	if (at == NULL)
		return false;
	char number[8];
	uint64_t n = 0;
	const char *p = at + length;
	const char *newline = memchr(p, '\n', *size - (size_t)(p - text));
	if (newline == NULL)
		return false;
	snprintf(number, sizeof number, "%.*s", (int)(newline - p), p);
	if (!pl_parse_u64(number, 255, &n))
		return false;
	*status = (int)n;
	*size = (size_t)(at - text);
	return true;
}

const char *guest_value(const struct guest_output *o, const char *key)
{
	for (size_t i = 0; i < o->count; i++)
		if (strcmp(o->values[i].key, key) == 0)
			return o->values[i].value;
	return NULL;
}

void guest_output_deinit(struct guest_output *o)
{
	for (size_t i = 0; i < o->count; i++) {
		free(o->values[i].key);
		free(o->values[i].value);
	}
	free(o->values);
	free(o->error);
	*o = (struct guest_output){.status = -1};
}
