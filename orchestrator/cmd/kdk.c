/* paniclab kdk: which debug kit fits, and whether one is whole. */
#include "orchestrator/cmd/kdk.h"

#include <string.h>

#include "base/text.h"
#include "orchestrator/cmd/commands.h"

static const struct cmd_option options[] = {
	{"build", 'b', "BUILD", "find: the kit of this build, such as 20G80"},
	{"uuid", 'u', "UUID", "find: that has a kernel with this UUID"},
	{"xnu", 'x', "VERSION", "find: or this version: \"Darwin Kernel Version ...\" or xnu-7195.141.2~5"},
	{"for", 'f', "FILE", "find: take build, UUID and version out of this core, panic text or kernel"},
	{"in", 'i', "DIR", "find: also in DIR, a kit or a folder of kits; repeat"},
	{"manifest", 'm', "FILE", "find: also in this list of kits (KdkSupportPkg's manifest.json); repeat"},
	{"accept-mismatch", 0, NULL, "find: else the nearest lower build; its symbols may be wrong"},
	{NULL, 0, NULL, NULL},
};

void kdk_row(FILE *out, const char *label, const char *text)
{
	char escaped[2048];

	if (text && text[0])
		fprintf(out, "  %-14s %s\n", label, pl_escape_str(text, escaped, sizeof escaped));
}

static struct pl_error *only_of_find(const struct cmd_input *in)
{
	for (const struct cmd_option *o = options; o->name; o++)
		if (cmd_flag(in, o->name))
			return pl_error_hint(
				pl_error_new(PL_ERR_USAGE, "--%s is an option of kdk find", o->name),
				"paniclab kdk check DIR [FILE]");
	return NULL;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	const char *verb = cmd_arg(in, 0);
	size_t args = cmd_args(in);

	if (strcmp(verb, "find") == 0)
		return args == 1 ? kdk_run_find(env, in, exit_code)
				 : pl_error_hint(pl_error_new(PL_ERR_USAGE, "kdk find takes no arguments"),
					   "--for FILE, --in DIR");
	if (strcmp(verb, "check") != 0)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "kdk cannot '%s'", verb), "find or check");
	if (args == 1)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "an argument is missing"),
			"paniclab kdk check DIR [FILE]");
	struct pl_error *e = only_of_find(in);
	return e ? e : kdk_run_check(env, in, exit_code);
}

const struct cmd cmd_kdk = {
	.name = "kdk",
	.synopsis = "find [options] | check [options] DIR [FILE]",
	.summary = "finds the Kernel Debug Kit that fits a kernel, or checks one",
	.example = "paniclab kdk find --for core-xnu-7195.gz\n"
		   "paniclab kdk find --build 24B82 --manifest manifest.json\n"
		   "paniclab kdk check /Library/Developer/KDKs/KDK_11.5.1_20G80.kdk core",
	.options = options,
	.min_args = 1,
	.max_args = 3,
	.run = run,
};
