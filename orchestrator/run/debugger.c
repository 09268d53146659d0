#include "orchestrator/run/debugger.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/debugger_batch.h"
#include "orchestrator/core/debugger_session.h"
#include "orchestrator/core/kdk_search.h"

#define PATIENCE (180 * PL_SECOND) /* a kernel's DWARF is big, and macros are slow */
#define COMMANDS "logs/debugger.lldb"
#define LOG "logs/debugger.log"

struct look {
	struct run *r;
	const char *core;
	char *program;
	struct debugger_session session;
	char *kit;
	char *commands; /* the file's path, once it is written */
	json_t *backtrace;
};

/* What the report has of it; detail is for people, "" for nothing. */
static void tell(const struct look *l, const char *status, const char *detail)
{
	json_t *o = json_object();
	const struct debugger_session *s = &l->session;
	int bad = core_json_set_text(o, "program", l->program) | core_json_set_text(o, "status", status) |
		  core_json_set_text(o, "detail", detail) | core_json_set_text(o, "kernel", s->kernel) |
		  core_json_set_text(o, "kit", l->kit);

	if (l->commands != NULL)
		bad |= core_json_set_text(o, "commands", COMMANDS) | core_json_set_text(o, "log", LOG) |
		       core_json_set_count(o, "kexts", s->kext_count);
	if (l->backtrace != NULL)
		bad |= json_object_set(o, "backtrace", l->backtrace);
	if (bad != 0)
		json_decref(o);
	else
		run_report(l->r, "debugger", o);
}

/* Said once, and loudly only where lldb was asked for. */
static void tell_absent(const struct look *l)
{
	bool asked = l->r->lab->host.debugger == LAB_DEBUGGER_LLDB;

	pl_log(l->r->log, asked ? PL_LOG_WARN : PL_LOG_INFO,
		"no lldb on this host: the report has no debugger's backtrace");
	tell(l, "absent", "no lldb in PATH");
}

static struct pl_error *write_log(const struct look *l, const struct pl_buf *output)
{
	char *path = NULL;
	struct pl_error *e = store_path(l->r->dir, LOG, &path);

	if (e == NULL)
		e = pl_fs_write(path, pl_buf_text(output), output->size, 0600);
	free(path);
	return e;
}

static struct pl_error *write_commands(struct look *l)
{
	struct pl_buf text;
	char *path = NULL;

	pl_buf_init(&text, DEBUGGER_COMMANDS_MAX);
	struct pl_error *e = debugger_commands(&l->session, &text);
	if (e == NULL)
		e = store_path(l->r->dir, COMMANDS, &path);
	if (e == NULL)
		e = pl_fs_write(path, pl_buf_text(&text), text.size, 0600);
	pl_buf_deinit(&text);
	if (e == NULL)
		l->commands = path;
	else
		free(path);
	return e;
}

static struct pl_error *make_session(struct look *l, const struct pl_wait *w)
{
	const struct run *r = l->r;
	const char *kexts[] = {r->scenario->payload.kext, NULL};
	const char **folders = calloc(r->lab->kdk_folders_count + 1, sizeof *folders);

	if (folders == NULL)
		return pl_error_nomem();
	for (size_t i = 0; i < r->lab->kdk_folders_count; i++)
		folders[i] = r->lab->kdk_folders[i];
	struct debugger_sources sources = {.kexts = kexts, .folders = folders, .places = kdk_places()};
	struct pl_error *e = debugger_session_make(
		DEBUGGER_LLDB, l->core, json_object_get(r->doc, "core"), &sources, w, &l->session, &l->kit);
	free(folders);
	return e;
}

static struct pl_error *look(struct look *l)
{
	struct pl_wait w = run_wait(l->r, PATIENCE);
	struct pl_buf output;
	struct pl_error *e = make_session(l, &w);

	if (e == NULL)
		e = write_commands(l);
	if (e != NULL)
		return e;
	pl_buf_init(&output, DEBUGGER_OUTPUT_MAX);
	e = debugger_batch(l->program, l->commands, &w, &output, &l->backtrace);
	/* Without it there is still the backtrace. */
	pl_log_error(l->r->log, write_log(l, &output));
	pl_buf_deinit(&output);
	return e;
}

struct pl_error *debugger_look(struct run *r, const char *core)
{
	struct look l = {.r = r, .core = core};
	char brief[300];

	if (r->lab->host.debugger == LAB_DEBUGGER_NONE)
		return NULL;
	struct pl_error *e = debugger_find(DEBUGGER_LLDB, &l.program);
	if (e == NULL && l.program == NULL) {
		tell_absent(&l);
		return NULL;
	}
	if (e == NULL)
		e = look(&l);
	if (e == NULL)
		tell(&l, "ok",
			l.session.kernel == NULL ? "no debug kit with this kernel: addresses only" : "");
	else if (pl_error_kind(e) != PL_ERR_INTERRUPTED && pl_error_kind(e) != PL_ERR_NOMEM) {
		tell(&l, "failed", pl_error_brief(e, brief, sizeof brief));
		pl_log_error(r->log, e);
		e = NULL;
	}
	json_decref(l.backtrace);
	debugger_session_deinit(&l.session);
	free(l.commands);
	free(l.kit);
	free(l.program);
	return e;
}
