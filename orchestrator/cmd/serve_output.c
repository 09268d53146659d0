#include "orchestrator/cmd/serve_output.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/text.h"
#include "base/wait.h"

/* Between two progress lines where there is no terminal to draw a live one on. */
#define PLAIN_PROGRESS_EVERY (5 * PL_SECOND)
#define PATH_TEXT_MAX 8192

void serve_output_init(struct serve_output *o, struct cmd_env *env)
{
	*o = (struct serve_output){.env = env};
}

/* ---- JSON ---------------------------------------------------------------------- */

/* Takes the object. A line that has no memory is lost; the file it is about is not. */
static void put_json(struct serve_output *o, json_t *line)
{
	if (line) {
		json_dumpf(line, o->env->out, JSON_COMPACT | JSON_REAL_PRECISION(9));
		fputc('\n', o->env->out);
	}
	json_decref(line);
}

/* JSON takes valid UTF-8 only, and a folder's name may be anything: what is not becomes \xNN. */
static json_t *path_json(const char *path)
{
	char safe[PATH_TEXT_MAX];

	return json_string(pl_safe_line(path, safe, sizeof safe));
}

static json_t *done_json(const struct server_event *e)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:f, s:I, s:s, s:s, s:s, s:s?}",
		"event", "done", "name", e->name, "peer", e->peer, "path", path_json(e->path), "bytes",
		(json_int_t)e->bytes, "packets", (json_int_t)e->packets, "resent", (json_int_t)e->resent,
		"seconds", (double)e->duration / (double)PL_SECOND, "bytes_per_second",
		(json_int_t)e->bytes_per_second, "status", e->complete ? "complete" : "incomplete", "reason",
		e->reason, "gzip", server_gzip_name(e->gzip), "kernel_uuid", e->kernel_uuid);

	if (line && e->core)
		json_object_set_new(line, "core", path_json(e->core));
	return line;
}

static json_t *event_json(const struct server_event *e)
{
	switch (e->kind) {
	case SERVER_STARTED:
		return json_pack("{s:s, s:s, s:s, s:i}", "event", "started", "name", e->name, "peer", e->peer,
			"features", (int)e->features);
	case SERVER_IDENTIFIED:
		return json_pack("{s:s, s:s, s:s?}", "event", "identified", "name", e->name, "kernel_uuid",
			e->kernel_uuid);
	case SERVER_PROGRESS:
		return json_pack("{s:s, s:s, s:s, s:I, s:I}", "event", "progress", "name", e->name, "peer",
			e->peer, "bytes", (json_int_t)e->bytes, "bytes_per_second",
			(json_int_t)e->bytes_per_second);
	case SERVER_REFUSED:
		return json_pack("{s:s, s:s, s:s, s:i, s:s}", "event", "refused", "peer", e->peer, "name",
			e->name, "code", (int)e->code, "reason", e->reason);
	case SERVER_DONE:
		return done_json(e);
	}
	return NULL;
}

/* ---- text ---------------------------------------------------------------------- */

/* A live progress line gives way to what follows. */
static void clear_live(struct serve_output *o)
{
	if (o->env->terminal)
		fputs("\r\033[K", o->env->err);
}

static void progress_text(struct serve_output *o, const struct server_event *e)
{
	char bytes[32];
	char rate[32];

	if (!o->env->terminal && pl_now() - o->progress_at < PLAIN_PROGRESS_EVERY)
		return;
	o->progress_at = pl_now();
	clear_live(o);
	fprintf(o->env->err, "%s: %s, %s/s%s", e->name, pl_format_size(e->bytes, bytes, sizeof bytes),
		pl_format_size(e->bytes_per_second, rate, sizeof rate), o->env->terminal ? "" : "\n");
	fflush(o->env->err);
}

static void event_text(struct serve_output *o, const struct server_event *e)
{
	FILE *err = o->env->err;

	if (o->env->quiet && e->kind != SERVER_REFUSED)
		return;
	if (e->kind == SERVER_PROGRESS) {
		progress_text(o, e);
		return;
	}
	clear_live(o);
	if (e->kind == SERVER_STARTED)
		fprintf(err, "%s: started by %s\n", e->name, e->peer);
	else if (e->kind == SERVER_IDENTIFIED)
		fprintf(err, "%s: kernel %s\n", e->name, e->kernel_uuid ? e->kernel_uuid : "unknown");
	else
		fprintf(err, "%s: refused to %s: %s\n", e->name, e->peer, e->reason);
	fflush(err);
}

static void done_text(struct serve_output *o, const struct server_event *e)
{
	char bytes[32];
	char time[32];

	clear_live(o);
	fflush(o->env->err);
	fprintf(o->env->out, "%s: %s, %s in %s", e->path, e->complete ? "complete" : "incomplete",
		pl_format_size(e->bytes, bytes, sizeof bytes),
		pl_format_time(e->duration, time, sizeof time));
	if (e->reason[0])
		fprintf(o->env->out, " (%s)", e->reason);
	if (e->gzip != SERVER_GZIP_NONE)
		fprintf(o->env->out, ", gzip %s", server_gzip_name(e->gzip));
	if (e->core)
		fprintf(o->env->out, ", core %s", e->core);
	if (e->kernel_uuid)
		fprintf(o->env->out, ", kernel %s", e->kernel_uuid);
	fputc('\n', o->env->out);
}

/* ---- either ---------------------------------------------------------------------- */

void serve_say_listening(struct serve_output *o, const char *address, uint16_t port)
{
	if (o->env->json)
		put_json(o, json_pack("{s:s, s:s, s:i}", "event", "listening", "address", address, "port",
				    (int)port));
	else
		fprintf(o->env->out, "listening on %s:%u\n", address, (unsigned)port);
	fflush(o->env->out);
}

void serve_say(struct serve_output *o, const struct server_event *e)
{
	if (e->kind == SERVER_DONE && e->core_reason[0])
		pl_log(&o->env->log, PL_LOG_WARN, "%s: not decompressed: %s", e->name, e->core_reason);
	if (o->env->json)
		put_json(o, event_json(e));
	else if (e->kind == SERVER_DONE)
		done_text(o, e);
	else
		event_text(o, e);
	fflush(o->env->out);
}
