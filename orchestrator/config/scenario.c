#include "orchestrator/config/scenario.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "orchestrator/config/check.h"
#include "orchestrator/config/file.h"
#include "orchestrator/config/schema.h"
#include "orchestrator/config/yaml.h"

static_assert(sizeof(enum scenario_kernel) == sizeof(int), "FIELD_WORD stores an int");
static_assert(sizeof(enum scenario_trigger_kind) == sizeof(int), "FIELD_TAG stores an int");

static const struct word kernel_words[] = {{"as-is", KERNEL_AS_IS}, {"release", KERNEL_RELEASE},
	{"development", KERNEL_DEVELOPMENT}, {"debug", KERNEL_DEBUG}, {"kasan", KERNEL_KASAN}, {NULL, 0}};
static const struct word mismatch_words[] = {
	{"refuse", MISMATCH_REFUSE}, {"accept", MISMATCH_ACCEPT}, {NULL, 0}};
static const struct word isolation_words[] = {
	{"snapshot", ISOLATION_SNAPSHOT}, {"clone", ISOLATION_CLONE}, {"none", ISOLATION_NONE}, {NULL, 0}};
static const struct word sip_words[] = {
	{"needed", SIP_NEEDED}, {"off", SIP_OFF}, {"as-is", SIP_AS_IS}, {NULL, 0}};
static const struct word recovery_words[] = {{"end", RECOVERY_END}, {"wait", RECOVERY_WAIT}, {NULL, 0}};
static const struct word trigger_words[] = {
	{"dtrace", TRIGGER_DTRACE}, {"command", TRIGGER_COMMAND}, {"kext", TRIGGER_KEXT}, {NULL, 0}};
static const struct word core_words[] = {
	{"required", CORE_REQUIRED}, {"optional", CORE_OPTIONAL}, {"none", CORE_NONE}, {NULL, 0}};
static const struct word evidence_words[] = {{"core", EVIDENCE_CORE}, {"panic_report", EVIDENCE_PANIC_REPORT},
	{"serial_log", EVIDENCE_SERIAL_LOG}, {"system_log", EVIDENCE_SYSTEM_LOG}, {NULL, 0}};
static const struct word keep_words[] = {
	{"all", KEEP_ALL}, {"core", KEEP_CORE}, {"report", KEEP_REPORT}, {NULL, 0}};

static const struct field file_fields[] = {
	{.name = "from",
		.type = FIELD_PATH,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct scenario_file, from),
		.accepts = "the path of a file on this host"},
	/* A text: it is a path of the guest, which this host's folders do not concern. */
	{.name = "to",
		.type = FIELD_TEXT,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct scenario_file, to),
		.check = check_absolute,
		.accepts = "an absolute path in the guest, without '..'"},
	{0},
};

static const struct field payload_fields[] = {
	{.name = "files",
		.type = FIELD_MAPS,
		.offset = offsetof(struct scenario, payload.files),
		.sub = file_fields,
		.size = sizeof(struct scenario_file),
		.count = offsetof(struct scenario, payload.files_count),
		.accepts = "a list of {from: PATH, to: PATH}"},
	{.name = "kext",
		.type = FIELD_PATH,
		.offset = offsetof(struct scenario, payload.kext),
		.check = check_kext,
		.accepts = "the path of a .kext folder"},
	{.name = "setup", .type = FIELD_PATH, .offset = offsetof(struct scenario, payload.setup)},
	{0},
};

static const struct field trigger_fields[] = {
	{.name = "dtrace",
		.type = FIELD_LINES,
		.flags = FIELD_ONE_OF | FIELD_TAG,
		.offset = offsetof(struct scenario_trigger, text),
		.tag = offsetof(struct scenario_trigger, kind),
		.value = TRIGGER_DTRACE},
	{.name = "command",
		.type = FIELD_LINES,
		.flags = FIELD_ONE_OF | FIELD_TAG,
		.offset = offsetof(struct scenario_trigger, text),
		.tag = offsetof(struct scenario_trigger, kind),
		.value = TRIGGER_COMMAND},
	{.name = "kext",
		.type = FIELD_TRUE,
		.flags = FIELD_ONE_OF | FIELD_TAG,
		.offset = offsetof(struct scenario_trigger, text),
		.tag = offsetof(struct scenario_trigger, kind),
		.value = TRIGGER_KEXT},
	{.name = "timeout",
		.type = FIELD_TIME,
		.offset = offsetof(struct scenario_trigger, timeout),
		.otherwise = "60s"},
	{0},
};

static const struct field expect_fields[] = {
	{.name = "panic",
		.type = FIELD_BOOL,
		.offset = offsetof(struct scenario_expect, panic),
		.otherwise = "true"},
	{.name = "matching", .type = FIELD_LINES, .offset = offsetof(struct scenario_expect, matching)},
	{.name = "core",
		.type = FIELD_WORD,
		.offset = offsetof(struct scenario_expect, core),
		.otherwise = "required",
		.words = core_words},
	{.name = "within",
		.type = FIELD_TIME,
		.offset = offsetof(struct scenario_expect, within),
		.otherwise = "10m"},
	{0},
};

static const struct field scenario_fields[] = {
	{.name = "name",
		.type = FIELD_TEXT,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct scenario, name),
		.check = check_name,
		.accepts = "a name of letters, digits, '.', '_' and '-', at most 64"},
	{.name = "guest",
		.type = FIELD_TEXT,
		.offset = offsetof(struct scenario, guest),
		.check = check_name,
		.accepts = "the name of one of the lab's guests"},
	{.name = "kernel",
		.type = FIELD_WORD,
		.offset = offsetof(struct scenario, kernel),
		.otherwise = "as-is",
		.words = kernel_words},
	{.name = "kdk",
		.type = FIELD_PATH,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct scenario, kdk),
		.otherwise = "auto"},
	{.name = "kdk_mismatch",
		.type = FIELD_WORD,
		.offset = offsetof(struct scenario, kdk_mismatch),
		.otherwise = "refuse",
		.words = mismatch_words},
	{.name = "boot_args",
		.type = FIELD_TEXT,
		.flags = FIELD_EMPTY,
		.offset = offsetof(struct scenario, boot_args),
		.otherwise = "",
		.check = check_boot_args,
		.accepts = "printable ASCII of at most 1023 characters"},
	{.name = "isolation",
		.type = FIELD_WORD,
		.offset = offsetof(struct scenario, isolation),
		.otherwise = "snapshot",
		.words = isolation_words},
	{.name = "sip",
		.type = FIELD_WORD,
		.offset = offsetof(struct scenario, sip),
		.otherwise = "needed",
		.words = sip_words},
	{.name = "recovery",
		.type = FIELD_WORD,
		.offset = offsetof(struct scenario, recovery),
		.otherwise = "end",
		.words = recovery_words},
	{.name = "payload", .type = FIELD_MAP, .sub = payload_fields},
	{.name = "trigger",
		.type = FIELD_MAP,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct scenario, trigger),
		.sub = trigger_fields,
		.accepts = "a map with one of dtrace, command, kext"},
	{.name = "expect",
		.type = FIELD_MAP,
		.offset = offsetof(struct scenario, expect),
		.sub = expect_fields},
	{.name = "collect",
		.type = FIELD_WORDS,
		.offset = offsetof(struct scenario, collect),
		.words = evidence_words,
		.value = EVIDENCE_CORE | EVIDENCE_PANIC_REPORT},
	{.name = "keep",
		.type = FIELD_WORD,
		.offset = offsetof(struct scenario, keep),
		.otherwise = "all",
		.words = keep_words},
	{0},
};

/* A trigger that must leave the guest alive: no core then, and nothing to match. */
static struct pl_error *check_no_panic(
	const struct schema_source *src, const struct yml_node *root, struct scenario_expect *expect)
{
	const char *const core[] = {"expect", "core", NULL};
	const char *const matching[] = {"expect", "matching", NULL};

	if (expect->matching != NULL)
		return pl_error_hint(schema_error(src, root, matching,
					     "expect.matching needs a panic, but expect.panic is false"),
			"remove one of the two");
	if (yml_get(yml_get(root, "expect"), "core") == NULL)
		expect->core = CORE_NONE;
	if (expect->core == CORE_REQUIRED)
		return pl_error_hint(
			schema_error(src, root, core, "expect.core is required, but expect.panic is false"),
			"say 'core: none'");
	return NULL;
}

/* What concerns more than one key. */
static struct pl_error *check_relations(
	const struct schema_source *src, const struct yml_node *root, struct scenario *s)
{
	const char *const within[] = {"expect", "within", NULL};
	const char *const timeout[] = {"trigger", "timeout", NULL};
	bool within_given = yml_get(yml_get(root, "expect"), "within") != NULL;
	const char *const kext[] = {"trigger", "kext", NULL};
	const char *const collect[] = {"collect", NULL};
	struct pl_error *e = NULL;

	if (!s->expect.panic)
		e = check_no_panic(src, root, &s->expect);
	if (e != NULL)
		return e;
	if (s->expect.within < s->trigger.timeout)
		return pl_error_hint(schema_error(src, root, within_given ? within : timeout,
					     "expect.within is shorter than trigger.timeout"),
			"the dump comes after the panic: give it more time");
	if (s->trigger.kind == TRIGGER_KEXT && s->payload.kext == NULL)
		return pl_error_hint(schema_error(src, root, kext, "trigger.kext has no kext to load"),
			"give payload.kext the path of the .kext folder");
	if (s->expect.core == CORE_REQUIRED && (s->collect & EVIDENCE_CORE) == 0)
		return pl_error_hint(schema_error(src, root, collect,
					     "expect.core is required, but collect has no 'core'"),
			"add 'core' to collect, or say 'core: none' in expect");
	return NULL;
}

static struct pl_error *read_scenario(const struct yml_node *root, struct scenario *s)
{
	struct schema_source src;

	struct pl_error *e = schema_source_init(&src, s->path);
	if (e == NULL)
		e = schema_read(scenario_fields, &src, root, s);
	if (e == NULL)
		e = check_relations(&src, root, s);
	schema_source_deinit(&src);
	return e;
}

struct pl_error *scenario_parse(const char *text, size_t size, const char *path, struct scenario **ret)
{
	struct yml_node *root = NULL;

	*ret = NULL;
	struct scenario *s = calloc(1, sizeof *s);
	if (s == NULL)
		return pl_error_nomem();
	struct pl_error *e = pl_strdup(path, &s->path);
	if (e == NULL)
		e = yml_parse(text, size, path, &root);
	if (e == NULL)
		e = read_scenario(root, s);
	yml_free(root);
	if (e != NULL) {
		scenario_destroy(s);
		return e;
	}
	*ret = s;
	return NULL;
}

struct pl_error *scenario_load(const char *path, struct scenario **ret)
{
	struct pl_buf text;

	*ret = NULL;
	struct pl_error *e = config_read_as(path, CONFIG_SCENARIO, &text);
	if (e == NULL)
		e = scenario_parse(pl_buf_text(&text), text.size, path, ret);
	pl_buf_deinit(&text);
	return e;
}

struct pl_error *scenario_print(const struct scenario *s, struct pl_buf *out)
{
	return schema_write(scenario_fields, s, SCHEMA_YAML, out);
}

struct pl_error *scenario_print_json(const struct scenario *s, struct pl_buf *out)
{
	return schema_write(scenario_fields, s, SCHEMA_JSON, out);
}

const char *scenario_kernel_name(enum scenario_kernel k)
{
	return schema_word(kernel_words, (int)k);
}

const char *scenario_isolation_name(enum scenario_isolation i)
{
	return schema_word(isolation_words, (int)i);
}

const char *scenario_trigger_name(enum scenario_trigger_kind k)
{
	return schema_word(trigger_words, (int)k);
}

void scenario_destroy(struct scenario *s)
{
	if (s == NULL)
		return;
	schema_free(scenario_fields, s);
	free(s->path);
	free(s);
}
