#include "orchestrator/config/yaml.h"
#include "tests/unit/config/expect.h"

static struct yml_node *parse(const char *text)
{
	struct yml_node *root = NULL;

	expect_ok(yml_parse(text, strlen(text), "x.yaml", &root));
	assert_non_null(root);
	return root;
}

static void keeps_order_lines_and_kinds(void **state)
{
	(void)state;
	struct yml_node *root = parse("a: 1\n# comment\nb:\n  - x\n  - \"y\"\nc: {d: e}\n");

	assert_int_equal(root->kind, YML_MAP);
	assert_int_equal(root->count, 3);
	const struct yml_node *a = root->first;
	assert_string_equal(a->key, "a");
	assert_string_equal(a->text, "1");
	assert_int_equal(a->line, 1);
	assert_true(a->plain);
	const struct yml_node *b = yml_get(root, "b");
	assert_int_equal(b->kind, YML_LIST);
	assert_int_equal(b->line, 3);
	assert_int_equal(b->count, 2);
	assert_int_equal(b->last->line, 5);
	assert_string_equal(b->last->text, "y");
	assert_false(b->last->plain);
	assert_string_equal(yml_get(yml_get(root, "c"), "d")->text, "e");
	assert_null(yml_get(root, "nothing"));
	yml_free(root);
}

static void reads_json(void **state)
{
	(void)state;
	struct yml_node *root = parse("{\"a\": {\"b\": [1, \"t\\u00e9\\n\"]}, \"c\": null}");

	assert_string_equal(yml_get(yml_get(root, "a"), "b")->last->text, "t\xc3\xa9\n");
	assert_null(yml_get(root, "c"));
	yml_free(root);
}

static void takes_empty_values_for_absent(void **state)
{
	(void)state;
	struct yml_node *root = parse("a:\nb: ~\nc: null\nd: \"\"\ne: '~'\n");

	assert_null(yml_get(root, "a"));
	assert_null(yml_get(root, "b"));
	assert_null(yml_get(root, "c"));
	assert_string_equal(yml_get(root, "d")->text, "");
	assert_string_equal(yml_get(root, "e")->text, "~");
	yml_free(root);
}

static void refuses(void **state)
{
	static const struct refusal cases[] = {
		{"", "x.yaml:1: the file is empty: 'paniclab init' writes examples"},
		{"# nothing\n", "x.yaml:1: the file is empty: 'paniclab init' writes examples"},
		{"- a\n", "x.yaml:1: not a map of keys: 'paniclab init' writes examples"},
		{"a: &x 1\n", "x.yaml:1: a YAML anchor (&name) is not supported here: write the value out"},
		{"a: 1\nb: *x\n",
			"x.yaml:2: a YAML alias (*name) is not supported here: write the value out"},
		{"a: !!int 1\n", "x.yaml:1: a YAML tag (!name) is not supported here: write the value out"},
		{"a:\n  !map {}\n",
			"x.yaml:2: a YAML tag (!name) is not supported here: write the value out"},
		{"a: 1\n---\nb: 2\n", "x.yaml:2: a second YAML document in one file: remove the line '---' "
				      "or use two files"},
		{"a: 1\nb: 2\na: 3\n",
			"x.yaml:3: duplicate key 'a': it stands on line 1 already: keep one of the two"},
		{"{\"a\": 1, \"a\": 2}",
			"x.yaml:1: duplicate key 'a': it stands on line 1 already: keep one of the two"},
		{"a: \"b\\0c\"\n", "x.yaml:1: a NUL character in a string"},
		{"? [a]\n: b\n", "x.yaml:1: a key must be text, not a list or a map"},
		{"a: 1\nb:\n\tc: 2\n", "x.yaml:3: not valid YAML (found character that cannot start any "
				       "token): indent with spaces, not with tabs"},
		{"a: 1\nb: \xff\n", "x.yaml:2: not valid YAML (invalid leading UTF-8 octet)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct yml_node *root = NULL;
		expect_line(yml_parse(cases[i].text, strlen(cases[i].text), "x.yaml", &root), cases[i].line);
		assert_null(root);
	}
}

/* "a: [[[...]]]": the map is one level, each bracket one more. */
static struct pl_error *parse_nested(unsigned brackets)
{
	char text[128] = "a: ";
	struct yml_node *root = NULL;
	size_t used = strlen(text);

	memset(text + used, '[', brackets);
	memset(text + used + brackets, ']', brackets);
	struct pl_error *e = yml_parse(text, used + 2 * brackets, "x.yaml", &root);
	yml_free(root);
	return e;
}

static void limits_depth(void **state)
{
	(void)state;
	expect_ok(parse_nested(YML_DEPTH_MAX - 1));
	expect_line(parse_nested(YML_DEPTH_MAX), "x.yaml:1: nested too deep (at most 16 levels)");
}

static void limits_nodes_and_size(void **state)
{
	struct yml_node *root = NULL;
	char *text = calloc(1, YML_SIZE_MAX + 1);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', YML_SIZE_MAX + 1);
	memcpy(text, "a: 1\n#", 6);
	expect_ok(yml_parse(text, YML_SIZE_MAX, "x.yaml", &root));
	yml_free(root);
	expect_line(yml_parse(text, YML_SIZE_MAX + 1, "x.yaml", &root), "x.yaml: larger than 1 MiB");
	memcpy(text, "a: [", 4);
	/* The map and the list are two; so many items are one too many. */
	for (size_t i = 0; i < YML_NODES_MAX - 1; i++)
		memcpy(text + 4 + 2 * i, "x,", 2);
	text[4 + 2 * (YML_NODES_MAX - 1)] = ']';
	expect_line(
		yml_parse(text, YML_SIZE_MAX, "x.yaml", &root), "x.yaml:1: too many values (at most 4096)");
	memcpy(text + 4 + 2 * (YML_NODES_MAX - 2), "] ", 2);
	text[4 + 2 * (YML_NODES_MAX - 1)] = ' ';
	expect_ok(yml_parse(text, YML_SIZE_MAX, "x.yaml", &root));
	assert_int_equal(root->first->count, YML_NODES_MAX - 2);
	yml_free(root);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_lines_and_kinds),
		cmocka_unit_test(reads_json),
		cmocka_unit_test(takes_empty_values_for_absent),
		cmocka_unit_test(refuses),
		cmocka_unit_test(limits_depth),
		cmocka_unit_test(limits_nodes_and_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
