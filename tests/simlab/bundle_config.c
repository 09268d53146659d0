#include "tests/simlab/bundle_config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/text.h"

static struct pl_error *add(struct config *c, char *key, char *value)
{
	struct config_line *all = realloc(c->lines, (c->count + 1) * sizeof *all);
	if (all == NULL) {
		free(key);
		free(value);
		return pl_error_nomem();
	}
	c->lines = all;
	c->lines[c->count++] = (struct config_line){.key = key, .value = value};
	return NULL;
}

static int hex(char c)
{
	static const char DIGITS[] = "0123456789abcdef";
	const char *p = c != '\0' ? strchr(DIGITS, tolower((unsigned char)c)) : NULL;
	return p != NULL ? (int)(p - DIGITS) : -1;
}

/* In place: |22 becomes a quote. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s != '\0'; s++) {
		if (*s == '|' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			*to++ = (char)(hex(s[1]) * 16 + hex(s[2]));
			s += 2;
		} else
			*to++ = *s;
	}
	*to = '\0';
}

/* Splits `key = "value"` in place; false if the line is nothing like it. */
static bool split(char *line, char **key, char **value)
{
	char *equals = strchr(line, '=');
	if (line[0] == '#' || equals == NULL)
		return false;
	*key = line + strspn(line, " \t");
	char *end = equals;
	while (end > *key && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*value = equals + 1 + strspn(equals + 1, " \t");
	char *last = strrchr(*value, '"');
	if (end == *key || **value != '"' || last == *value)
		return false;
	*end = '\0';
	*last = '\0';
	(*value)++;
	unescape(*value);
	return true;
}

static struct pl_error *parse_line(struct config *c, char *line)
{
	char *key = NULL;
	char *value = line;
	char *key_copy = NULL;
	char *value_copy = NULL;
	struct pl_error *e = NULL;
	line[strcspn(line, "\r")] = '\0';
	if (split(line, &key, &value))
		e = pl_strdup(key, &key_copy);
	else
		value = line;
	if (e == NULL)
		e = pl_strdup(value, &value_copy);
	if (e != NULL) {
		free(key_copy);
		return e;
	}
	return add(c, key_copy, value_copy);
}

struct pl_error *config_read(const char *path, struct config *ret)
{
	struct pl_buf b;
	*ret = (struct config){0};
	pl_buf_init(&b, CONFIG_FILE_MAX);
	struct pl_error *e = pl_fs_read(path, &b);
	char *save = NULL;
	if (e == NULL && b.size > 0)
		for (char *line = strtok_r(b.data, "\n", &save); line != NULL && e == NULL;
			line = strtok_r(NULL, "\n", &save))
			e = parse_line(ret, line);
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *write_line(struct pl_buf *b, const struct config_line *l)
{
	if (l->key == NULL)
		return pl_buf_printf(b, "%s\n", l->value);
	struct pl_error *e = pl_buf_printf(b, "%s = \"", l->key);
	for (const char *p = l->value; *p != '\0' && e == NULL; p++) {
		if (*p == '"' || *p == '|' || (unsigned char)*p < 0x20)
			e = pl_buf_printf(b, "|%02X", (unsigned char)*p);
		else
			e = pl_buf_append(b, p, 1);
	}
	return e != NULL ? e : pl_buf_puts(b, "\"\n");
}

struct pl_error *config_write(const struct config *c, const char *path)
{
	struct pl_buf b;
	struct pl_error *e = NULL;
	pl_buf_init(&b, CONFIG_FILE_MAX);
	for (size_t i = 0; i < c->count && e == NULL; i++)
		e = write_line(&b, &c->lines[i]);
	if (e == NULL)
		e = pl_fs_write(path, pl_buf_text(&b), b.size, 0644);
	pl_buf_deinit(&b);
	return e;
}

const char *config_get(const struct config *c, const char *key)
{
	/* The last of a key counts for VMware. */
	for (size_t i = c->count; i-- > 0;)
		if (c->lines[i].key != NULL && strcasecmp(c->lines[i].key, key) == 0)
			return c->lines[i].value;
	return NULL;
}

bool config_is_true(const struct config *c, const char *key)
{
	const char *v = config_get(c, key);
	return v != NULL && (strcasecmp(v, "true") == 0 || strcasecmp(v, "yes") == 0 || strcmp(v, "1") == 0);
}

struct pl_error *config_set(struct config *c, const char *key, const char *value)
{
	char *k = NULL;
	char *v = NULL;
	struct pl_error *e = pl_strdup(value, &v);
	if (e != NULL)
		return e;
	for (size_t i = c->count; i-- > 0;)
		if (c->lines[i].key != NULL && strcasecmp(c->lines[i].key, key) == 0) {
			free(c->lines[i].value);
			c->lines[i].value = v;
			return NULL;
		}
	e = pl_strdup(key, &k);
	if (e != NULL) {
		free(v);
		return e;
	}
	return add(c, k, v);
}

void config_remove(struct config *c, const char *prefix)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->count; i++) {
		struct config_line *l = &c->lines[i];
		if (l->key != NULL && strncasecmp(l->key, prefix, strlen(prefix)) == 0) {
			free(l->key);
			free(l->value);
		} else
			c->lines[kept++] = *l;
	}
	c->count = kept;
}

void config_deinit(struct config *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->lines[i].key);
		free(c->lines[i].value);
	}
	free(c->lines);
	*c = (struct config){0};
}
