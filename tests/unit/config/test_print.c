/* Printed configuration reads back as the same, whatever its strings hold. */
#include <jansson.h>
#include <yaml.h>

#include "orchestrator/config/lab.h"
#include "orchestrator/config/scenario.h"
#include "tests/unit/config/expect.h"

/* Texts that YAML gives a meaning to when they stand without quotes, and worse. */
static const char *const nasty[] = {
	"plain",
	"two words",
	"true",
	"False",
	"null",
	"NULL",
	"~",
	"yes",
	"No",
	"on",
	"OFF",
	"y",
	"0",
	"007",
	"0x1f",
	"1e3",
	"-1",
	".5",
	".inf",
	".NaN",
	"2001-01-01",
	"12:30:45",
	"30s",
	"a: b",
	"a:",
	":a",
	"a #b",
	"#a",
	"- a",
	"-",
	"--- a",
	"...",
	"?",
	"? a",
	"[a]",
	"{a: b}",
	"a, b",
	"&a",
	"*a",
	"!a",
	"|",
	">",
	"%a",
	"@a",
	"`a",
	"'",
	"''a'",
	"\"",
	"a\"b\\c",
	"\\n",
	"\\",
	" a",
	"a ",
	"  ",
	"a\tb",
	"a\nb",
	"\na",
	"a\n\n b",
	"line\n  indented\n- list",
	"K\xc3\xb6ln",
	"\xe6\x97\xa5\xe6\x9c\xac",
	"\xf0\x9f\x98\x80",
	"a\xc2\x85z",
	"\xc2\xa0",
	"a\xe2\x80\xa8z",
	"a\xe2\x80\xa9z",
	"\xef\xbb\xbf",
	"a\xef\xbb\xbfz",
	"<<",
	"=",
	"a'b",
	"$HOME",
	"${x}",
	"/a/b",
	"C:\\x",
	"%s%n",
};

/* A scenario that holds the text in every string that may hold it. */
static struct scenario holding(char *text)
{
	static char name[] = "x";
	static char none[] = "";
	static char automatic[] = "auto";

	return (struct scenario){
		.path = name,
		.name = name,
		.kdk = automatic,
		.boot_args = none,
		.trigger = {.kind = TRIGGER_COMMAND, .text = text, .timeout = 60 * INT64_C(1000000000)},
		.expect = {.panic = true, .matching = text, .within = 60 * INT64_C(1000000000)},
		.collect = EVIDENCE_CORE,
	};
}

/* What libyaml itself, without our reader, takes `expect: matching:` for. */
static void expect_yaml_matching(const struct pl_buf *out, const char *expected)
{
	yaml_parser_t p;
	yaml_event_t ev;
	bool found = false;
	bool done = false;

	assert_true(yaml_parser_initialize(&p));
	yaml_parser_set_input_string(&p, (const unsigned char *)out->data, out->size);
	for (bool next = false; !done;) {
		if (!yaml_parser_parse(&p, &ev))
			fail_msg("%s in: %s", p.problem, pl_buf_text(out));
		done = ev.type == YAML_STREAM_END_EVENT;
		if (ev.type == YAML_SCALAR_EVENT) {
			const char *value = (const char *)ev.data.scalar.value;
			if (next) {
				assert_string_equal(value, expected);
				found = true;
			}
			next = !next && strcmp(value, "matching") == 0;
		}
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&p);
	assert_true(found);
}

static void expect_json_matching(const struct pl_buf *out, const char *expected)
{
	json_t *root = json_loadb(out->data, out->size, 0, NULL);

	assert_non_null(root);
	const json_t *matching = json_object_get(json_object_get(root, "expect"), "matching");
	assert_string_equal(json_string_value(matching), expected);
	json_decref(root);
}

static void expect_same(const struct pl_buf *printed, const struct pl_buf *yaml, const char *text)
{
	struct scenario *back = NULL;
	struct pl_buf again;

	pl_buf_init(&again, 65536);
	expect_ok(scenario_parse(printed->data, printed->size, "x", &back));
	assert_string_equal(back->expect.matching, text);
	assert_string_equal(back->trigger.text, text);
	expect_ok(scenario_print(back, &again));
	assert_string_equal(pl_buf_text(&again), pl_buf_text(yaml));
	scenario_destroy(back);
	pl_buf_deinit(&again);
}

static void any_text_survives(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
		char text[64];
		struct pl_buf yaml;
		struct pl_buf json;
		snprintf(text, sizeof text, "%s", nasty[i]);
		struct scenario s = holding(text);
		pl_buf_init(&yaml, 65536);
		pl_buf_init(&json, 65536);
		expect_ok(scenario_print(&s, &yaml));
		expect_ok(scenario_print_json(&s, &json));
		expect_yaml_matching(&yaml, nasty[i]);
		expect_json_matching(&json, nasty[i]);
		expect_same(&yaml, &yaml, nasty[i]);
		expect_same(&json, &yaml, nasty[i]);
		pl_buf_deinit(&yaml);
		pl_buf_deinit(&json);
	}
}

/* Other readers must not take it for a number, a truth or nothing. */
static void quotes_what_looks_like_something_else(void **state)
{
	static const char *const quoted[] = {
		"true", "No", "OFF", "null", "~", "007", "1e3", ".inf", "y", "30s"};

	(void)state;
	for (size_t i = 0; i < sizeof quoted / sizeof quoted[0]; i++) {
		char text[64];
		char expected[64];
		struct pl_buf yaml;
		snprintf(text, sizeof text, "%s", quoted[i]);
		snprintf(expected, sizeof expected, "matching: \"%s\"\n", quoted[i]);
		struct scenario s = holding(text);
		pl_buf_init(&yaml, 65536);
		expect_ok(scenario_print(&s, &yaml));
		assert_non_null(strstr(pl_buf_text(&yaml), expected));
		pl_buf_deinit(&yaml);
	}
}

/* YAML 1.1 folds these into blanks, or takes them for the start of a text. */
static void escapes_what_readers_disagree_on(void **state)
{
	static const char *const pairs[][2] = {
		{"a\xc2\x85z", "\"a\\u0085z\""},
		{"a\xe2\x80\xa8z", "\"a\\u2028z\""},
		{"a\xe2\x80\xa9z", "\"a\\u2029z\""},
		{"a\xef\xbb\xbfz", "\"a\\ufeffz\""},
		{"a\nz", "\"a\\nz\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char text[64];
		struct pl_buf yaml;
		snprintf(text, sizeof text, "%s", pairs[i][0]);
		struct scenario s = holding(text);
		pl_buf_init(&yaml, 65536);
		expect_ok(scenario_print(&s, &yaml));
		assert_non_null(strstr(pl_buf_text(&yaml), pairs[i][1]));
		pl_buf_deinit(&yaml);
	}
}

static void prints_a_whole_scenario(void **state)
{
	static const char text[] =
		"{\"name\": \"x\", \"payload\": {\"files\": [{\"from\": \"a\", \"to\": \"/b\"},"
		"{\"from\": \"c d\", \"to\": \"/e\"}], \"kext\": \"K.kext\"},"
		"\"trigger\": {\"kext\": true, \"timeout\": \"1500ms\"}, \"collect\": [],"
		"\"expect\": {\"core\": \"none\"}}";
	static const char expected[] = "name: x\nkernel: as-is\nkdk: auto\nkdk_mismatch: refuse\nboot_args: "
				       "\"\"\nisolation: snapshot\nsip: needed\nrecovery: end\n"
				       "payload:\n  files:\n    - from: /w/a\n      to: /b\n"
				       "    - from: \"/w/c d\"\n      to: /e\n  kext: /w/K.kext\n"
				       "trigger:\n  kext: true\n  timeout: 1500ms\n"
				       "expect:\n  panic: true\n  core: none\n  within: 10m\n"
				       "collect: []\nkeep: all\n";
	struct scenario *s = NULL;
	struct pl_buf out;

	(void)state;
	pl_buf_init(&out, 65536);
	expect_ok(scenario_parse(text, strlen(text), "/w/x.yaml", &s));
	expect_ok(scenario_print(s, &out));
	assert_string_equal(pl_buf_text(&out), expected);
	scenario_destroy(s);
	pl_buf_deinit(&out);
}

static const char lab_text[] =
	"fusion:\n  url: \"https://h:1\"\n  user: \"a b\"\n  password:\n    env: PW\n  ca_file: /ca\n"
	"  vmrun: auto\n  timeout: 250ms\n"
	"guests:\n"
	"  \"1\":\n    vm:\n      id: \"00\"\n    vm_password:\n      file: /p\n    macos: \"13.6\"\n    "
	"nvram: leave\n    address: \"10.0.0.1\"\n"
	"    ssh:\n      user: u\n      port: 1\n      key: /k\n"
	"      host_key: \"SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO/+\"\n"
	"    sudo:\n      password:\n        env: S\n    boot_timeout: 1h\n"
	"  g:\n    vm:\n      vmx: /x.vmx\n    macos: auto\n    nvram: edit\n    address: auto\n"
	"    ssh:\n      user: u\n      port: 22\n      known_hosts: /h\n"
	"    sudo: nopasswd\n    boot_timeout: 90s\n"
	"server:\n  bind: auto\n  port: auto\n  dir: /d\n  max_size: 1023M\n"
	"host:\n  firewall: leave\n  firewall_tool: auto\n  kdumpd: keep\n  launchctl: auto\n  debugger: "
	"auto\n  leases:\n    "
	"- /a\n    - \"/b c\"\n"
	"kdk:\n  folders:\n    - /f\n  images:\n    - /i.dmg\n"
	"signature_rules: /r\n";

static struct lab *parse_lab(const char *text, size_t size)
{
	struct lab *lab = NULL;

	expect_ok(lab_parse(text, size, "/w/x.yaml", &lab));
	return lab;
}

/* The text above is normal already: it is printed as it stands, by way of JSON too. */
static void prints_a_whole_lab(void **state)
{
	struct pl_buf yaml;
	struct pl_buf json;

	(void)state;
	pl_buf_init(&yaml, 65536);
	pl_buf_init(&json, 65536);
	struct lab *lab = parse_lab(lab_text, strlen(lab_text));
	expect_ok(lab_print(lab, &yaml));
	assert_string_equal(pl_buf_text(&yaml), lab_text);
	expect_ok(lab_print_json(lab, &json));
	lab_destroy(lab);

	json_t *root = json_loadb(json.data, json.size, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "server"), "port")), 0);
	const json_t *leases = json_object_get(json_object_get(root, "host"), "leases");
	assert_string_equal(json_string_value(json_array_get(leases, 1)), "/b c");
	json_decref(root);

	lab = parse_lab(json.data, json.size);
	pl_buf_clear(&yaml);
	expect_ok(lab_print(lab, &yaml));
	assert_string_equal(pl_buf_text(&yaml), lab_text);
	lab_destroy(lab);
	pl_buf_deinit(&yaml);
	pl_buf_deinit(&json);
}

static void reports_a_full_buffer(void **state)
{
	struct pl_buf out;

	(void)state;
	pl_buf_init(&out, 40);
	struct lab *lab = parse_lab(lab_text, strlen(lab_text));
	struct pl_error *e = lab_print(lab, &out);
	assert_non_null(e);
	pl_error_free(e);
	lab_destroy(lab);
	pl_buf_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_text_survives),
		cmocka_unit_test(quotes_what_looks_like_something_else),
		cmocka_unit_test(escapes_what_readers_disagree_on),
		cmocka_unit_test(prints_a_whole_scenario),
		cmocka_unit_test(prints_a_whole_lab),
		cmocka_unit_test(reports_a_full_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
