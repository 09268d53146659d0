/* paniclab kdk check: is a debug kit whole, and is it the one of this file? */
#include "orchestrator/core/kdk_check.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/input_file.h"
#include "orchestrator/cmd/kdk.h"

static void print_kernels(FILE *out, const json_t *kernels)
{
	char name[128];
	const json_t *k, *a;
	size_t i, j;

	json_array_foreach(kernels, i, k)
	{
		fprintf(out, "\n%s\n", pl_escape_str(pl_json_str_or(k, "name", ""), name, sizeof name));
		kdk_row(out, "Variant", pl_json_str_or(k, "variant", ""));
		kdk_row(out, "Kernel", pl_json_str_or(k, "version", ""));
		json_array_foreach(json_object_get(k, "arches"), j, a)
			kdk_row(out, pl_json_str_or(a, "arch", ""), pl_json_str_or(a, "uuid", "no UUID"));
		kdk_row(out, "dSYM", pl_json_str_or(k, "dsym", "none"));
	}
}

static void print_problems(FILE *out, const json_t *doc)
{
	char path[1024], what[512];
	const json_t *p;
	size_t i;

	if (json_array_size(json_object_get(doc, "problems")) > 0)
		fputs("\nProblems\n", out);
	json_array_foreach(json_object_get(doc, "problems"), i, p)
		fprintf(out, "  %s: %s\n", pl_escape_str(pl_json_str_or(p, "path", ""), path, sizeof path),
			pl_escape_str(pl_json_str_or(p, "what", ""), what, sizeof what));
	int64_t more = pl_json_int_or(doc, "problems_left_out", 0);
	if (more > 0)
		fprintf(out, "  and %" PRId64 " more\n", more);
}

static void print_match(FILE *out, const json_t *doc, const char *file)
{
	char name[1024], why[512];

	if (!json_object_get(doc, "matches"))
		return;
	fprintf(out, "%s %s: %s\n",
		pl_json_bool_or(doc, "matches", false) ? "it is the kit of" : "NOT the kit of",
		pl_escape_str(file, name, sizeof name),
		pl_escape_str(pl_json_str_or(doc, "why", ""), why, sizeof why));
}

static void print_text(FILE *out, const json_t *doc, const char *file)
{
	char path[1024];
	const json_t *kexts = json_object_get(doc, "kexts");

	fprintf(out, "%s\n", pl_escape_str(pl_json_str_or(doc, "path", ""), path, sizeof path));
	kdk_row(out, "Version", pl_json_str_or(doc, "version", ""));
	kdk_row(out, "Build", pl_json_str_or(doc, "build", ""));
	fprintf(out, "  %-14s %" PRId64 ", %" PRId64 " with code, %" PRId64 " of them with a dSYM\n", "Kexts",
		pl_json_int_or(kexts, "count", 0), pl_json_int_or(kexts, "code", 0),
		pl_json_int_or(kexts, "dsyms", 0));
	print_kernels(out, json_object_get(doc, "kernels"));
	print_problems(out, doc);
	fprintf(out, "\n%s\n", pl_json_bool_or(doc, "whole", false) ? "the kit is whole" : "NOT whole");
	print_match(out, doc, file);
}

static struct pl_error *show(struct cmd_env *env, const json_t *doc, const char *file)
{
	if (env->json)
		return cmd_print_json(env, doc);
	print_text(env->out, doc, file);
	return NULL;
}

static struct pl_error *read_file(const char *file, const struct pl_wait *w, struct kdk_facts *ret)
{
	struct input_file f;
	struct pl_error *e = input_file_open(file, w, &f);

	if (!e)
		e = kdk_facts_read(f.path, w, ret);
	if (!e && !kdk_facts_known(ret))
		e = pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_DATA, "it does not say which kernel it is of"), "%s",
				f.name),
			"a core, a panic text or a kernel does");
	input_file_close(&f);
	return e;
}

struct pl_error *kdk_run_check(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct pl_wait wait = {PL_TIME_FOREVER, env->cancel};
	const char *file = cmd_arg(in, 2);
	struct kdk_facts facts;
	json_t *doc = NULL;
	struct kdk k;

	struct pl_error *e = kdk_open(cmd_arg(in, 1), &k);
	if (e)
		return e;
	if (file)
		e = read_file(file, &wait, &facts);
	if (!e)
		e = kdk_check(&k, file ? &facts : NULL, &wait, &doc);
	if (!e) {
		*exit_code = kdk_check_ok(doc) ? 0 : 1;
		e = show(env, doc, file);
	}
	json_decref(doc);
	kdk_close(&k);
	return e;
}
