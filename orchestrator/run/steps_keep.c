/* The end of `prepare`: the armed guest, kept with its memory as a snapshot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/prepared.h"
#include "orchestrator/run/prepared_drop.h"
#include "orchestrator/run/prepared_inputs.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

/* Writing the guest's memory to disk can take minutes. */
static const int64_t SNAPSHOT_TIME = 600 * PL_SECOND;

/* What is in the guest now, by the files that it was made from and by its own word. */
static struct pl_error *take_stock(struct run *r, json_t **ret)
{
	const struct guest_facts *f = &r->facts;
	const struct arming *a = &r->arm;
	json_t *guest = json_pack("{s:s, s:s, s:s}", "product_version", f->product_version, "build", f->build,
		"kernel_uuid", f->kernel_uuid);
	struct prepared_known k = {.guest = guest,
		.boot_args = plan_sets_boot_args(r) ? r->boot_args : NULL,
		.csr_set = a->offline,
		.csr = a->csr,
		.server = r->dump == NULL ? NULL : dump_address(r->dump),
		.port = r->dump == NULL ? 0 : dump_port(r->dump)};
	struct pl_error *e = guest == NULL ? pl_error_nomem() : prepared_inputs(r, &k, ret);
	json_decref(guest);
	return e;
}

static json_t *configuration(const struct run *r, bool of_lab)
{
	struct pl_buf text;
	json_t *ret = NULL;
	pl_buf_init(&text, PREPARED_SIZE_MAX / 4);
	struct pl_error *e = of_lab ? lab_print_json(r->lab, &text) : scenario_print_json(r->scenario, &text);
	if (e == NULL)
		ret = json_loadb(pl_buf_text(&text), text.size, 0, NULL);
	pl_error_free(e);
	pl_buf_deinit(&text);
	return ret;
}

/* Where they are: prune looks whether they still say the same. */
static json_t *files(const struct run *r)
{
	char *lab = realpath(r->lab->path, NULL), *scenario = realpath(r->scenario->path, NULL);
	json_t *ret = json_pack("{s:s, s:s}", "lab", lab == NULL ? r->lab->path : lab, "scenario",
		scenario == NULL ? r->scenario->path : scenario);
	free(lab);
	free(scenario);
	return ret;
}

/* All that a later run, or prune, has to know of it; inputs is taken over. */
static struct pl_error *make_record(struct run *r, json_t *inputs, json_t **ret)
{
	char digest[SHA256_HEX] = "", name[PREPARED_NAME_MAX], at[32];
	const struct guest_facts *f = &r->facts;
	struct pl_error *e = prepared_digest(inputs, digest);
	prepared_name(digest, name);
	pl_timestamp(at);
	*ret = json_pack("{s:i, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:O, s:o?, s:o?, s:o?}", "format", 1,
		"digest", digest, "snapshot", name, "made", at, "at", (json_int_t)time(NULL), "run", r->id,
		"guest", r->cfg->name, "scenario", r->scenario->name, "inputs", inputs, "lab",
		configuration(r, true), "recipe", configuration(r, false), "files", files(r));
	json_t *guest = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s}", "args_before",
		r->arm.args_before == NULL ? "" : r->arm.args_before, "interface", f->interface, "xnu",
		f->xnu, "variant", f->variant, "kernel_installed", r->kernel.installed, "boot_time",
		f->boot_time, "boot_session", f->boot_session);
	if (*ret != NULL && (guest == NULL || json_object_update(*ret, guest) < 0)) {
		json_decref(*ret);
		*ret = NULL;
	}
	json_decref(guest);
	json_decref(inputs);
	return e == NULL && *ret == NULL ? pl_error_nomem() : e;
}

/* One of that name that is left: of no use, as this one takes its place. */
static struct pl_error *clear_way(struct run *r, const json_t *record, const struct pl_wait *w)
{
	const char *name = pl_json_str_or(record, "snapshot", "");
	bool listed = false;
	struct pl_error *e = prepared_forget(r->o->state, pl_json_str_or(record, "digest", ""));
	if (e == NULL)
		e = vm_has_snapshot(&r->host, &r->vm, name, w, &listed);
	return e == NULL && listed ? r->host.ops->snapshot_delete(r->host.host, &r->vm, name, w) : e;
}

static struct pl_error *keep(struct run *r, const json_t *record, const struct pl_wait *w)
{
	char *path = NULL;
	const char *name = pl_json_str_or(record, "snapshot", "");
	bool listed = false;
	int64_t id;
	struct pl_error *e =
		pl_asprintf(&path, "%s/prepared/%s.json", r->o->state, pl_json_str_or(record, "digest", ""));
	if (e == NULL)
		e = run_intent(r, "prepared", json_pack("{s:s, s:s}", "snapshot", name, "record", path), &id);
	free(path);
	if (e == NULL)
		e = clear_way(r, record, w);
	if (e == NULL)
		e = r->host.ops->snapshot_take(r->host.host, &r->vm, name, w);
	if (e == NULL)
		e = vm_has_snapshot(&r->host, &r->vm, name, w, &listed);
	if (e == NULL && !listed)
		e = pl_error_at(
			pl_error_new(PL_ERR_LAB, "the snapshot %s was reported but is not listed", name),
			"%s", r->vm.name);
	if (e == NULL)
		e = prepared_save(r->o->state, record);
	if (e == NULL)
		e = journal_done(r->journal, id);
	return e != NULL ? e : journal_undone(r->journal, id, "kept");
}

/* A payload that changed between the preflight and now: nobody knows which one is in the guest. */
static struct pl_error *check_payload(const struct run *r, const json_t *inputs)
{
	char what[STEP_TEXT_MAX];
	if (!prepared_differs(r->prepared.payload, json_object_get(inputs, "payload"), what, sizeof what))
		return NULL;
	return pl_error_hint(pl_error_why(pl_error_at(pl_error_new(PL_ERR_LAB,
							      "the payload changed while it was prepared"),
						  "%s", r->scenario->path),
				     "%s", what),
		"prepare again");
}

/* One with the same inputs but for the port, which the lab leaves open. What stays of it is for prune. */
static void drop_replaced(struct run *r, const json_t *record, const struct pl_wait *w)
{
	char line[STEP_TEXT_MAX];
	const json_t *old = r->prepared.replaces;
	const char *digest = pl_json_str_or(old, "digest", "");
	if (old == NULL || strcmp(digest, pl_json_str_or(record, "digest", "")) == 0)
		return;
	struct pl_error *e = prepared_drop(r->o->state, &r->host, &r->vm, old, w);
	if (e != NULL)
		pl_log(r->log, PL_LOG_WARN, "%s", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
}

struct pl_error *step_keep(struct run *r, char *out)
{
	struct pl_wait w = run_wait(r, SNAPSHOT_TIME);
	json_t *inputs = NULL, *record = NULL;
	struct pl_error *e = take_stock(r, &inputs);
	if (e == NULL)
		e = check_payload(r, inputs);
	/* Neither a session nor our folder shall be in its memory and on its disk. */
	guest_close(r->guest);
	r->guest = NULL;
	if (e == NULL)
		e = make_record(r, json_incref(inputs), &record);
	json_decref(inputs);
	if (e == NULL)
		e = keep(r, record, &w);
	if (e == NULL) {
		const char *name = pl_json_str_or(record, "snapshot", "");
		run_report(r, "prepared",
			json_pack("{s:s, s:s, s:b}", "snapshot", name, "digest",
				pl_json_str_or(record, "digest", ""), "made", 1));
		drop_replaced(r, record, &w);
		SAY("%s", name);
	}
	json_decref(record);
	return e;
}
