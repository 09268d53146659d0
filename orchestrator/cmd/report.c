/* paniclab report: writes a run's pages again from its report.json. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/report/report.h"
#include "orchestrator/run/store.h"

static struct pl_error *outside(const char *path, const char *runs)
{
	return pl_error_hint(pl_error_at(pl_error_new(PL_ERR_USAGE, "not a run below %s", runs), "%s", path),
		"--state DIR says where the runs are");
}

/* What of `path` stands below `runs`; malloc'd. Links are followed first, so that ".." cannot fool it. */
static struct pl_error *below(const char *runs, const char *path, char **ret)
{
	char *found = realpath(path, NULL);
	if (found == NULL)
		return pl_error_at(pl_error_errno(PL_ERR_USAGE, errno, "no such run"), "%s", path);
	char *root = realpath(runs, NULL);
	size_t length = root == NULL ? 0 : strlen(root);
	bool inside = root != NULL && strncmp(found, root, length) == 0 && found[length] == '/';
	struct pl_error *e = inside ? pl_strdup(found + length + 1, ret) : outside(path, runs);
	free(root);
	free(found);
	return e;
}

static struct pl_error *id_of_path(const char *state, const char *path, char **ret)
{
	char *runs = NULL;
	struct pl_error *e = pl_fs_join(state, "runs", &runs);
	if (e == NULL)
		e = below(runs, path, ret);
	free(runs);
	return e;
}

static struct pl_error *find_run(const char *state, const char *word, char **dir)
{
	char *id = NULL;
	char *found = NULL;
	*dir = NULL;
	struct pl_error *e = strchr(word, '/') == NULL ? NULL : id_of_path(state, word, &id);
	if (e == NULL)
		e = store_find(state, id == NULL ? word : id, &found, dir);
	free(found);
	free(id);
	return e;
}

static struct pl_error *read_document(const char *dir, json_t **ret)
{
	char *path = NULL;
	struct pl_buf text;
	pl_buf_init(&text, REPORT_MAX);
	struct pl_error *e = pl_fs_join(dir, "report.json", &path);
	if (e == NULL && !pl_fs_exists(path))
		e = pl_error_hint(pl_error_at(pl_error_new(PL_ERR_DATA, "the run has no report"), "%s", path),
			"it has not ended, or was killed: paniclab runs shows it, paniclab teardown restores "
			"it");
	if (e == NULL)
		e = pl_fs_read(path, &text);
	if (e == NULL)
		e = pl_json_parse(pl_buf_text(&text), text.size, REPORT_MAX, path, ret);
	if (e == NULL && !json_is_object(*ret))
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "not a report: no object"), "%s", path);
	pl_buf_deinit(&text);
	free(path);
	return e;
}

static struct pl_error *print(const struct cmd_env *env, const json_t *doc)
{
	if (env->json)
		return cmd_print_json(env, doc);
	struct pl_buf text;
	pl_buf_init(&text, REPORT_MAX);
	struct pl_error *e = report_text(doc, env->color, &text);
	if (e == NULL)
		fputs(pl_buf_text(&text), env->out);
	pl_buf_deinit(&text);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	char *dir = NULL;
	json_t *doc = NULL;
	(void)exit_code;
	struct pl_error *e = find_run(env->state, cmd_arg(in, 0), &dir);
	if (e == NULL)
		e = read_document(dir, &doc);
	if (e == NULL && env->dry_run)
		fprintf(env->err, "would write %s/report.html and %s/report.md\n", dir, dir);
	else if (e == NULL)
		e = report_write_pages(dir, doc);
	/* --json prints the document as it is on disk; people want to know where it is now. */
	if (e == NULL && !env->json && json_object_set_new(doc, "folder", json_string(dir)) != 0)
		e = pl_error_nomem();
	if (e == NULL)
		e = print(env, doc);
	json_decref(doc);
	free(dir);
	return e;
}

const struct cmd cmd_report = {
	.name = "report",
	.synopsis = "[options] RUN",
	.summary = "writes a run's report again (HTML, Markdown) and prints it",
	.example = "paniclab report 20261121\npaniclab report --json 20261121-101500-ab12 | jq .panic.string",
	.min_args = 1,
	.max_args = 1,
	.uses_state = true,
	.run = run,
};
