/* paniclab init: the commented lab and scenario file to start from. */
#include <jansson.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/config/templates.h"

enum { FILES = 2 };

struct target {
	const struct pl_embedded *content;
	char *path;
	bool existed;
};

static void free_targets(struct target targets[static FILES])
{
	for (size_t i = 0; i < FILES; i++)
		free(targets[i].path);
}

static struct pl_error *find_targets(const char *dir, struct target targets[static FILES])
{
	static const char *const names[FILES] = {"lab.yaml", "scenario.yaml"};

	for (size_t i = 0; i < FILES; i++) {
		targets[i].content = pl_embedded_find(config_templates, names[i]);
		if (targets[i].content == NULL)
			return pl_error_new(PL_ERR_LAB, "this program was built without %s", names[i]);
		struct pl_error *e = pl_fs_join(dir, names[i], &targets[i].path);
		if (e != NULL)
			return e;
		targets[i].existed = pl_fs_exists(targets[i].path);
	}
	return NULL;
}

/* Before anything is written: one that is in the way stops both. */
static struct pl_error *check_absent(const struct target targets[static FILES])
{
	for (size_t i = 0; i < FILES; i++) {
		if (!targets[i].existed)
			continue;
		struct pl_error *e = pl_error_new(PL_ERR_USAGE, "the file exists, nothing was written");
		return pl_error_at(pl_error_hint(e, "name another folder, or overwrite it with --force"),
			"%s", targets[i].path);
	}
	return NULL;
}

static struct pl_error *write_targets(const char *dir, const struct target targets[static FILES])
{
	struct pl_error *e = pl_fs_mkdirs(dir);

	for (size_t i = 0; e == NULL && i < FILES; i++)
		e = pl_fs_write(targets[i].path, targets[i].content->data, targets[i].content->size, 0644);
	return e;
}

static struct pl_error *tell_json(const struct cmd_env *env, const struct target targets[static FILES])
{
	json_t *o = json_pack("{s:b, s:[{s:s, s:b}, {s:s, s:b}]}", "dry_run", env->dry_run, "files", "path",
		targets[0].path, "replaced", targets[0].existed, "path", targets[1].path, "replaced",
		targets[1].existed);

	struct pl_error *e = cmd_print_json(env, o);
	json_decref(o);
	return e;
}

/* One line of advice: paniclab COMMAND LAB [SCENARIO], quoted for the shell. */
static struct pl_error *tell_command(
	const struct cmd_env *env, const char *command, const char *lab, const char *scenario)
{
	struct pl_buf line;

	pl_buf_init(&line, 16384);
	struct pl_error *e = pl_buf_printf(&line, "  paniclab %s ", command);
	if (e == NULL)
		e = pl_shell_quote(lab, &line);
	if (e == NULL && scenario != NULL)
		e = pl_buf_puts(&line, " ");
	if (e == NULL && scenario != NULL)
		e = pl_shell_quote(scenario, &line);
	if (e == NULL)
		fprintf(env->out, "%s\n", pl_buf_text(&line));
	pl_buf_deinit(&line);
	return e;
}

static struct pl_error *tell(const struct cmd_env *env, const struct target targets[static FILES])
{
	const char *lab = targets[0].path;
	const char *scenario = targets[1].path;

	if (env->json)
		return tell_json(env, targets);
	for (size_t i = 0; i < FILES; i++) {
		const char *did = targets[i].existed ? "replaced" : "wrote";
		const char *would = targets[i].existed ? "would replace" : "would write";
		fprintf(env->out, "%s %s\n", env->dry_run ? would : did, targets[i].path);
	}
	fprintf(env->out, "Edit them, then:\n");
	struct pl_error *e = tell_command(env, "validate", lab, NULL);
	if (e == NULL)
		e = tell_command(env, "run --dry-run", lab, scenario);
	if (e == NULL)
		e = tell_command(env, "run", lab, scenario);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct target targets[FILES] = {0};
	const char *dir = cmd_arg(in, 0);

	(void)exit_code;
	if (dir == NULL || dir[0] == '\0')
		dir = ".";
	struct pl_error *e = find_targets(dir, targets);
	if (e == NULL && !cmd_flag(in, "force"))
		e = check_absent(targets);
	if (e == NULL && !env->dry_run)
		e = write_targets(dir, targets);
	if (e == NULL)
		e = tell(env, targets);
	free_targets(targets);
	return e;
}

static const struct cmd_option options[] = {
	{"force", 'f', NULL, "overwrite files that exist"},
	{NULL, 0, NULL, NULL},
};

const struct cmd cmd_init = {
	.name = "init",
	.synopsis = "[options] [DIR]",
	.summary = "writes a commented lab.yaml and scenario.yaml",
	.example = "paniclab init && paniclab run --dry-run lab.yaml scenario.yaml",
	.options = options,
	.max_args = 1,
	.run = run,
};
