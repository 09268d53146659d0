#include "orchestrator/run/prepared.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"

enum { FORMAT = 1, DIGEST_SHOWN = 16, HASH_SHOWN = 12, VALUE_SHOWN = 200 };

struct pl_error *prepared_digest(const json_t *inputs, char hex[static SHA256_HEX])
{
	struct sha256 s;
	char *text = json_dumps(inputs, JSON_COMPACT | JSON_SORT_KEYS);
	if (text == NULL)
		return pl_error_nomem();
	sha256_init(&s);
	sha256_add(&s, text, strlen(text));
	sha256_end(&s, hex);
	free(text);
	return NULL;
}

void prepared_name(const char *digest, char out[static PREPARED_NAME_MAX])
{
	snprintf(out, PREPARED_NAME_MAX, PREPARED_PREFIX "%.*s", DIGEST_SHOWN, digest);
}

static bool is_digest(const char *text)
{
	size_t n = strspn(text, "0123456789abcdef");
	return n == SHA256_HEX - 1 && text[n] == '\0';
}

/* ---- one record ---- */

static struct pl_error *check(const json_t *record, const char *where)
{
	const char *digest, *name;
	char own[SHA256_HEX] = "", own_name[PREPARED_NAME_MAX];
	const json_t *inputs = json_object_get(record, "inputs");
	struct pl_error *e = pl_json_str(record, "digest", where, &digest);
	if (e == NULL)
		e = pl_json_str(record, "snapshot", where, &name);
	if (e == NULL && pl_json_int_or(record, "format", 0) != FORMAT)
		e = pl_error_new(PL_ERR_DATA, "not a record of this version's form");
	if (e == NULL && !json_is_object(inputs))
		e = pl_error_new(PL_ERR_DATA, "it has no inputs");
	if (e == NULL)
		e = prepared_digest(inputs, own);
	if (e != NULL)
		return pl_error_at(e, "%s", where);
	prepared_name(own, own_name);
	if (strcmp(digest, own) != 0 || strcmp(name, own_name) != 0)
		return pl_error_at(
			pl_error_new(PL_ERR_DATA, "its digest is not that of its inputs"), "%s", where);
	return NULL;
}

struct pl_error *prepared_parse(const char *text, size_t size, const char *where, json_t **ret)
{
	json_t *record = NULL;
	*ret = NULL;
	struct pl_error *e = pl_json_parse(text, size, PREPARED_SIZE_MAX, where, &record);
	if (e == NULL && !json_is_object(record))
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "not a JSON object"), "%s", where);
	if (e == NULL)
		e = check(record, where);
	if (e != NULL) {
		json_decref(record);
		return e;
	}
	*ret = record;
	return NULL;
}

static struct pl_error *record_path(const char *state, const char *digest, char **ret)
{
	return pl_asprintf(ret, "%s/prepared/%s.json", state, digest);
}

struct pl_error *prepared_save(const char *state, const json_t *record)
{
	char *folder = NULL, *path = NULL;
	char *text = json_dumps(record, JSON_INDENT(1) | JSON_SORT_KEYS);
	struct pl_error *e = text == NULL ? pl_error_nomem() : check(record, "prepared");
	if (e == NULL)
		e = pl_asprintf(&folder, "%s/prepared", state);
	if (e == NULL)
		e = pl_fs_mkdirs(folder);
	if (e == NULL)
		e = record_path(state, pl_json_str_or(record, "digest", ""), &path);
	if (e == NULL)
		e = pl_fs_write(path, text, strlen(text), 0600);
	free(folder);
	free(path);
	free(text);
	return e;
}

struct pl_error *prepared_forget(const char *state, const char *digest)
{
	char *path = NULL;
	if (!is_digest(digest))
		return pl_error_new(PL_ERR_DATA, "not the digest of a prepared snapshot");
	struct pl_error *e = record_path(state, digest, &path);
	if (e == NULL && unlink(path) < 0 && errno != ENOENT)
		e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot remove the record"), "%s", path);
	free(path);
	return e;
}

/* ---- all of them ---- */

static struct pl_error *load(const char *path, const char *name, json_t **ret)
{
	struct pl_buf text;
	pl_buf_init(&text, PREPARED_SIZE_MAX);
	struct pl_error *e = pl_fs_read(path, &text);
	if (e == NULL)
		e = prepared_parse(pl_buf_text(&text), text.size, path, ret);
	if (e == NULL && strncmp(pl_json_str_or(*ret, "digest", ""), name, SHA256_HEX - 1) != 0) {
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "its name is not its digest"), "%s", path);
		json_decref(*ret);
		*ret = NULL;
	}
	pl_buf_deinit(&text);
	return e;
}

static bool is_record(const char *name)
{
	return strlen(name) == SHA256_HEX - 1 + strlen(".json") && pl_ends_with(name, ".json") &&
	       strspn(name, "0123456789abcdef") == SHA256_HEX - 1;
}

/* The newest first, by insertion: there are few. */
static struct pl_error *insert(json_t *all, json_t *record)
{
	size_t i = 0;
	int64_t at = pl_json_int_or(record, "at", 0);
	while (i < json_array_size(all) && pl_json_int_or(json_array_get(all, i), "at", 0) > at)
		i++;
	return json_array_insert_new(all, i, record) < 0 ? pl_error_nomem() : NULL;
}

static struct pl_error *add(
	json_t *all, const char *folder, const char *name, const char *vmx, const struct pl_log *log)
{
	char *path = NULL, line[512];
	json_t *record = NULL;
	struct pl_error *e = pl_asprintf(&path, "%s/%s", folder, name);
	if (e == NULL)
		e = load(path, name, &record);
	if (e != NULL && pl_error_kind(e) != PL_ERR_NOMEM) {
		pl_log(log, PL_LOG_WARN, "%s", pl_error_line(e, line, sizeof line));
		pl_error_free(e);
		e = NULL;
	}
	free(path);
	if (record == NULL)
		return e;
	const json_t *vm = json_object_get(json_object_get(record, "inputs"), "vm");
	if (vmx == NULL || strcmp(pl_json_str_or(vm, "vmx", ""), vmx) == 0)
		return insert(all, record);
	json_decref(record);
	return NULL;
}

struct pl_error *prepared_list(const char *state, const char *vmx, const struct pl_log *log, json_t **ret)
{
	char *folder = NULL;
	struct dirent *entry;
	*ret = json_array();
	struct pl_error *e = *ret == NULL ? pl_error_nomem() : pl_asprintf(&folder, "%s/prepared", state);
	DIR *d = e == NULL ? opendir(folder) : NULL;
	if (e == NULL && d == NULL && errno != ENOENT)
		e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot list it"), "%s", folder);
	while (d != NULL && e == NULL && (entry = readdir(d)) != NULL)
		if (is_record(entry->d_name))
			e = add(*ret, folder, entry->d_name, vmx, log);
	if (d != NULL)
		closedir(d);
	free(folder);
	if (e != NULL) {
		json_decref(*ret);
		*ret = NULL;
	}
	return e;
}

/* ---- differences ---- */

struct comparison {
	char where[VALUE_SHOWN]; /* of the first difference */
	char was[VALUE_SHOWN];
	char is[VALUE_SHOWN];
	size_t count;
};

/* A value for people: hashes cut, texts escaped. */
static void show(const json_t *value, char out[static VALUE_SHOWN])
{
	const char *text = json_string_value(value);
	char *dumped =
		text != NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	if (value == NULL || json_is_null(value))
		snprintf(out, VALUE_SHOWN, "nothing");
	else if (text != NULL && is_digest(text))
		snprintf(out, VALUE_SHOWN, "%.*s", HASH_SHOWN, text);
	else
		pl_escape_str(text != NULL ? text : dumped != NULL ? dumped : "?", out, VALUE_SHOWN);
	free(dumped);
}

static void compare(const json_t *was, const json_t *is, const char *where, struct comparison *c);

/* Objects by their keys, those of both. */
static void compare_keys(const json_t *was, const json_t *is, const char *where, struct comparison *c)
{
	const char *key;
	json_t *value;
	char below[VALUE_SHOWN];
	json_t *keys = json_object();
	if (keys == NULL || json_object_update(keys, (json_t *)(uintptr_t)was) < 0 ||
		json_object_update(keys, (json_t *)(uintptr_t)is) < 0)
		c->count++;
	json_object_foreach(keys, key, value)
	{
		snprintf(below, sizeof below, "%s%s%s", where, where[0] == '\0' ? "" : ".", key);
		compare(json_object_get(was, key), json_object_get(is, key), below, c);
	}
	json_decref(keys);
}

static void compare(const json_t *was, const json_t *is, const char *where, struct comparison *c)
{
	if (json_is_object(was) && json_is_object(is)) {
		compare_keys(was, is, where, c);
		return;
	}
	if (was == is || (was != NULL && is != NULL && json_equal(was, is)))
		return;
	if (c->count++ > 0)
		return;
	pl_escape_str(where, c->where, sizeof c->where);
	show(was, c->was);
	show(is, c->is);
}

bool prepared_differs(const json_t *was, const json_t *is, char *out, size_t size)
{
	struct comparison c = {0};
	char more[40] = "";
	compare(was, is, "", &c);
	if (c.count > 1)
		snprintf(more, sizeof more, " (and %zu more)", c.count - 1);
	if (c.count > 0)
		snprintf(out, size, "%s was %s, is %s%s", c.where, c.was, c.is, more);
	return c.count > 0;
}
