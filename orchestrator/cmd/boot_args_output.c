#include "orchestrator/cmd/boot_args_output.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/macos/boot_args.h"
#include "orchestrator/macos/debug_flags.h"

enum { TEXT_SHOWN = 1024 };

/* ---- for people ------------------------------------------------------------------------ */

/* "since xnu-4570.31" and the like, where this kernel is not one of them. */
static void print_state(enum flag_state state, const struct boot_flag *f, FILE *out)
{
	char since[MACOS_VERSION_TEXT];
	if (state == FLAG_NOT_YET)
		fprintf(out, " [not yet: since xnu-%s]", macos_version_text(&f->since, since));
	else if (state == FLAG_OBSOLETE)
		fprintf(out, " [no longer: until xnu-%u]", f->until);
	fputc('\n', out);
}

static void print_bits(uint32_t debug, const struct macos_version *xnu, FILE *out)
{
	for (unsigned i = 0; i < 32; i++) {
		uint32_t bit = UINT32_C(1) << i;
		char value[16];
		struct boot_flag f;
		if ((debug & bit) == 0)
			continue;
		enum flag_state state = debug_flag(bit, xnu, &f);
		snprintf(value, sizeof value, "0x%" PRIx32, bit);
		fprintf(out, "  %-9s %-26s %s", value, state == FLAG_UNKNOWN ? "?" : f.name,
			state == FLAG_UNKNOWN ? "no bit of any known kernel" : f.meaning);
		print_state(state, &f, out);
	}
}

static void print_word(const struct boot_args_view *v, const struct boot_arg *a, FILE *out)
{
	char text[TEXT_SHOWN];
	struct boot_flag f;
	enum flag_state state = boot_key(a->text, a->key_size, &v->xnu, &f);
	uint32_t number;
	pl_escape(a->text, a->size, text, sizeof text);
	if (boot_arg_is(a, "debug")) {
		(void)boot_arg_number(a, &number);
		fprintf(out, "%s: 0x%" PRIx32 "\n", text, number);
		print_bits(number, &v->xnu, out);
		return;
	}
	fprintf(out, "%s%s%s", text, state == FLAG_UNKNOWN ? "" : ": ", f.meaning);
	print_state(state, &f, out);
}

static void print_judged(const struct boot_args_view *v, FILE *out)
{
	static const char *const what[] = {"a panic that dumps nothing", "a core over the network",
		"a core on its own disk", "a panic log"};
	char macos[MACOS_VERSION_TEXT], xnu[MACOS_VERSION_TEXT];
	fprintf(out, "\nJudged for: %s, ", what[v->dump]);
	if (macos_version_known(&v->macos))
		fprintf(out, "macOS %s (xnu-%s)\n", macos_version_text(&v->macos, macos),
			macos_version_text(&v->xnu, xnu));
	else if (macos_version_known(&v->xnu))
		fprintf(out, "xnu-%s\n", macos_version_text(&v->xnu, xnu));
	else
		fprintf(out, "the newest macOS (--macos names another)\n");
}

void boot_args_print(const struct boot_args_view *v, FILE *out)
{
	struct boot_arg a;
	for (const char *cursor = v->args; boot_args_next(&cursor, &a);)
		print_word(v, &a, out);
	print_judged(v, out);
	for (size_t i = 0; i < v->findings->count; i++) {
		const struct boot_args_finding *f = &v->findings->list[i];
		fprintf(out, "%s: %s %s: %s [%s]\n", boot_args_weight_name(f->weight), f->subject, f->text,
			f->advice, f->code);
	}
	if (v->findings->count == 0)
		fputs("nothing is wrong with them\n", out);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static json_t *hex(uint32_t value)
{
	char text[16];
	snprintf(text, sizeof text, "0x%" PRIx32, value);
	return json_string(text);
}

/* JSON's strings are UTF-8; boot-args can be anything. */
static json_t *safe(const char *text, size_t size)
{
	char out[4 * TEXT_SHOWN];
	return json_string(pl_escape(text, size, out, sizeof out));
}

static json_t *version(const struct macos_version *v)
{
	char text[MACOS_VERSION_TEXT];
	return macos_version_known(v) ? json_string(macos_version_text(v, text)) : json_null();
}

static json_t *flag_json(enum flag_state state, const struct boot_flag *f)
{
	json_t *o = json_pack("{s:s}", "state", flag_state_name(state));
	if (state == FLAG_UNKNOWN)
		return o;
	json_object_set_new(o, "since", version(&f->since));
	json_object_set_new(o, "until", f->until == 0 ? json_null() : json_integer((json_int_t)f->until));
	json_object_set_new(o, "meaning", json_string(f->meaning));
	return o;
}

static json_t *bits_json(uint32_t debug, const struct macos_version *xnu)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < 32; i++) {
		uint32_t bit = UINT32_C(1) << i;
		struct boot_flag f;
		if ((debug & bit) == 0)
			continue;
		enum flag_state state = debug_flag(bit, xnu, &f);
		json_t *o = flag_json(state, &f);
		json_object_set_new(o, "bit", hex(bit));
		json_object_set_new(o, "name", state == FLAG_UNKNOWN ? json_null() : json_string(f.name));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *words_json(const struct boot_args_view *v)
{
	json_t *list = json_array();
	struct boot_arg a;
	for (const char *cursor = v->args; boot_args_next(&cursor, &a);) {
		struct boot_flag f;
		json_t *o = flag_json(boot_key(a.text, a.key_size, &v->xnu, &f), &f);
		json_object_set_new(o, "text", safe(a.text, a.size));
		json_object_set_new(o, "key", safe(a.text, a.key_size));
		json_object_set_new(o, "value", a.value == NULL ? json_null() : safe(a.value, a.value_size));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *boot_args_json(const struct boot_args_view *v)
{
	uint32_t debug = boot_args_number(v->args, "debug");
	return json_pack("{s:o, s:o, s:o, s:s, s:{s:o, s:o}, s:o, s:o, s:b}", "boot_args",
		safe(v->args, strlen(v->args)), "macos", version(&v->macos), "xnu", version(&v->xnu), "dump",
		boot_args_dump_name(v->dump), "debug", "value", hex(debug), "bits", bits_json(debug, &v->xnu),
		"arguments", words_json(v), "findings", boot_args_findings_json(v->findings), "works",
		boot_args_stops(v->findings) == NULL);
}
