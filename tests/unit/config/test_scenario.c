#include "orchestrator/config/file.h"
#include "orchestrator/config/scenario.h"
#include "orchestrator/config/templates.h"
#include "tests/unit/config/expect.h"

#define BASE "name: n\ntrigger: {dtrace: d}\n"

static struct scenario *parse(const char *text)
{
	struct scenario *s = NULL;

	expect_ok(scenario_parse(text, strlen(text), "/etc/x.yaml", &s));
	assert_non_null(s);
	return s;
}

static void fills_in_defaults(void **state)
{
	(void)state;
	struct scenario *s = parse(BASE);

	assert_string_equal(s->path, "/etc/x.yaml");
	assert_string_equal(s->name, "n");
	assert_null(s->guest);
	assert_int_equal(s->kernel, KERNEL_AS_IS);
	assert_string_equal(s->kdk, "auto");
	assert_int_equal(s->kdk_mismatch, MISMATCH_REFUSE);
	assert_string_equal(s->boot_args, "");
	assert_int_equal(s->isolation, ISOLATION_SNAPSHOT);
	assert_int_equal(s->sip, SIP_NEEDED);
	assert_int_equal(s->recovery, RECOVERY_END);
	assert_int_equal(s->payload.files_count, 0);
	assert_null(s->payload.kext);
	assert_null(s->payload.setup);
	assert_int_equal(s->trigger.kind, TRIGGER_DTRACE);
	assert_string_equal(s->trigger.text, "d");
	assert_int_equal(s->trigger.timeout, INT64_C(60000000000));
	assert_true(s->expect.panic);
	assert_null(s->expect.matching);
	assert_int_equal(s->expect.core, CORE_REQUIRED);
	assert_int_equal(s->expect.within, INT64_C(600000000000));
	assert_int_equal(s->collect, EVIDENCE_CORE | EVIDENCE_PANIC_REPORT);
	assert_int_equal(s->keep, KEEP_ALL);
	scenario_destroy(s);
}

static void reads_every_key(void **state)
{
	static const char text[] = "name: a.b_c-1\nguest: g\nkernel: kasan\nkdk: k.dmg\nkdk_mismatch: "
				   "accept\nboot_args: keepsyms=1 -v\n"
				   "isolation: none\nsip: off\nrecovery: wait\n"
				   "payload:\n  files:\n    - {from: f, to: /t}\n    - {from: /g, to: /u/v}\n"
				   "  kext: K.kext/\n  setup: s.sh\n"
				   "trigger: {kext: true, timeout: 90}\n"
				   "expect: {panic: true, matching: 'a\"b', core: optional, within: 90s}\n"
				   "collect: [serial_log, system_log]\nkeep: report\n";

	(void)state;
	struct scenario *s = parse(text);
	assert_string_equal(s->name, "a.b_c-1");
	assert_string_equal(s->guest, "g");
	assert_int_equal(s->kernel, KERNEL_KASAN);
	assert_string_equal(s->kdk, "/etc/k.dmg");
	assert_int_equal(s->kdk_mismatch, MISMATCH_ACCEPT);
	assert_string_equal(s->boot_args, "keepsyms=1 -v");
	assert_int_equal(s->isolation, ISOLATION_NONE);
	assert_int_equal(s->sip, SIP_OFF);
	assert_int_equal(s->recovery, RECOVERY_WAIT);
	assert_int_equal(s->payload.files_count, 2);
	assert_string_equal(s->payload.files[0].from, "/etc/f");
	assert_string_equal(s->payload.files[0].to, "/t");
	assert_string_equal(s->payload.files[1].from, "/g");
	assert_string_equal(s->payload.files[1].to, "/u/v");
	assert_string_equal(s->payload.kext, "/etc/K.kext");
	assert_string_equal(s->payload.setup, "/etc/s.sh");
	assert_int_equal(s->trigger.kind, TRIGGER_KEXT);
	assert_string_equal(s->trigger.text, "");
	assert_int_equal(s->trigger.timeout, INT64_C(90000000000));
	assert_string_equal(s->expect.matching, "a\"b");
	assert_int_equal(s->expect.core, CORE_OPTIONAL);
	assert_int_equal(s->expect.within, INT64_C(90000000000));
	assert_int_equal(s->collect, EVIDENCE_SERIAL_LOG | EVIDENCE_SYSTEM_LOG);
	assert_int_equal(s->keep, KEEP_REPORT);
	scenario_destroy(s);
}

static void reads_a_command_of_several_lines(void **state)
{
	(void)state;
	struct scenario *s = parse("name: n\ntrigger:\n  command: |\n    a\n    \tb\n\n");

	assert_int_equal(s->trigger.kind, TRIGGER_COMMAND);
	assert_string_equal(s->trigger.text, "a\n\tb");
	scenario_destroy(s);
}

static void expects_no_core_of_no_panic(void **state)
{
	(void)state;
	struct scenario *s = parse(BASE "expect: {panic: false}\n");

	assert_false(s->expect.panic);
	assert_int_equal(s->expect.core, CORE_NONE);
	scenario_destroy(s);
}

static const struct refusal wrong[] = {
	{"name: n\n", "x.yaml:1: the file has no 'trigger': give it a map with one of dtrace, command, kext"},
	{"trigger: {dtrace: d}\n",
		"x.yaml:1: the file has no 'name': give it a name of letters, digits, '.', '_' "
		"and '-', at most 64"},
	{"name: a/b\ntrigger: {dtrace: d}\n", "x.yaml:1: name must be a name of letters, digits, '.', '_' "
					      "and '-', at most 64 (found the text "
					      "'a/b')"},
	{"name: .a\ntrigger: {dtrace: d}\n", "x.yaml:1: name must be a name of letters, digits, '.', '_' and "
					     "'-', at most 64 (found the text "
					     "'.a')"},
	{BASE "kernel: develpment\n",
		"x.yaml:3: kernel must be one of as-is, release, development, debug, kasan (found the text "
		"'develpment'): did you mean 'development'?"},
	{BASE "boot_args: \"caf\\u00e9\"\n", "x.yaml:3: boot_args must be printable ASCII of at most 1023 "
					     "characters (found the text 'caf\xc3\xa9')"},
	{BASE "boot_args: \"a\\tb\"\n",
		"x.yaml:3: boot_args has no usable value (it holds a control character)"},
	{BASE "sip: no\n", "x.yaml:3: sip must be one of needed, off, as-is (found the text 'no')"},
	{BASE "collect: core\n",
		"x.yaml:3: collect must be a list of core, panic_report, serial_log, system_log "
		"(found the text 'core'): put it in brackets: [ ]"},
	{BASE "collect: [core,\n  serial-log]\n", "x.yaml:4: collect must be a list of core, panic_report, "
						  "serial_log, system_log (found the text "
						  "'serial-log'): did you mean 'serial_log'?"},
	{BASE "payload: {files: [{from: a, to: b}]}\n", "x.yaml:3: payload.files[0].to must be an absolute "
							"path in the guest, without '..' (found the text "
							"'b')"},
	{BASE "payload:\n  files:\n    - {from: a, to: /b}\n    - {from: a, to: /b/../c}\n",
		"x.yaml:6: payload.files[1].to must be an absolute path in the guest, without '..' (found "
		"the text "
		"'/b/../c')"},
	{BASE "payload: {files: [{form: a, to: /b}]}\n",
		"x.yaml:3: unknown key 'form' in payload.files[0]: did you mean 'from'?"},
	{BASE "payload: {files: {from: a}}\n",
		"x.yaml:3: payload.files must be a list of {from: PATH, to: PATH} (found a map)"},
	{BASE "payload: {kext: K}\n",
		"x.yaml:3: payload.kext must be the path of a .kext folder (found the text 'K')"},
	{"name: n\ntrigger: {dtrace: d, command: c}\n", "x.yaml:2: trigger has both 'dtrace' and 'command': "
							"give exactly one of dtrace, command, kext"},
	{"name: n\ntrigger: {timeout: 5}\n", "x.yaml:2: trigger needs one of dtrace, command, kext"},
	{"name: n\ntrigger: {kext: false}\n", "x.yaml:2: trigger.kext must be true (found false)"},
	{"name: n\ntrigger: {dtrace: ''}\n", "x.yaml:2: trigger.dtrace has no usable value (it is empty)"},
	{"name: n\ntrigger: {kext: true}\n",
		"x.yaml:2: trigger.kext has no kext to load: give payload.kext the path of the .kext folder"},
	{"name: n\ntrigger:\n  dtrace: d\n  timeout: 11m\n",
		"x.yaml:4: expect.within is shorter than trigger.timeout: the dump comes after the panic: "
		"give it "
		"more time"},
	{BASE "expect:\n  within: 59s\n", "x.yaml:4: expect.within is shorter than trigger.timeout: the dump "
					  "comes after the panic: give it "
					  "more time"},
	{BASE "collect: []\n", "x.yaml:3: expect.core is required, but collect has no 'core': add 'core' to "
			       "collect, or say 'core: none' in expect"},
	{BASE "expect: {panic: yes}\n",
		"x.yaml:3: expect.panic must be true or false (found the text 'yes')"},
	{BASE "expect: {panic: false, core: required}\n",
		"x.yaml:3: expect.core is required, but expect.panic is false: say 'core: none'"},
	{BASE "expect: {panic: false, matching: m}\n",
		"x.yaml:3: expect.matching needs a panic, but expect.panic is false: remove one of the two"},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct scenario *s = NULL;
		expect_line(
			scenario_parse(wrong[i].text, strlen(wrong[i].text), "x.yaml", &s), wrong[i].line);
		assert_null(s);
	}
}

/* A scenario whose `key` has so many letters. */
static struct pl_error *parse_long(const char *key, size_t length)
{
	struct scenario *s = NULL;
	struct pl_buf text;

	pl_buf_init(&text, 4096);
	expect_ok(pl_buf_printf(&text, "trigger: {dtrace: d}\n"));
	if (strcmp(key, "name") != 0)
		expect_ok(pl_buf_puts(&text, "name: n\n"));
	expect_ok(pl_buf_printf(&text, "%s: ", key));
	for (size_t i = 0; i < length; i++)
		expect_ok(pl_buf_puts(&text, "a"));
	struct pl_error *e = scenario_parse(text.data, text.size, "x.yaml", &s);
	scenario_destroy(s);
	pl_buf_deinit(&text);
	return e;
}

static void expect_mistake(struct pl_error *e)
{
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
}

static void limits_lengths(void **state)
{
	(void)state;
	expect_ok(parse_long("name", 64));
	expect_mistake(parse_long("name", 65));
	expect_ok(parse_long("boot_args", 1023));
	expect_mistake(parse_long("boot_args", 1024));
}

static enum config_kind kind_of(const char *text)
{
	enum config_kind kind = CONFIG_LAB;

	expect_ok(config_kind(text, strlen(text), "x.yaml", &kind));
	return kind;
}

static void tells_labs_from_scenarios(void **state)
{
	enum config_kind kind;

	(void)state;
	assert_int_equal(kind_of("guests: {}\n"), CONFIG_LAB);
	assert_int_equal(kind_of("guest: a\ntrigger: {}\n"), CONFIG_SCENARIO);
	assert_int_equal(kind_of("guest: {}\nfusion: {}\nserver: {}\n"), CONFIG_LAB);
	expect_line(config_kind("a: b\n", 5, "x.yaml", &kind),
		"x.yaml: neither a lab nor a scenario (it has no key of either): a lab has 'guests', a "
		"scenario "
		"has 'trigger'; 'paniclab init' writes examples");
	expect_line(config_kind("kdk: b\nkeep: c", 14, "x.yaml", &kind),
		"x.yaml: neither a lab nor a scenario (it has keys of both): a lab has 'guests', a scenario "
		"has "
		"'trigger'; 'paniclab init' writes examples");
}

static void template_panics_sierra_by_dtrace(void **state)
{
	const struct pl_embedded *t = pl_embedded_find(config_templates, "scenario.yaml");
	struct scenario *s = NULL;

	(void)state;
	assert_non_null(t);
	expect_ok(scenario_parse(t->data, t->size, "/w/scenario.yaml", &s));
	assert_string_equal(s->guest, "sierra");
	assert_int_equal(s->trigger.kind, TRIGGER_DTRACE);
	assert_string_equal(s->trigger.text, "BEGIN{ panic(); }");
	assert_string_equal(s->expect.matching, "dtrace: panic action");
	assert_int_equal(s->expect.core, CORE_REQUIRED);
	scenario_destroy(s);
}

static void names_its_values(void **state)
{
	(void)state;
	assert_string_equal(scenario_kernel_name(KERNEL_AS_IS), "as-is");
	assert_string_equal(scenario_kernel_name(KERNEL_DEBUG), "debug");
	assert_string_equal(scenario_isolation_name(ISOLATION_NONE), "none");
	assert_string_equal(scenario_trigger_name(TRIGGER_KEXT), "kext");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_in_defaults),
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(reads_a_command_of_several_lines),
		cmocka_unit_test(expects_no_core_of_no_panic),
		cmocka_unit_test(refuses),
		cmocka_unit_test(limits_lengths),
		cmocka_unit_test(tells_labs_from_scenarios),
		cmocka_unit_test(template_panics_sierra_by_dtrace),
		cmocka_unit_test(names_its_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
