#include "orchestrator/report/doc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "base/wait.h"

static const struct doc_outcome outcomes[] = {
	{"as-expected", "As expected", DOC_GOOD},
	{"prepared", "Prepared", DOC_GOOD},
	{"not-as-expected", "Not as expected", DOC_BAD},
	{"no-core", "It panicked as expected, but no complete core arrived", DOC_WARN},
	{"lab-failed", "The lab failed", DOC_BAD},
	{"misconfigured", "The lab or scenario file asks for what is not there", DOC_BAD},
	{"not-restored", "Something is not restored", DOC_BAD},
	{"interrupted", "Interrupted", DOC_WARN},
	{"", "The run says nothing of how it ended", DOC_WARN},
};

static const struct doc_outcome not_proved = {
	"no-core", "No core arrived, and nothing else proves a panic", DOC_WARN};

const struct doc_outcome *doc_outcome(const json_t *doc)
{
	const char *name = pl_json_str_or(doc, "outcome", "");
	const struct doc_outcome *o = outcomes;
	while (o->name[0] != '\0' && strcmp(o->name, name) != 0)
		o++;
	/* A guest that reboots without a core need not have panicked. */
	bool went_down = !doc_panicked(doc) && doc_has(json_object_get(doc, "panicked"), "sign");
	return strcmp(name, "no-core") == 0 && went_down ? &not_proved : o;
}

const char *doc_scalar(const json_t *value, struct doc_field *f)
{
	f->text[0] = '\0';
	if (json_is_string(value))
		return pl_escape(
			json_string_value(value), json_string_length(value), f->text, sizeof f->text);
	if (json_is_integer(value))
		snprintf(f->text, sizeof f->text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		snprintf(f->text, sizeof f->text, "%g", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(f->text, sizeof f->text, "%s", json_is_true(value) ? "yes" : "no");
	return f->text;
}

const char *doc_field(const json_t *o, const char *key, struct doc_field *f)
{
	return doc_scalar(json_object_get(o, key), f);
}

bool doc_has(const json_t *o, const char *key)
{
	struct doc_field f;
	return doc_field(o, key, &f)[0] != '\0';
}

const char *doc_command(const json_t *o, const char *key, struct doc_field *f)
{
	doc_field(o, key, f);
	char *to = f->text;
	for (const char *from = f->text; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] == '\\')
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return f->text;
}

double doc_number(const json_t *o, const char *key, double otherwise)
{
	const json_t *value = json_object_get(o, key);
	return json_is_number(value) ? json_number_value(value) : otherwise;
}

const char *doc_duration(const json_t *o, const char *key, struct doc_field *f)
{
	static const double century = 3.2e9;
	double seconds = doc_number(o, key, -1);
	f->text[0] = '\0';
	if (seconds >= 0 && seconds < century)
		pl_format_time((int64_t)(seconds * (double)PL_SECOND), f->text, sizeof f->text);
	return f->text;
}

const char *doc_offset(const json_t *frame, struct doc_field *f)
{
	const json_t *offset = json_object_get(frame, "offset");
	if (!json_is_integer(offset))
		return doc_scalar(offset, f);
	snprintf(f->text, sizeof f->text, "0x%" PRIx64, (uint64_t)json_integer_value(offset));
	return f->text;
}

const char *doc_size(const json_t *o, const char *key, struct doc_field *f)
{
	int64_t bytes = pl_json_int_or(o, key, -1);
	f->text[0] = '\0';
	if (bytes >= 0)
		pl_format_size((uint64_t)bytes, f->text, sizeof f->text);
	return f->text;
}

bool doc_time(const json_t *o, const char *key, double *ret)
{
	struct tm t = {0};
	unsigned ms = 0;
	int end = -1;
	const char *text = pl_json_str_or(o, key, "");
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3uZ%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
		    &t.tm_min, &t.tm_sec, &ms, &end) != 7 ||
		end < 0 || text[end] != '\0')
		return false;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	*ret = (double)timegm(&t) + ms / 1000.0;
	return true;
}

static void add(struct doc_field *f, const char *before, const char *text, const char *after)
{
	size_t used = strlen(f->text);
	if (text[0] != '\0')
		snprintf(f->text + used, sizeof f->text - used, "%s%s%s", before, text, after);
}

const char *doc_finding(const json_t *finding, struct doc_field *f)
{
	struct doc_field weight, subject, text, advice;
	doc_field(finding, "weight", &weight);
	f->text[0] = '\0';
	if (strcmp(weight.text, "warning") != 0 && strcmp(weight.text, "stops") != 0)
		return f->text;
	doc_field(finding, "subject", &subject);
	doc_field(finding, "text", &text);
	doc_field(finding, "advice", &advice);
	char line[3 * sizeof f->text + 4];
	snprintf(line, sizeof line, "%s %s: %s", subject.text, text.text, advice.text);
	return pl_safe_line(line, f->text, sizeof f->text);
}

const char *doc_guest_system(const json_t *doc, struct doc_field *f)
{
	const json_t *facts = json_object_get(doc, "facts");
	struct doc_field part;
	f->text[0] = '\0';
	add(f, "macOS ", doc_field(facts, "product_version", &part), "");
	add(f, f->text[0] == '\0' ? "build " : " (", doc_field(facts, "build", &part),
		f->text[0] == '\0' ? "" : ")");
	add(f, f->text[0] == '\0' ? "xnu " : ", xnu ", doc_field(facts, "xnu", &part), "");
	add(f, f->text[0] == '\0' ? "" : ", ", doc_field(facts, "variant", &part), " kernel");
	return f->text;
}

const char *doc_kernel(const json_t *doc, struct doc_field *f)
{
	const json_t *kernel = json_object_get(doc, "kernel");
	struct doc_field part;
	f->text[0] = '\0';
	add(f, "", doc_field(kernel, "variant", &part), "");
	add(f, " from ", doc_field(kernel, "kit", &part), "");
	add(f, ": ", doc_field(kernel, "why", &part), "");
	return f->text;
}

const char *doc_boots(const json_t *doc, struct doc_field *f)
{
	const json_t *boots = json_object_get(doc, "boots");
	struct doc_field part;
	char count[40];
	size_t i;
	const json_t *boot;
	f->text[0] = '\0';
	if (!json_is_array(boots))
		return f->text;
	snprintf(count, sizeof count, "%zu before the panic", json_array_size(boots));
	add(f, "", count, "");
	json_array_foreach(boots, i, boot) add(f, i == 0 ? ": " : "; ", doc_field(boot, "why", &part), "");
	const json_t *prepared = json_object_get(doc, "prepared");
	if (pl_json_bool_or(prepared, "used", false))
		add(f, ": from ", doc_field(prepared, "snapshot", &part), "");
	else
		add(f, "; what was prepared is stale: ", doc_field(prepared, "stale", &part), "");
	return f->text;
}

const json_t *doc_panic(const json_t *doc)
{
	const json_t *panic = json_object_get(doc, "panic");
	if (!json_is_object(panic))
		panic = json_object_get(json_object_get(doc, "core"), "panic");
	return json_is_object(panic) ? panic : NULL;
}

bool doc_panicked(const json_t *doc)
{
	return doc_panic(doc) != NULL || doc_has(doc, "panic_text") ||
	       pl_json_bool_or(json_object_get(doc, "panicked"), "seen", false);
}

struct pl_error *doc_panic_text(const json_t *doc, struct pl_buf *out, bool *ret)
{
	const json_t *text = json_object_get(doc, "panic_text");
	size_t size = json_string_length(text);
	*ret = size > 0;
	struct pl_error *e =
		pl_escape_lines(json_string_value(text), size < DOC_TEXT_MAX ? size : DOC_TEXT_MAX, out);
	if (e == NULL && size > DOC_TEXT_MAX)
		e = pl_buf_printf(out, "\n(cut here: %zu bytes in all)\n", size);
	return e;
}

/* ".." as a component, at any place. */
static bool climbs(const char *path)
{
	for (const char *p = path; p != NULL; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return true;
	}
	return false;
}

const char *doc_relative_path(const json_t *o, const char *key)
{
	const char *path = pl_json_str_or(o, key, "");
	return path[0] == '/' || climbs(path) ? "" : path;
}

static const json_t *evidence_of_kind(const json_t *doc, const char *kind)
{
	const json_t *list = json_object_get(doc, "evidence");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		if (strcmp(pl_json_str_or(one, "kind", ""), kind) == 0 &&
			strcmp(pl_json_str_or(one, "status", ""), "missing") != 0)
			return one;
	}
	return NULL;
}

const json_t *doc_core_file(const json_t *doc)
{
	const json_t *core = evidence_of_kind(doc, "core");
	return core != NULL ? core : evidence_of_kind(doc, "core-gz");
}

enum doc_restored doc_restored(const json_t *doc)
{
	const json_t *restored = json_object_get(doc, "restored");
	if (json_array_size(json_object_get(restored, "left")) > 0)
		return DOC_LEFT;
	const json_t *complete = json_object_get(restored, "complete");
	if (!json_is_boolean(complete))
		return DOC_RESTORED_UNKNOWN;
	return json_is_true(complete) ? DOC_RESTORED : DOC_LEFT;
}
