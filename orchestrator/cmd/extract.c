/* paniclab extract: takes an on-disk core image apart. */
#include "orchestrator/core/extract.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/commands.h"

static const struct cmd_option options[] = {
	{"stored", 's', NULL, "write each file as it stands in the image: NAME.gz, NAME.lz4"},
	{"only", 'o', "NAME", "write this part only"},
	{"force", 'f', NULL, "OUTDIR may exist; files in it are replaced"},
	{"max-size", 0, "SIZE", "the most to write, holes included; 64G by default"},
	{NULL, 0, NULL, NULL},
};

/* What is under way, for those who watch: a live line on a terminal, or one now and then where there is none.
 */
struct watch {
	struct cmd_env *env;
	int64_t printed; /* when the last line was */
};

static void begins(void *arg, const char *path)
{
	struct watch *w = arg;
	w->printed = pl_now();
	pl_log(&w->env->log, PL_LOG_INFO, "writing %s", path);
}

static void reads(void *arg, const char *path, uint64_t done, uint64_t of)
{
	struct watch *w = arg;
	char shown[128], so_far[32], all[32];
	int64_t now = pl_now();

	if (now - w->printed < (w->env->terminal ? PL_SECOND / 10 : 5 * PL_SECOND))
		return;
	w->printed = now;
	pl_escape_str(path, shown, sizeof shown);
	pl_format_size(done, so_far, sizeof so_far);
	pl_format_size(of, all, sizeof all);
	if (w->env->terminal)
		fprintf(w->env->err, "\r\033[K%s: %s of %s read", shown, so_far, all);
	else
		pl_log(&w->env->log, PL_LOG_INFO, "%s: %s of %s read", shown, so_far, all);
	fflush(w->env->err);
}

/* Results may go to the same terminal. */
static void end_line(const struct cmd_env *env)
{
	if (env->terminal)
		fputs("\r\033[K", env->err);
}

static void print_part(FILE *out, const json_t *f)
{
	char path[128], size[32], detail[160];
	const char *status = pl_json_str_or(f, "status", NULL);
	const char *more = pl_escape_str(pl_json_str_or(f, "detail", ""), detail, sizeof detail);

	fprintf(out, "  %-22s", pl_escape_str(pl_json_str_or(f, "path", ""), path, sizeof path));
	if (status)
		fprintf(out, " %12s  %s%s%s",
			pl_format_size((uint64_t)pl_json_int_or(f, "bytes", 0), size, sizeof size), status,
			more[0] ? ": " : "", more);
	else
		fprintf(out, " from %" PRId64 " to %" PRId64, pl_json_int_or(f, "begin", 0),
			pl_json_int_or(f, "end", 0));
	fputc('\n', out);
}

static void print_text(const struct cmd_env *env, const struct extract_options *o, const json_t *doc)
{
	char dir[1024];
	const json_t *f;
	size_t i;

	fprintf(env->out, "%s%s: ", env->dry_run ? "would write " : "",
		pl_escape_str(o->outdir, dir, sizeof dir));
	if (json_is_null(json_object_get(doc, "version")))
		fputs("a core as the kernel sent it\n", env->out);
	else
		fprintf(env->out, "an on-disk core, version %" PRId64 "\n",
			pl_json_int_or(doc, "version", 0));
	json_array_foreach(json_object_get(doc, "files"), i, f) print_part(env->out, f);
}

/* What is odd, and what to do about what is encrypted. */
static void tell(struct cmd_env *env, const json_t *doc)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(doc, "warnings"), i, v)
		pl_log(&env->log, PL_LOG_WARN, "%s", json_string_value(v));
	json_array_foreach(json_object_get(doc, "files"), i,
		v) if (pl_json_bool_or(v, "encrypted", false)) pl_log(&env->log, PL_LOG_WARN,
		"%s is an Apple Encrypted Archive: decrypt it with macOS's aea(1) and the private key of "
		"the public key that the Mac was given",
		pl_json_str_or(v, "path", ""));
}

static struct pl_error *read_options(
	const struct cmd_env *env, const struct cmd_input *in, struct extract_options *ret)
{
	const char *max = cmd_value(in, "max-size");

	*ret = (struct extract_options){.image = cmd_arg(in, 0),
		.outdir = cmd_arg(in, 1),
		.only = cmd_value(in, "only"),
		.max_size = EXTRACT_MAX_SIZE,
		.stored = cmd_flag(in, "stored"),
		.force = cmd_flag(in, "force"),
		.dry_run = env->dry_run};
	if (max && !pl_parse_size(max, &ret->max_size))
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--max-size cannot be '%s'", max),
			"a number with K, M or G, such as 100G");
	return NULL;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct pl_wait wait = {PL_TIME_FOREVER, env->cancel};
	struct extract_options o;
	json_t *doc = NULL;
	bool whole;

	struct pl_error *e = read_options(env, in, &o);
	if (e)
		return e;
	struct watch watch = {.env = env};
	o.begins = begins;
	o.reads = reads;
	o.arg = &watch;
	e = extract_image(&o, &wait, &doc, &whole);
	end_line(env);
	if (e)
		return e;
	tell(env, doc);
	if (env->json)
		e = cmd_print_json(env, doc);
	else
		print_text(env, &o, doc);
	json_decref(doc);
	*exit_code = whole ? 0 : 1;
	return e;
}

const struct cmd cmd_extract = {
	.name = "extract",
	.synopsis = "[options] IMAGE OUTDIR",
	.summary = "takes an on-disk core, or a disk image with one, apart",
	.example = "paniclab extract kernelcore dump\n"
		   "paniclab extract --only kernel --json disk.img dump",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.run = run,
};
