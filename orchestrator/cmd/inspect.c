/* paniclab inspect: what a file is and what is in it. */
#include "orchestrator/core/inspect.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/input_file.h"
#include "orchestrator/cmd/inspect_debugger.h"
#include "orchestrator/cmd/inspect_frames.h"
#include "orchestrator/cmd/inspect_map.h"
#include "orchestrator/cmd/inspect_vm.h"
#include "orchestrator/core/signature_rules.h"

#define LINE_MAX_TEXT 4096 /* bytes of one guest text on the terminal */

/* A key of an object and how people call it. */
struct row {
	const char *label;
	const char *key;
};

static const struct row identity_rows[] = {
	{"Architecture", "arch"},
	{"Kernel", "kernel_version"},
	{"xnu", "xnu"},
	{"Variant", "variant"},
	{"Kernel UUID", "kernel_uuid"},
	{"UUID", "uuid"},
	{"Build", "build"},
	{"Load address", "load_address"},
	{"Slide", "slide"},
	{"Identified by", "identity_source"},
	{"gzip", "gzip"},
	{"gzip detail", "gzip_detail"},
	{"Decompressed", "decompressed_bytes"},
	{"Truncated", "truncated"},
	{NULL, NULL},
};

/* Of a core; a panic text mostly says the same. */
static const struct row boot_args_rows[] = {
	{"Boot args", "boot_args"},
	{NULL, NULL},
};

static const struct row panic_rows[] = {
	{"Message", "string"},
	{"Source", "source"},
	{"Fault address", "fault_address"},
	{"CPU", "cpu"},
	{"Caller", "caller"},
	{"Process", "process"},
	{"Boot args", "boot_args"},
	{"Model", "model"},
	{"Last kext", "last_loaded_kext"},
	{"Title", "signature_title"},
	{"Signature", "signature"},
	{"Class", "signature_class"},
	{NULL, NULL},
};

static const char *text_of(const json_t *value, char *out, size_t size)
{
	if (json_is_string(value))
		return pl_escape(json_string_value(value), json_string_length(value), out, size);
	if (json_is_integer(value))
		snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		snprintf(out, size, "%s", json_is_true(value) ? "yes" : "no");
	return out;
}

static void print_rows(FILE *out, const json_t *o, const struct row *rows)
{
	char text[LINE_MAX_TEXT];

	for (; rows->label; rows++) {
		const json_t *value = json_object_get(o, rows->key);
		if (value)
			fprintf(out, "  %-14s %s\n", rows->label, text_of(value, text, sizeof text));
	}
}

/* A string of o, escaped into buf; "" when it is not there. */
static const char *field(const json_t *o, const char *key, char *buf, size_t size)
{
	return pl_escape_str(pl_json_str_or(o, key, ""), buf, size);
}

static void print_kexts(FILE *out, const json_t *kexts)
{
	char id[256], version[128];
	const json_t *k;
	size_t i;

	if (json_array_size(kexts) == 0)
		return;
	fputs("\nKernel extensions in the backtrace\n", out);
	json_array_foreach(kexts, i, k)
	{
		fprintf(out, "  %s %s\n", field(k, "id", id, sizeof id),
			field(k, "version", version, sizeof version));
		fprintf(out, "      %s  %s - %s\n", pl_json_str_or(k, "uuid", "no UUID"),
			pl_json_str_or(k, "start", "?"), pl_json_str_or(k, "end", "?"));
	}
}

static void print_panic(FILE *out, const json_t *doc)
{
	const json_t *panic = json_object_get(doc, "panic");

	if (panic) {
		fputs("\nPanic\n", out);
		print_rows(out, panic, panic_rows);
	}
	inspect_print_backtrace(out, doc);
	print_kexts(out, json_object_get(panic, "kexts"));
	int64_t unknown = pl_json_int_or(panic, "lines_not_understood", 0);
	if (unknown > 0)
		fprintf(out, "\n  %" PRId64 " line%s of the panic text not understood (--json lists them)\n",
			unknown, unknown > 1 ? "s" : "");
	if (pl_json_int_or(panic, "other_panics", 0) > 0)
		fputs("\n  another panic follows in the text, of the same boot or a later one (--last tells "
		      "the "
		      "last one's)\n",
			out);
}

static void print_memory(FILE *out, const json_t *doc)
{
	const json_t *memory = json_object_get(doc, "memory");
	char size[32], missing[32];

	if (!memory)
		return;
	fputs("\nMemory\n", out);
	fprintf(out, "  %" PRId64 " segments, %s, %s missing\n", pl_json_int_or(doc, "segments", 0),
		pl_format_size((uint64_t)pl_json_int_or(memory, "bytes", 0), size, sizeof size),
		pl_format_size((uint64_t)pl_json_int_or(memory, "missing", 0), missing, sizeof missing));
	fprintf(out, "  %s - %s\n", pl_json_str_or(memory, "lowest", "?"),
		pl_json_str_or(memory, "highest", "?"));
	fprintf(out, "  %" PRId64 " threads\n", pl_json_int_or(doc, "threads", 0));
}

static void print_files(FILE *out, const json_t *files)
{
	char name[64], size[32];
	const json_t *f;
	size_t i;

	if (!files)
		return;
	fprintf(out, "\nFiles (%zu)\n", json_array_size(files));
	json_array_foreach(files, i, f)
		fprintf(out, "  %-18s %12s at offset %" PRId64 "\n", field(f, "name", name, sizeof name),
			pl_format_size((uint64_t)pl_json_int_or(f, "length", 0), size, sizeof size),
			pl_json_int_or(f, "offset", 0));
}

static void print_warnings(FILE *out, const json_t *warnings)
{
	char text[2048];
	const json_t *w;
	size_t i;

	if (json_array_size(warnings) == 0)
		return;
	fputs("\nWarnings\n", out);
	json_array_foreach(warnings, i, w) fprintf(out, "  %s\n", text_of(w, text, sizeof text));
}

static struct pl_error *print_text(FILE *out, const char *path, const json_t *doc)
{
	char name[LINE_MAX_TEXT], size[32];

	fprintf(out, "%s: %s, %s\n", pl_escape_str(path, name, sizeof name),
		pl_json_str_or(doc, "kind", "unknown"),
		pl_format_size((uint64_t)pl_json_int_or(doc, "bytes", 0), size, sizeof size));
	print_rows(out, doc, identity_rows);
	if (!json_object_get(json_object_get(doc, "panic"), "boot_args"))
		print_rows(out, doc, boot_args_rows);
	print_panic(out, doc);
	inspect_print_threads(out, doc);
	inspect_print_loaded(out, doc);
	print_memory(out, doc);
	struct pl_error *e = inspect_print_map(out, doc);
	print_files(out, json_object_get(doc, "files"));
	inspect_vm_print(out, doc);
	print_warnings(out, json_object_get(doc, "warnings"));
	return e;
}

/* All values of a repeated option, with a NULL at the end; NULL without memory. */
static const char **values(const struct cmd_input *in, const char *name)
{
	size_t count = 0;

	while (cmd_nth(in, name, count))
		count++;
	const char **list = calloc(count + 1, sizeof *list);
	for (size_t i = 0; list && i < count; i++)
		list[i] = cmd_nth(in, name, i);
	return list;
}

static struct pl_error *show(struct cmd_env *env, const struct input_file *f, json_t *doc)
{
	struct pl_error *e = inspect_vm_add(f->path, doc);

	if (!e && env->json)
		return cmd_print_json(env, doc);
	return e ? e : print_text(env->out, f->name, doc);
}

static struct pl_error *inspect_input(
	struct cmd_env *env, const struct cmd_input *in, const struct inspect_options *o, bool debugger)
{
	struct pl_wait wait = {PL_TIME_FOREVER, env->cancel};
	struct input_file f;
	json_t *doc = NULL;

	struct pl_error *e = input_file_open(cmd_arg(in, 0), &wait, &f);
	if (!e && debugger && f.is_stdin)
		e = pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_USAGE, "a debugger needs a file"), "%s", f.name),
			"save the core, and name it");
	if (!e)
		e = inspect_file_with(f.path, o, &wait, &doc);
	if (!e && debugger)
		e = inspect_debugger_run(env, in, o, doc);
	else if (!e)
		e = show(env, &f, doc);
	json_decref(doc);
	input_file_close(&f);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	const char *rules_path = cmd_value(in, "rules");
	struct inspect_options o = {.log = &env->log};
	char *rules = NULL;
	bool debugger;

	(void)exit_code;
	struct pl_error *e = inspect_debugger_asked(in, &debugger);
	if (!e && rules_path)
		e = signature_rules_load(rules_path, &rules);
	o.rules = rules;
	o.last = cmd_flag(in, "last");
	o.kernels = values(in, "kernel");
	o.kexts = values(in, "kext");
	o.kits = values(in, "kdk");
	if (!e && !(o.kernels && o.kexts && o.kits))
		e = pl_error_nomem();
	if (!e)
		e = inspect_input(env, in, &o, debugger);
	free(rules);
	free(o.kernels);
	free(o.kexts);
	free(o.kits);
	return e;
}

static const struct cmd_option options[] = {
	{"kernel", 'k', "FILE",
		"the kernel that panicked, or its dSYM: its symbols name addresses; repeatable"},
	{"kext", 'x', "FILE", "the same of a kext, also as a .kext bundle; repeatable"},
	{"kdk", 0, "DIR", "a Kernel Debug Kit that has them; repeatable"},
	{"last", 'l', NULL, "of a log with several panics the last, not the first"},
	{"debugger", 0, "NAME", "write the commands with which lldb or gdb opens this core"},
	{"output", 'o', "FILE", "write them to FILE, not to standard output"},
	{"open", 0, NULL, "open the core in the debugger, by default lldb"},
	{"rules", 0, "FILE", "rules for naming panics, before those that are built in"},
	{0},
};

const struct cmd cmd_inspect = {
	.name = "inspect",
	.synopsis = "[options] FILE",
	.summary = "says what a core, image, panic log, kernel, nvram file is and what is in it",
	.example = "paniclab inspect core-xnu-7195.gz\n"
		   "paniclab inspect --json Kernel_2024-01-31_mac.panic\n"
		   "paniclab inspect --kdk KDK_10.15.7_19H2.kdk --kext My.kext core\n"
		   "paniclab inspect --debugger lldb --kdk KDK_10.15.7_19H2.kdk --open core\n"
		   "paniclab inspect --rules own.rules serial.log\n"
		   "pbpaste | paniclab inspect -",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
