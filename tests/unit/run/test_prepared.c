/*
 * Records of prepared snapshots: digests, what is damaged, the list, and what is
 * said of inputs that are others now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/prepared.h"
#include "tests/unit/folder.h"

/* printf '{"a":{"x":1},"b":"two"}' | sha256sum */
#define DIGEST "6e60768bd51e873ff224d6ead9782473360b04b9e8483bb20e00ac345ecf2195"

static json_t *json(const char *text)
{
	json_t *o = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(o);
	return o;
}

static void test_digest(void **state)
{
	(void)state;
	char hex[SHA256_HEX], name[PREPARED_NAME_MAX];
	json_t *o = json("{ \"b\": \"two\",\n \"a\": {\"x\": 1} }");
	assert_null(prepared_digest(o, hex));
	assert_string_equal(hex, DIGEST);
	prepared_name(hex, name);
	assert_int_equal(strlen(name), strlen(PREPARED_PREFIX) + 16);
	assert_memory_equal(name, PREPARED_PREFIX, strlen(PREPARED_PREFIX));
	assert_memory_equal(name + strlen(PREPARED_PREFIX), DIGEST, 16);
	json_decref(o);
}

/* A record of an input x, made at that second, of that VM. */
static json_t *record(int x, int at, const char *vmx)
{
	char hex[SHA256_HEX], name[PREPARED_NAME_MAX];
	json_t *inputs = json_pack("{s:i, s:{s:s}}", "x", x, "vm", "vmx", vmx);
	assert_null(prepared_digest(inputs, hex));
	prepared_name(hex, name);
	return json_pack("{s:i, s:s, s:s, s:i, s:o}", "format", 1, "digest", hex, "snapshot", name, "at", at,
		"inputs", inputs);
}

static void refused(json_t *o, const char *what)
{
	json_t *ret;
	char *text = json_dumps(o, 0);
	struct pl_error *e = prepared_parse(text, strlen(text), "it.json", &ret);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	assert_null(ret);
	assert_non_null(strstr(pl_error_what(e), what));
	assert_string_equal(pl_error_place(e), "it.json");
	pl_error_free(e);
	free(text);
	json_decref(o);
}

static void test_damaged(void **state)
{
	(void)state;
	json_t *o = record(1, 1, "a.vmx"), *ret;
	char *text = json_dumps(o, 0);
	assert_null(prepared_parse(text, strlen(text), "it.json", &ret));
	assert_true(json_equal(o, ret));
	json_decref(ret);
	free(text);
	json_object_set_new(json_object_get(o, "inputs"), "x", json_integer(2));
	refused(o, "its digest is not that of its inputs");
	o = record(1, 1, "a.vmx");
	json_object_set_new(o, "snapshot", json_string("somebody's own"));
	refused(o, "its digest is not that of its inputs");
	o = record(1, 1, "a.vmx");
	json_object_del(o, "inputs");
	refused(o, "no inputs");
	o = record(1, 1, "a.vmx");
	json_object_set_new(o, "format", json_integer(2));
	refused(o, "this version");
	refused(json_array(), "not a JSON object");
}

static void test_list(void **state)
{
	(void)state;
	json_t *all, *some[] = {record(1, 10, "a.vmx"), record(2, 30, "b.vmx"), record(3, 20, "a.vmx")};
	struct stat st;
	char path[200];
	assert_null(prepared_list(folder, NULL, NULL, &all));
	assert_int_equal(json_array_size(all), 0);
	json_decref(all);
	for (size_t i = 0; i < 3; i++)
		assert_null(prepared_save(folder, some[i]));
	snprintf(path, sizeof path, "%s/prepared/%s.json", folder, pl_json_str_or(some[0], "digest", ""));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_null(prepared_list(folder, NULL, NULL, &all));
	assert_int_equal(json_array_size(all), 3);
	assert_true(json_equal(json_array_get(all, 0), some[1]));
	assert_true(json_equal(json_array_get(all, 1), some[2]));
	assert_true(json_equal(json_array_get(all, 2), some[0]));
	json_decref(all);

	/* Under another's name it is nobody's. */
	const struct pl_log quiet = {0};
	char other[200];
	snprintf(other, sizeof other, "%s/prepared/" DIGEST ".json", folder);
	assert_int_equal(rename(path, other), 0);
	assert_null(prepared_list(folder, "a.vmx", &quiet, &all));
	assert_int_equal(json_array_size(all), 1);
	assert_true(json_equal(json_array_get(all, 0), some[2]));
	json_decref(all);

	assert_null(prepared_forget(folder, pl_json_str_or(some[2], "digest", "")));
	assert_null(prepared_forget(folder, pl_json_str_or(some[2], "digest", "")));
	assert_null(prepared_list(folder, "a.vmx", &quiet, &all));
	assert_int_equal(json_array_size(all), 0);
	json_decref(all);
	struct pl_error *e = prepared_forget(folder, "../../x");
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	pl_error_free(e);
	for (size_t i = 0; i < 3; i++)
		json_decref(some[i]);
}

static void differs(const char *was, const char *is, const char *wanted)
{
	char out[1000] = "";
	json_t *a = json(was), *b = json(is);
	assert_int_equal(prepared_differs(a, b, out, sizeof out), wanted != NULL);
	assert_string_equal(out, wanted == NULL ? "" : wanted);
	json_decref(a);
	json_decref(b);
}

static void test_differs(void **state)
{
	(void)state;
	differs("{\"a\":1,\"b\":{\"c\":[1,2]}}", "{\"b\":{\"c\":[1,2]},\"a\":1}", NULL);
	differs("{\"a\":1}", "{\"a\":2}", "a was 1, is 2");
	differs("{\"a\":{\"b\":\"x\"}}", "{\"a\":{\"b\":\"y\\u001b\"}}", "a.b was x, is y\\x1b");
	differs("{\"a\":null}", "{\"a\":\"" DIGEST "\"}", "a was nothing, is 6e60768bd51e");
	differs("{\"a\":{}}", "{\"a\":{\"new\":true}}", "a.new was nothing, is true");
	differs("{\"a\":{\"old\":1}}", "{\"a\":{}}", "a.old was 1, is nothing");
	differs("{\"a\":1,\"b\":1,\"c\":1}", "{\"a\":2,\"b\":1,\"c\":3}", "a was 1, is 2 (and 1 more)");
	differs("{\"a\":{\"b\":1}}", "{\"a\":null}", "a was {\"b\":1}, is nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_differs),
	};
	return cmocka_run_group_tests_name("prepared", tests, make_folder, remove_folder);
}
