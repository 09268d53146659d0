#include "orchestrator/cmd/progress.h"

#include <string.h>

#include "base/text.h"

static void on_step(void *arg, size_t number, size_t count, const char *name, const char *reason)
{
	struct progress *p = arg;
	char shown[300];
	if (p->env->quiet)
		return;
	fprintf(p->env->err, "[%2zu/%zu] %s: %s\n", number, count, name,
		pl_safe_line(reason, shown, sizeof shown));
	fflush(p->env->err);
}

static void on_step_end(void *arg, const char *name, const char *status, const char *detail, int64_t ns)
{
	struct progress *p = arg;
	char shown[400], took[32];
	if (p->env->quiet)
		return;
	fprintf(p->env->err, "%s        %s%s%s (%s)\n", p->env->terminal ? "\r\033[K" : "",
		strcmp(name, "restore") == 0    ? "restored "
		: strcmp(status, "failed") == 0 ? "failed: "
						: "",
		strcmp(name, "restore") == 0 && strcmp(status, "failed") == 0 ? "NOT: " : "",
		pl_safe_line(detail, shown, sizeof shown), pl_format_time(ns, took, sizeof took));
	fflush(p->env->err);
}

static void on_dump(void *arg, const char *name, uint64_t bytes, uint64_t rate)
{
	struct progress *p = arg;
	char shown[128], so_far[32], a_second[32];
	int64_t now = pl_now();
	int64_t pause = p->env->terminal ? PL_SECOND / 10 : 2 * PL_SECOND;
	if (p->env->quiet || bytes == 0 || now - p->printed < pause)
		return;
	p->printed = now;
	fprintf(p->env->err, "%s        %s: %s, %s/s%s", p->env->terminal ? "\r\033[K" : "",
		pl_escape_str(name, shown, sizeof shown), pl_format_size(bytes, so_far, sizeof so_far),
		pl_format_size(rate, a_second, sizeof a_second), p->env->terminal ? "" : "\n");
	fflush(p->env->err);
}

static void on_event(void *arg, const json_t *event)
{
	struct progress *p = arg;
	if (!p->events)
		return;
	json_dumpf(event, p->env->out, JSON_COMPACT);
	fputc('\n', p->env->out);
	fflush(p->env->out);
}

struct run_ui progress_ui(struct progress *p)
{
	return (struct run_ui){
		.arg = p, .step = on_step, .step_end = on_step_end, .dump = on_dump, .event = on_event};
}
