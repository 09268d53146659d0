#include "orchestrator/cmd/inspect_debugger.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/debugger_session.h"
#include "orchestrator/core/kdk_search.h"

struct pl_error *inspect_debugger_asked(const struct cmd_input *in, bool *ret)
{
	const char *name = cmd_value(in, "debugger");
	enum debugger_kind kind;

	*ret = name != NULL || cmd_flag(in, "open");
	if (name && !debugger_kind_parse(name, &kind))
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "--debugger cannot be '%s'", name), "lldb or gdb");
	if (cmd_value(in, "output") && !*ret)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--output is for a debugger's commands"),
			"add --debugger");
	return NULL;
}

/* A core that is cut, a kext that is another's: the debugger would say less of it. */
static void tell_warnings(const struct cmd_env *env, const json_t *doc)
{
	const json_t *w;
	size_t i;

	json_array_foreach(json_object_get(doc, "warnings"), i, w)
	{
		pl_log(&env->log, PL_LOG_WARN, "%s", json_string_value(w));
	}
}

/* ---- --open ---- */

/* The debugger inherits its descriptor. */
static struct pl_error *unnamed_file(const struct pl_buf *text, char **path)
{
	int fd;
	struct pl_error *e = pl_fs_unnamed(&fd);

	if (!e)
		e = pl_fs_write_all(fd, pl_buf_text(text), text->size);
	if (!e && lseek(fd, 0, SEEK_SET) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot read a temporary file");
	return e ? e : pl_asprintf(path, "/dev/fd/%d", fd);
}

/* The debugger's own Ctrl-C and pipes, not ours. */
static void default_signals(void)
{
	static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		signal(ours[i], SIG_DFL);
}

static struct pl_error *become(enum debugger_kind kind, const char *commands)
{
	struct pl_buf source;
	char *program = NULL;
	struct pl_error *e = debugger_find(kind, &program);

	if (!e && !program)
		e = pl_error_hint(pl_error_new(PL_ERR_LAB, "no %s in PATH", debugger_name(kind)),
			"on a Mac xcode-select --install has lldb; on Debian the package lldb");
	pl_buf_init(&source, 65536);
	/* -e 0: what fails does not keep the rest from being tried. */
	if (!e && kind == DEBUGGER_LLDB)
		e = pl_buf_puts(&source, "command source -e 0 ");
	if (!e)
		e = debugger_quote(
			kind == DEBUGGER_LLDB ? DEBUGGER_QUOTE_LLDB : DEBUGGER_QUOTE_RAW, commands, &source);
	if (!e) {
		const char *option = kind == DEBUGGER_LLDB ? "-o" : "-x";
		const char *text = pl_buf_text(&source);
		char *argv[] = {program, (char *)(uintptr_t)option, (char *)(uintptr_t)text, NULL};
		default_signals();
		execv(program, argv);
		e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot run it"), "%s", program);
	}
	pl_buf_deinit(&source);
	free(program);
	return e;
}

/* ---- the file ---- */

static json_t *kexts_json(const struct debugger_session *s)
{
	json_t *list = json_array();
	int bad = list ? 0 : -1;

	for (size_t i = 0; i < s->kext_count; i++) {
		json_t *o = json_object();
		bad |= core_json_set_text(o, "path", s->kexts[i].path) |
		       core_json_set_text(o, "dsym", s->kexts[i].dsym) |
		       json_object_set_new(o, "slide", core_json_address(s->kexts[i].slide)) |
		       json_array_append_new(list, o);
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

static struct pl_error *print_json(struct cmd_env *env, const struct debugger_session *s, const char *kit,
	const char *output, const char *text)
{
	json_t *doc = json_object();
	int bad = core_json_set_text(doc, "debugger", debugger_name(s->kind)) |
		  core_json_set_text(doc, "core", s->core) | core_json_set_text(doc, "kernel", s->kernel) |
		  core_json_set_text(doc, "kernel_dsym", s->kernel_dsym) |
		  core_json_set_text(doc, "kit", kit) | core_json_set_text(doc, "output", output) |
		  core_json_set_text(doc, "commands", text) |
		  json_object_set_new(doc, "macros", json_boolean(s->has_macros || s->macros)) |
		  json_object_set_new(doc, "kexts", kexts_json(s));
	struct pl_error *e = bad ? pl_error_nomem() : cmd_print_json(env, doc);

	json_decref(doc);
	return e;
}

static struct pl_error *write_file(struct cmd_env *env, const struct debugger_session *s, const char *output,
	const struct pl_buf *commands)
{
	struct pl_error *e =
		env->dry_run ? NULL : pl_fs_write(output, pl_buf_text(commands), commands->size, 0644);

	if (!e && !env->json)
		pl_log(&env->log, PL_LOG_INFO, "%s %s: %s %s %s opens the core",
			env->dry_run ? "would write" : "wrote", output, debugger_name(s->kind),
			s->kind == DEBUGGER_LLDB ? "-s" : "-x", output);
	return e;
}

static struct pl_error *deliver(struct cmd_env *env, const struct cmd_input *in,
	const struct debugger_session *s, const char *kit, const struct pl_buf *commands)
{
	const char *output = cmd_value(in, "output");
	bool open = cmd_flag(in, "open") && !env->dry_run;
	struct pl_error *e = output ? write_file(env, s, output, commands) : NULL;
	char *path = NULL;

	if (!e && env->json)
		e = print_json(env, s, kit, output, pl_buf_text(commands));
	else if (!e && !output && !open)
		fputs(pl_buf_text(commands), env->out);
	if (e || !open)
		return e;
	fflush(env->out);
	if (output)
		path = realpath(output, NULL);
	else
		e = unnamed_file(commands, &path);
	if (!e && !path)
		e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", output);
	if (!e)
		e = become(s->kind, path);
	free(path);
	return e;
}

struct pl_error *inspect_debugger_run(struct cmd_env *env, const struct cmd_input *in,
	const struct inspect_options *options, const json_t *doc)
{
	struct pl_wait wait = {PL_TIME_FOREVER, env->cancel};
	struct debugger_sources sources = {.kernels = options->kernels,
		.kexts = options->kexts,
		.kits = options->kits,
		.places = kdk_places(),
		.log = &env->log};
	const char *name = cmd_value(in, "debugger");
	enum debugger_kind kind = DEBUGGER_LLDB;
	struct debugger_session s;
	struct pl_buf commands;
	char *kit = NULL;

	if (name)
		debugger_kind_parse(name, &kind);
	struct pl_error *e = debugger_session_make(kind, cmd_arg(in, 0), doc, &sources, &wait, &s, &kit);
	if (e)
		return e;
	tell_warnings(env, doc);
	pl_buf_init(&commands, DEBUGGER_COMMANDS_MAX);
	e = debugger_commands(&s, &commands);
	if (!e)
		e = deliver(env, in, &s, kit, &commands);
	pl_buf_deinit(&commands);
	debugger_session_deinit(&s);
	free(kit);
	return e;
}
