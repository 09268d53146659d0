/* paniclab nvram: the EFI variables in a powered-off guest's .nvram. */
#include "orchestrator/fusion/nvram.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/nvram_parts.h"
#include "orchestrator/cmd/nvram_show.h"

static const struct cmd_option options[] = {
	{"macos", 'm', "VERSION", "the guest's, for csr-active-config enable and disable"},
	{"unsealed", 'u', NULL, "with disable: allow a system volume without a seal too (11 and later)"},
	{"attributes", 0, "N", "the variable's; by default what it has, 7 for a new one"},
	{"vmrun", 0, "PATH", "asked whether the VM is on; by default Fusion's own"},
	{NULL, 0, NULL, NULL},
};

/* ---- the file ----------------------------------------------------------------------------- */

static struct pl_error *parse(struct nvram_open *o)
{
	struct pl_buf bytes;
	struct pl_error *e;

	pl_buf_init(&bytes, NVRAM_FILE_MAX);
	e = bundle_read(o->bundle.nvram, &bytes, &o->seen);
	if (!e)
		e = nvram_parse(bytes.data, bytes.size, &o->nvram);
	pl_buf_deinit(&bytes);
	if (e && pl_error_kind(e) == PL_ERR_DATA)
		e = pl_error_as(e, PL_ERR_USAGE);
	if (e && o->bundle.encrypted)
		e = pl_error_hint(e, "the VM is encrypted: change it in Fusion, or SIP in Recovery");
	return pl_error_at(e, "%s", o->bundle.nvram);
}

struct pl_error *nvram_open(const char *path, struct nvram_open *ret)
{
	memset(ret, 0, sizeof *ret);
	struct pl_error *e = bundle_find(path, &ret->bundle);
	return e ? e : parse(ret);
}

void nvram_close(struct nvram_open *o)
{
	nvram_deinit(&o->nvram);
	bundle_deinit(&o->bundle);
}

/* ---- list, get ------------------------------------------------------------------------------ */

static struct pl_error *print_list(struct cmd_env *env, const struct nvram_open *o)
{
	struct pl_error *e = NULL;

	if (env->json) {
		json_t *doc = json_pack("{s:s, s:i, s:o}", "file", o->bundle.nvram, "free",
			(int)nvram_free(&o->nvram), "variables", nvram_show_all(&o->nvram));
		e = cmd_print_json(env, doc);
		json_decref(doc);
		return e;
	}
	for (size_t i = 0; !e && i < o->nvram.count; i++)
		e = nvram_show_line(env->out, "", &o->nvram.variables[i]);
	return e;
}

static struct pl_error *not_there(const struct nvram *n, const struct nvram_id *id)
{
	char safe[NVRAM_NAME_MAX + 1], near_by[200];
	const char **names = calloc(n->count + 1, sizeof *names);
	size_t count = 0;

	if (!names)
		return pl_error_nomem();
	for (size_t i = 0; i < n->count; i++)
		if (!memcmp(n->variables[i].guid, id->guid, 16) && strlen(n->variables[i].name) < 64)
			names[count++] = n->variables[i].name;
	const char *nearest = pl_nearest(id->name, names, count);
	struct pl_error *e = pl_error_new(
		PL_ERR_DATA, "there is no variable %s", pl_escape_str(id->name, safe, sizeof safe));
	if (nearest)
		e = pl_error_hint(e, "did you mean %s?", pl_escape_str(nearest, near_by, sizeof near_by));
	free(names);
	return e;
}

static struct pl_error *print_one(struct cmd_env *env, const struct nvram *n, const char *name)
{
	const struct nvram_variable *v;
	struct nvram_id id;
	struct pl_buf value;
	struct pl_error *e = nvram_id_parse(name, &id);

	if (!e)
		e = nvram_find(n, &id, &v);
	if (!e && !v)
		e = not_there(n, &id);
	if (e)
		return e;
	if (env->json) {
		json_t *doc = nvram_show_json(v);
		e = cmd_print_json(env, doc);
		json_decref(doc);
		return e;
	}
	pl_buf_init(&value, 3 * NVRAM_FILE_MAX);
	e = nvram_show_value(v, &value);
	if (!e)
		fprintf(env->out, "%s\n", pl_buf_text(&value));
	pl_buf_deinit(&value);
	return e;
}

static struct pl_error *show(struct cmd_env *env, const struct cmd_input *in)
{
	struct nvram_open o;
	struct pl_error *e = nvram_open(cmd_arg(in, 0), &o);

	if (!e && cmd_arg(in, 2))
		e = pl_error_at(print_one(env, &o.nvram, cmd_arg(in, 2)), "%s", o.bundle.nvram);
	else if (!e)
		e = print_list(env, &o);
	nvram_close(&o);
	return e;
}

/* ---- the words behind FILE ------------------------------------------------------------------- */

struct verb {
	const char *name;
	size_t args; /* FILE and itself included */
	const char *usage;
};

static const struct verb verbs[] = {
	{"list", 2, "FILE list"},
	{"get", 3, "FILE get NAME"},
	{"set", 4, "FILE set NAME VALUE"},
	{"delete", 3, "FILE delete NAME"},
	{"diff", 3, "FILE diff OTHER"},
};
#define VERBS (sizeof verbs / sizeof *verbs)

static struct pl_error *find_verb(const struct cmd_input *in, const struct verb **ret)
{
	const char *names[VERBS], *word = cmd_arg(in, 1);
	char safe[64];

	*ret = NULL;
	for (size_t i = 0; i < VERBS; i++) {
		names[i] = verbs[i].name;
		if (strcmp(names[i], word) == 0)
			*ret = &verbs[i];
	}
	if (*ret && cmd_args(in) == (*ret)->args)
		return NULL;
	if (*ret && strcmp((*ret)->name, "set") == 0 && cmd_args(in) < (*ret)->args)
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "a word is missing: paniclab nvram %s", (*ret)->usage),
			"put -- in front of a VALUE that begins with a dash");
	if (*ret)
		return pl_error_new(PL_ERR_USAGE, "%s takes no other words than: paniclab nvram %s",
			(*ret)->name, (*ret)->usage);
	const char *nearest = pl_nearest(word, names, VERBS);
	struct pl_error *e = pl_error_new(
		PL_ERR_USAGE, "behind FILE cannot stand '%s'", pl_escape_str(word, safe, sizeof safe));
	return nearest ? pl_error_hint(e, "did you mean %s?", nearest)
		       : pl_error_hint(e, "list, get, set, delete or diff");
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	const struct verb *verb;
	struct pl_error *e = find_verb(in, &verb);

	if (e)
		return e;
	if (strcmp(verb->name, "diff") == 0)
		return nvram_diff(env, cmd_arg(in, 0), cmd_arg(in, 2), exit_code);
	if (strcmp(verb->name, "set") == 0 || strcmp(verb->name, "delete") == 0)
		return nvram_change(env, in);
	return show(env, in);
}

const struct cmd cmd_nvram = {
	.name = "nvram",
	.synopsis = "[options] FILE list|get NAME|set NAME VALUE|delete NAME|diff OTHER",
	.summary = "EFI variables in a powered-off guest's .nvram",
	.example = "paniclab nvram macOS.vmwarevm list\n"
		   "paniclab nvram macOS.vmwarevm set boot-args 'debug=0x144 keepsyms=1'\n"
		   "paniclab nvram macOS.vmwarevm set csr-active-config disable --macos 11.7",
	.options = options,
	.min_args = 2,
	.max_args = 4,
	.run = run,
};
