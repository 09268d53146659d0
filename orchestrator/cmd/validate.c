/* paniclab validate: checks a configuration file and prints it back. */
#include <stdlib.h>

#include "base/buf.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/config/file.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/config/scenario.h"
#include "orchestrator/core/signature_rules.h"

/* A file has 1 MiB at most; printed, escapes and defaults make it longer. */
#define PRINTED_MAX ((size_t)16 << 20)

static struct pl_error *print_lab(const char *path, const struct pl_buf *text, bool json, struct pl_buf *out)
{
	struct lab *lab = NULL;
	char *rules = NULL;
	struct pl_error *e = lab_parse(pl_buf_text(text), text->size, path, &lab);

	if (e == NULL && lab->signature_rules != NULL)
		e = signature_rules_load(lab->signature_rules, &rules);
	if (e == NULL)
		e = json ? lab_print_json(lab, out) : lab_print(lab, out);
	free(rules);
	lab_destroy(lab);
	return e;
}

static struct pl_error *print_scenario(
	const char *path, const struct pl_buf *text, bool json, struct pl_buf *out)
{
	struct scenario *s = NULL;
	struct pl_error *e = scenario_parse(pl_buf_text(text), text->size, path, &s);

	if (e == NULL)
		e = json ? scenario_print_json(s, out) : scenario_print(s, out);
	scenario_destroy(s);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	const char *path = cmd_arg(in, 0);
	enum config_kind kind;
	struct pl_buf text;
	struct pl_buf out;

	(void)exit_code;
	pl_buf_init(&out, PRINTED_MAX);
	struct pl_error *e = config_read(path, &text);
	if (e == NULL)
		e = config_kind(pl_buf_text(&text), text.size, path, &kind);
	if (e == NULL && kind == CONFIG_LAB)
		e = print_lab(path, &text, env->json, &out);
	else if (e == NULL)
		e = print_scenario(path, &text, env->json, &out);
	if (e == NULL)
		fputs(pl_buf_text(&out), env->out);
	pl_buf_deinit(&out);
	pl_buf_deinit(&text);
	return e;
}

const struct cmd cmd_validate = {
	.name = "validate",
	.synopsis = "[options] FILE",
	.summary = "checks a lab or scenario file and prints it back, normalised",
	.example = "paniclab validate lab.yaml",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
