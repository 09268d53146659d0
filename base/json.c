#include "base/json.h"

struct pl_error *pl_json_parse(const char *text, size_t size, size_t max, const char *where, json_t **ret)
{
	if (size > max)
		return pl_error_at(pl_error_new(PL_ERR_DATA, "%zu bytes of JSON, more than %zu", size, max),
			"%s", where);
	json_error_t error;
	*ret = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	if (*ret == NULL)
		return pl_error_at(pl_error_new(PL_ERR_DATA, "not JSON: %s at line %d, column %d", error.text,
					   error.line, error.column),
			"%s", where);
	return NULL;
}

static struct pl_error *get(
	const json_t *o, const char *key, const char *where, const char *type, json_t **ret)
{
	if (!json_is_object(o))
		return pl_error_at(
			pl_error_new(PL_ERR_DATA, "no object that could hold '%s'", key), "%s", where);
	*ret = json_object_get(o, key);
	if (*ret == NULL)
		return pl_error_at(
			pl_error_new(PL_ERR_DATA, "field '%s' (%s) is missing", key, type), "%s", where);
	return NULL;
}

static struct pl_error *wrong(const char *key, const char *where, const char *type)
{
	return pl_error_at(pl_error_new(PL_ERR_DATA, "field '%s' is not %s", key, type), "%s", where);
}

struct pl_error *pl_json_str(const json_t *o, const char *key, const char *where, const char **ret)
{
	json_t *v = NULL;
	struct pl_error *e = get(o, key, where, "a string", &v);
	if (e != NULL)
		return e;
	if (!json_is_string(v))
		return wrong(key, where, "a string");
	*ret = json_string_value(v);
	return NULL;
}

struct pl_error *pl_json_int(const json_t *o, const char *key, const char *where, int64_t *ret)
{
	json_t *v = NULL;
	struct pl_error *e = get(o, key, where, "an integer", &v);
	if (e != NULL)
		return e;
	if (!json_is_integer(v))
		return wrong(key, where, "an integer");
	*ret = json_integer_value(v);
	return NULL;
}

struct pl_error *pl_json_array(const json_t *o, const char *key, const char *where, json_t **ret)
{
	struct pl_error *e = get(o, key, where, "an array", ret);
	if (e == NULL && !json_is_array(*ret))
		return wrong(key, where, "an array");
	return e;
}

const char *pl_json_str_or(const json_t *o, const char *key, const char *otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_string(v) ? json_string_value(v) : otherwise;
}

int64_t pl_json_int_or(const json_t *o, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool pl_json_bool_or(const json_t *o, const char *key, bool otherwise)
{
	const json_t *v = json_object_get(o, key);
	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}
