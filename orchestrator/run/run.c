#include "orchestrator/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/report/report.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/restore.h"
#include "orchestrator/run/steps.h"
#include "orchestrator/run/store.h"

enum { YAML_MAX = 1 << 20, LINE_TEXT_MAX = 1024 };

static struct pl_error *keep_file(const struct run *r, const char *name, const struct pl_buf *text)
{
	char *path = NULL;
	struct pl_error *e = store_path(r->dir, name, &path);
	if (e == NULL)
		e = pl_fs_write(path, text->data, text->size, 0600);
	free(path);
	return e;
}

/* The run's own copies, normalised: what a teardown reads after the originals have changed. */
static struct pl_error *keep_configuration(const struct run *r)
{
	struct pl_buf yaml;
	pl_buf_init(&yaml, YAML_MAX);
	struct pl_error *e = lab_print(r->lab, &yaml);
	if (e == NULL)
		e = keep_file(r, "lab.yaml", &yaml);
	pl_buf_clear(&yaml);
	if (e == NULL)
		e = scenario_print(r->scenario, &yaml);
	if (e == NULL)
		e = keep_file(r, "scenario.yaml", &yaml);
	pl_buf_deinit(&yaml);
	return e;
}

static struct pl_error *begin(struct run *r)
{
	char at[32], *path = NULL;
	struct pl_error *e = store_create(r->o->state, &r->id, &r->dir);
	if (e == NULL)
		e = keep_configuration(r);
	if (e == NULL)
		e = store_path(r->dir, "journal.ndjson", &path);
	if (e == NULL)
		e = journal_open(path, &r->journal);
	free(path);
	if (e != NULL)
		return e;
	pl_timestamp(at);
	run_report(r, "paniclab", json_string(PL_VERSION));
	run_report(r, "id", json_string(r->id));
	run_report(r, "simulated", json_false());
	run_report(r, "folder", json_string(r->dir));
	run_report(r, "scenario", json_string(r->scenario->name));
	run_report(r, "guest", json_string(r->cfg->name));
	run_report(r, "started", json_string(at));
	run_report(r, "steps", json_array());
	run_event(r, "run",
		json_pack("{s:s, s:s, s:s}", "id", r->id, "scenario", r->scenario->name, "guest",
			r->cfg->name));
	return NULL;
}

static void add_step(struct run *r, const struct step *s, const char *reason, const char *started,
	const char *status, const char *detail, int64_t ns)
{
	double seconds = (double)ns / (double)PL_SECOND;
	json_array_append_new(json_object_get(r->doc, "steps"),
		json_pack("{s:s, s:s, s:s, s:s, s:f, s:s, s:s}", "name", s->name, "reason", reason, "status",
			status, "started", started, "seconds", seconds, "detail", detail, "undo", "none"));
}

static void note_step(struct run *r, const struct step *s, const char *reason, const char *started,
	const char *status, const char *detail, int64_t ns)
{
	double seconds = (double)ns / (double)PL_SECOND;
	add_step(r, s, reason, started, status, detail, ns);
	run_event(r, "step",
		json_pack("{s:s, s:s, s:s, s:f}", "name", s->name, "status", status, "detail", detail,
			"seconds", seconds));
	if (r->o->ui.step_end != NULL)
		r->o->ui.step_end(r->o->ui.arg, s->name, status, detail, ns);
}

/* Steps quote files and guests, and cut where the room ends: JSON takes valid UTF-8 only. */
static void make_safe(char text[static STEP_TEXT_MAX])
{
	char safe[STEP_TEXT_MAX];
	memcpy(text, pl_safe_line(text, safe, sizeof safe), sizeof safe);
}

static struct pl_error *take_step(struct run *r, const struct step *s, size_t number, size_t count)
{
	char reason[STEP_TEXT_MAX] = "", detail[STEP_TEXT_MAX] = "", at[32];
	s->reason(r, reason);
	make_safe(reason);
	pl_timestamp(at);
	if (r->o->ui.step != NULL)
		r->o->ui.step(r->o->ui.arg, number, count, s->name, reason);
	run_event(r, "step",
		json_pack("{s:s, s:s, s:s}", "name", s->name, "status", "started", "reason", reason));
	int64_t since = pl_now();
	struct pl_wait now = run_wait(r, PL_SECOND);
	struct pl_error *e = pl_wait_check(&now);
	if (e == NULL)
		e = s->apply(r, detail);
	e = pl_error_context(e, "%s", s->name);
	if (e != NULL)
		pl_error_line(e, detail, sizeof detail);
	make_safe(detail);
	note_step(r, s, reason, at, e == NULL ? "done" : "failed", detail, pl_now() - since);
	return e;
}

/*
 * The first failure is the outcome, with two exceptions: an interruption ends
 * everything, and "it panicked as expected, without a core" is not true of a
 * panic that turns out to be another one. The steps keep what each failed of.
 */
static void conclude(struct pl_error **verdict, struct pl_error *later)
{
	bool replaces = *verdict != NULL && later != NULL &&
			(pl_error_kind(later) == PL_ERR_INTERRUPTED ||
				(pl_error_kind(*verdict) == PL_ERR_CAPTURE &&
					pl_error_kind(later) == PL_ERR_UNEXPECTED));
	if (replaces) {
		pl_error_free(*verdict);
		*verdict = NULL;
	}
	pl_error_keep_first(verdict, later);
}

/* How many are left: the prepared snapshot may turn out to be there, or to be unfit. */
static size_t count_from(const struct step *s, const struct run *r)
{
	size_t n = 0;
	for (; s->name != NULL; s++)
		n += plan_wants(s, r) ? 1 : 0;
	return n;
}

/*
 * Walks the plan. A failure before the trigger ends it; one from the trigger
 * on is kept, and the rest collects what there is. An interruption ends all.
 */
static struct pl_error *walk(struct run *r)
{
	struct pl_error *first = NULL;
	bool ended = false;
	size_t number = 0;
	for (const struct step *s = plan_steps; s->name != NULL; s++) {
		if (!plan_wants(s, r))
			continue;
		size_t count = number + count_from(s, r);
		number++;
		if (ended || (first != NULL && !s->collects && r->panic == PANIC_NO)) {
			add_step(r, s, "", "", "not-reached", "", 0);
			continue;
		}
		struct pl_error *e = take_step(r, s, number, count);
		if (e != NULL && (!s->goes_on || pl_error_kind(e) == PL_ERR_INTERRUPTED))
			ended = true;
		conclude(&first, e);
	}
	return first;
}

/* The report shows each undo at the step that made the change. */
static void on_undo(void *arg, const char *change, const char *status, const char *detail, int64_t ns)
{
	static const struct {
		const char *change;
		const char *step;
	} made_by[] = {{"snapshot", "snapshot"}, {"firewall", "firewall"}, {"power", "power on"},
		{"nvram", "nvram"}, {"payload", "payload"}, {"boot-args", "boot-args"}, {"prepared", "keep"},
		{"clone", "clone"}};
	struct run *r = arg;
	const char *name = change;
	for (size_t i = 0; i < sizeof made_by / sizeof *made_by; i++)
		if (strcmp(made_by[i].change, change) == 0)
			name = made_by[i].step;
	size_t i;
	json_t *step;
	json_array_foreach(json_object_get(r->doc, "steps"), i, step)
	{
		if (strcmp(pl_json_str_or(step, "name", ""), name) != 0)
			continue;
		json_object_set_new(
			step, "undo", json_string(strcmp(status, "undone") == 0 ? "done" : "failed"));
		json_object_set_new(step, "undo_seconds", json_real((double)ns / (double)PL_SECOND));
	}
	char text[STEP_TEXT_MAX];
	snprintf(text, sizeof text, "%s: %s", name, detail);
	run_event(r, "undo",
		json_pack("{s:s, s:s, s:s}", "change", change, "status", status, "detail", detail));
	if (r->o->ui.step_end != NULL)
		r->o->ui.step_end(
			r->o->ui.arg, "restore", strcmp(status, "undone") == 0 ? "done" : "failed", text, ns);
}

static struct pl_error *restore(struct run *r)
{
	json_t *left = NULL;
	/* The guest's private folder goes while the guest can still be asked. */
	guest_close(r->guest);
	r->guest = NULL;
	/* Of a transfer that ended, the run has the last word already. */
	if (r->dump != NULL)
		dump_stop(r->dump, r->dumped.finished ? NULL : &r->dumped);
	r->dump = NULL;
	report_cut_transfer(r);
	struct restore_args a = {
		.dir = r->dir,
		.lab = r->lab,
		.cfg = r->cfg,
		.backend = &r->host,
		.vm = &r->vm,
		.state = r->o->state,
		.locked = r->locked,
		.log = r->log,
		.on_undo = on_undo,
		.arg = r,
	};
	struct pl_error *e = restore_run(&a, &left);
	run_report(r, "restored",
		json_pack("{s:b, s:o}", "complete", e == NULL, "left", left == NULL ? json_array() : left));
	return e;
}

static const char *outcome_name(const struct run *r, const struct pl_error *e)
{
	switch (pl_error_exit_code(e)) {
	case 0:
		return r->o->prepare ? "prepared" : "as-expected";
	case 1:
		return "not-as-expected";
	case 2:
		return "misconfigured";
	case 4:
		return "not-restored";
	case 5:
		return "no-core";
	case 130:
		return "interrupted";
	default:
		return "lab-failed";
	}
}

static void finish(struct run *r, const struct pl_error *e, int64_t since)
{
	char at[32], line[LINE_TEXT_MAX];
	pl_timestamp(at);
	run_report(r, "finished", json_string(at));
	run_report(r, "panicked", json_pack("{s:b, s:s}", "seen", r->panic == PANIC_SEEN, "sign", r->sign));
	run_report(r, "seconds", json_real((double)(pl_now() - since) / (double)PL_SECOND));
	run_report(r, "outcome", json_string(outcome_name(r, e)));
	run_report(r, "exit_code", json_integer(pl_error_exit_code(e)));
	if (e == NULL)
		run_report(r, "error", json_null());
	else
		run_report(r, "error",
			json_pack("{s:s, s:s?}", "line", pl_error_line(e, line, sizeof line), "chain",
				pl_error_chain(e)));
	run_event(r, "end",
		json_pack("{s:s, s:i}", "outcome", outcome_name(r, e), "exit_code", pl_error_exit_code(e)));
}

/* 4 wins over all others; the first error stays in the log. */
static struct pl_error *combine(struct run *r, struct pl_error *e, struct pl_error *restored)
{
	char line[LINE_TEXT_MAX];
	if (restored == NULL)
		return e;
	if (e != NULL)
		pl_log(r->log, PL_LOG_WARN, "%s", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
	/* What to do about the cause may be known, but the command that restores must be the last word. */
	struct pl_error *left = pl_error_new(PL_ERR_RESTORE, "not restored: %s", pl_error_what(restored));
	if (pl_error_place(restored) != NULL)
		left = pl_error_at(left, "%s", pl_error_place(restored));
	if (pl_error_reason(restored) != NULL)
		left = pl_error_why(left, "%s", pl_error_reason(restored));
	if (pl_error_advice(restored) != NULL)
		left = pl_error_hint(
			left, "%s; then: paniclab teardown %s", pl_error_advice(restored), r->id);
	left = pl_error_hint(left, "when its cause is gone: paniclab teardown %s", r->id);
	pl_error_free(restored);
	return left;
}

struct pl_error *run_execute(const struct run_options *o, json_t **report, char **dir)
{
	struct run r;
	char line[LINE_TEXT_MAX];
	int64_t since = pl_now();
	*report = NULL;
	*dir = NULL;
	struct pl_error *e = run_context_init(&r, o);
	if (e == NULL)
		e = begin(&r);
	if (e != NULL) {
		run_context_deinit(&r);
		return e;
	}
	e = walk(&r);
	e = combine(&r, e, restore(&r));
	finish(&r, e, since);
	struct pl_error *wrote = journal_write(r.journal, "end",
		json_pack("{s:s, s:i, s:s, s:s}", "outcome", outcome_name(&r, e), "exit_code",
			pl_error_exit_code(e), "scenario", r.scenario->name, "guest", r.cfg->name));
	if (wrote == NULL)
		wrote = report_write_all(r.dir, r.doc);
	if (e != NULL && wrote != NULL)
		pl_log(r.log, PL_LOG_WARN, "%s", pl_error_line(wrote, line, sizeof line));
	pl_error_keep_first(&e, wrote);
	*report = json_incref(r.doc);
	*dir = r.dir;
	r.dir = NULL;
	run_context_deinit(&r);
	return e;
}

struct pl_error *run_plan(const struct run_options *o, json_t **ret)
{
	struct run r;
	char text[STEP_TEXT_MAX] = "";
	struct pl_error *e = run_context_init(&r, o);
	for (const struct step *s = plan_steps; e == NULL && s->name != NULL; s++)
		if (strcmp(s->name, "preflight") == 0)
			e = s->apply(&r, text);
	json_t *steps = json_array();
	for (const struct step *s = plan_steps; e == NULL && s->name != NULL; s++) {
		if (!plan_wants(s, &r))
			continue;
		s->reason(&r, text);
		json_array_append_new(steps, json_pack("{s:s, s:s, s:s?}", "name", s->name, "reason", text,
						     "changes", s->changes));
	}
	if (e == NULL) {
		json_array_append_new(steps,
			json_pack("{s:s, s:s, s:s}", "name", "restore", "reason", "nothing may stay changed",
				"changes", "everything above, back as it was"));
		*ret = json_pack("{s:O, s:s, s:o}", "vm", json_object_get(r.doc, "vm"), "power",
			vm_power_name(r.power_before), "steps", steps);
	} else {
		json_decref(steps);
	}
	run_context_deinit(&r);
	return e;
}
