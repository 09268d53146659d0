/* paniclab kdk find: the debug kit that fits a kernel. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/input_file.h"
#include "orchestrator/cmd/kdk.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/kdk_facts.h"
#include "orchestrator/core/kdk_search.h"

static struct pl_error *refuse(const char *option, const char *value, const char *hint)
{
	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--%s cannot be '%s'", option, value), "%s", hint);
}

static struct pl_error *read_file(const char *file, const struct pl_wait *w, struct kdk_facts *ret)
{
	struct input_file f;
	struct pl_error *e = input_file_open(file, w, &f);

	if (!e)
		e = kdk_facts_read(f.path, w, ret);
	input_file_close(&f);
	return e;
}

/* What the options say goes before what the file says. */
static struct pl_error *read_wanted(const struct cmd_input *in, const struct pl_wait *w, struct kdk_facts *f)
{
	const char *file = cmd_value(in, "for"), *build = cmd_value(in, "build");
	const char *uuid = cmd_value(in, "uuid"), *xnu = cmd_value(in, "xnu");

	memset(f, 0, sizeof *f);
	struct pl_error *e = file ? read_file(file, w, f) : NULL;
	if (e)
		return e;
	if (build && !kdk_facts_set_build(f, build))
		return refuse("build", build, "such as 20G80 or 24B5077a");
	if (uuid && !kdk_facts_set_uuid(f, uuid))
		return refuse("uuid", uuid, "such as A5A5C0DE-1111-3222-8333-0123456789AB");
	if (xnu && !kdk_facts_set_version(f, xnu))
		return refuse("xnu", xnu, "such as xnu-7195.141.2~5, or the whole text that uname -v prints");
	if (kdk_facts_known(f))
		return NULL;
	if (file)
		return pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_DATA, "it does not say which kernel it is of"), "%s",
				file),
			"add --build, --uuid or --xnu");
	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "nothing to look for"),
		"give --for FILE, --build, --uuid or --xnu");
}

static struct pl_error *search(struct kdk_search *s, const struct cmd_input *in, const struct pl_wait *w)
{
	struct pl_error *e = kdk_search_places(s, kdk_places(), w);
	const char *given;

	for (size_t i = 0; !e && (given = cmd_nth(in, "in", i)); i++)
		e = kdk_search_folder(s, given, w);
	for (size_t i = 0; !e && (given = cmd_nth(in, "manifest", i)); i++)
		e = kdk_search_manifest(s, given);
	return e;
}

/* The kernel of a kit to show: the wanted one, else none. */
static const struct kdk_kernel *kernel_of(const struct kdk_search *s, size_t i)
{
	const struct kdk *kit = s->found[i].kit;
	return kit && s->verdicts[i].kernel != KDK_NO_KERNEL ? &kit->kernels[s->verdicts[i].kernel] : NULL;
}

static const char *name_of(const struct kdk_found *f)
{
	if (f->kit)
		return f->kit->path;
	return f->listed->name[0] ? f->listed->name : f->listed->build;
}

static const char *version_of(const struct kdk_found *f)
{
	return f->kit ? f->kit->version : f->listed->version;
}

static void print_found(const struct cmd_env *env, const struct kdk_search *s, size_t i)
{
	const struct kdk_manifest_entry *n = s->found[i].listed;
	const struct kdk_kernel *kernel = kernel_of(s, i);
	char name[1024], size[32];

	fprintf(env->out, "%s\n", pl_escape_str(name_of(&s->found[i]), name, sizeof name));
	kdk_row(env->out, "Version", version_of(&s->found[i]));
	kdk_row(env->out, "Build", s->candidates[i].build);
	kdk_row(env->out, s->verdicts[i].fit == KDK_FIT_NEAREST ? "MISMATCH" : "Fits", s->verdicts[i].why);
	if (kernel) {
		kdk_row(env->out, "Kernel", kernel->binary.path);
		kdk_row(env->out, "dSYM", kernel->binary.dsym);
	}
	if (!n)
		return;
	kdk_row(env->out, "Download", n->url);
	if (n->bytes > 0)
		kdk_row(env->out, "Size", pl_format_size(n->bytes, size, sizeof size));
	kdk_row(env->out, "SHA-256", n->sha256);
	kdk_row(env->out, "MD5", n->md5);
}

/* With --verbose: each kit, and why it was taken or not. */
static void print_all(const struct cmd_env *env, const struct kdk_search *s, size_t best)
{
	char name[1024], why[512];

	if (env->verbose == 0)
		return;
	fprintf(env->out, "\nLooked at (%zu)\n", s->count);
	for (size_t i = 0; i < s->count; i++)
		fprintf(env->out, "  %s %s: %s\n", i == best ? "*" : " ",
			pl_escape_str(name_of(&s->found[i]), name, sizeof name),
			pl_escape_str(s->verdicts[i].why, why, sizeof why));
}

static void print_none(const struct cmd_env *env, const struct kdk_search *s)
{
	const struct kdk_wanted *w = &s->wanted;

	fprintf(env->out, "no debug kit fits (%zu looked at)\n", s->count);
	kdk_row(env->out, "Build", w->build);
	kdk_row(env->out, "Kernel UUID", w->kernel_uuid);
	kdk_row(env->out, "Kernel", w->version[0] ? w->version : w->xnu);
}

static json_t *kernel_json(const struct kdk_kernel *k)
{
	json_t *o = json_object();
	int bad = core_json_set_text(o, "name", k->name) | core_json_set_text(o, "variant", k->variant) |
		  core_json_set_text(o, "path", k->binary.path) |
		  core_json_set_text(o, "dsym", k->binary.dsym);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static int set_download(json_t *o, const struct kdk_manifest_entry *n)
{
	json_t *d = json_object();
	int bad = core_json_set_text(d, "url", n->url) | core_json_set_text(d, "sha256", n->sha256) |
		  core_json_set_text(d, "md5", n->md5) | core_json_set_text(d, "date", n->date);
	if (n->bytes > 0)
		bad |= core_json_set_count(d, "bytes", n->bytes);
	return json_object_set_new(o, "download", d) | bad;
}

static json_t *candidate_json(const struct kdk_search *s, size_t i)
{
	const struct kdk_found *f = &s->found[i];
	json_t *o = json_object();
	int bad = core_json_set_text(o, f->kit ? "path" : "name", name_of(f)) |
		  core_json_set_text(o, "version", version_of(f)) |
		  core_json_set_text(o, "build", s->candidates[i].build) |
		  core_json_set_text(o, "fit", kdk_fit_name(s->verdicts[i].fit)) |
		  core_json_set_text(o, "why", s->verdicts[i].why);
	if (kernel_of(s, i))
		bad |= json_object_set_new(o, "kernel", kernel_json(kernel_of(s, i)));
	if (f->listed)
		bad |= set_download(o, f->listed);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *wanted_json(const struct kdk_wanted *w)
{
	json_t *o = json_object();
	int bad = core_json_set_text(o, "build", w->build) |
		  core_json_set_text(o, "kernel_uuid", w->kernel_uuid) |
		  core_json_set_text(o, "kernel_version", w->version) | core_json_set_text(o, "xnu", w->xnu);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static struct pl_error *print_json(const struct cmd_env *env, const struct kdk_search *s, size_t best)
{
	json_t *list = json_array();
	json_t *doc = json_pack("{s:b,s:o?,s:o}", "found", best < s->count, "wanted", wanted_json(&s->wanted),
		"candidates", list);
	int bad = doc ? 0 : -1;

	for (size_t i = 0; i < s->count; i++)
		bad |= json_array_append_new(list, candidate_json(s, i));
	if (best < s->count) {
		bool mismatch = s->verdicts[best].fit == KDK_FIT_NEAREST;
		bad |= json_object_set_new(doc, "mismatch", json_boolean(mismatch));
		bad |= json_object_set_new(doc, "kdk", candidate_json(s, best));
	}
	struct pl_error *e = bad ? pl_error_nomem() : cmd_print_json(env, doc);
	json_decref(doc);
	return e;
}

/* Of no use unless it is asked for: but there it is. */
static void tell_nearest(const struct cmd_env *env, struct kdk_search *s, bool in)
{
	size_t near = kdk_match(&s->wanted, s->candidates, s->count, true, s->verdicts);

	if (near < s->count)
		pl_log(&env->log, PL_LOG_INFO, "%s is near, but another build: --accept-mismatch takes it",
			name_of(&s->found[near]));
	else if (s->manifest_count == 0)
		pl_log(&env->log, PL_LOG_INFO,
			"kits were looked for in %s%s: --in names another folder, --manifest a list of kits "
			"to download",
			kdk_places(), in ? ", and where --in says" : "");
	else
		pl_log(&env->log, PL_LOG_INFO,
			"neither a folder nor a list has it: Apple does not publish a kit of every build");
	kdk_match(&s->wanted, s->candidates, s->count, false, s->verdicts);
}

/* Symbols that are wrong without a sign are worse than none. */
static void warn(const struct cmd_env *env, struct kdk_search *s, size_t best, bool in)
{
	const char *line = pl_buf_text(&s->notes);

	for (; *line; line += strcspn(line, "\n") + 1)
		pl_log(&env->log, PL_LOG_INFO, "%.*s", (int)strcspn(line, "\n"), line);
	if (best == s->count) {
		tell_nearest(env, s, in);
		return;
	}
	if (s->verdicts[best].fit == KDK_FIT_NEAREST)
		pl_log(&env->log, PL_LOG_WARN,
			"this kit is of ANOTHER build: its symbols and lines are wrong wherever the kernels "
			"differ");
	if (s->verdicts[best].other_kernels)
		pl_log(&env->log, PL_LOG_WARN, "%s: %s", name_of(&s->found[best]), s->verdicts[best].why);
	if (s->found[best].listed)
		pl_log(&env->log, PL_LOG_INFO,
			"this kit is not here: download it, compare its checksum, install it, and ask again");
}

struct pl_error *kdk_run_find(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct pl_wait wait = {PL_TIME_FOREVER, env->cancel};
	struct kdk_facts facts;
	size_t best;

	struct pl_error *e = read_wanted(in, &wait, &facts);
	if (e)
		return e;
	struct kdk_wanted wanted = kdk_facts_wanted(&facts);
	struct kdk_search *s = kdk_search_new(&wanted);
	e = s ? search(s, in, &wait) : pl_error_nomem();
	if (!e)
		e = kdk_search_match(s, cmd_flag(in, "accept-mismatch"), &best);
	if (!e) {
		*exit_code = best < s->count ? 0 : 1;
		warn(env, s, best, cmd_value(in, "in") != NULL);
		if (env->json)
			e = print_json(env, s, best);
		else if (best < s->count)
			print_found(env, s, best);
		else
			print_none(env, s);
		if (!env->json)
			print_all(env, s, best);
	}
	kdk_search_free(s);
	return e;
}
