/*
 * A run's start from a prepared snapshot, in place of all that arms a guest.
 *
 * Only the .nvram needs a journal entry of its own: the run's snapshot was taken
 * before, and its revert undoes whatever else this does to the VM. Where the guest
 * is not what the record says, the VM goes back to that snapshot at once, and
 * the run takes the long way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/host/address.h"
#include "orchestrator/host/port_holder.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/prepared.h"
#include "orchestrator/run/steps.h"
#include "orchestrator/run/vm_nvram.h"
#include "server/udp.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

static const int64_t REVERT_TIME = 300 * PL_SECOND;

/* It runs already when it is resumed: one that does not answer by then will not. */
static const int64_t ANSWER_TIME = 60 * PL_SECOND;

static const json_t *input(const struct run *r, const char *key)
{
	return json_object_get(json_object_get(r->prepared.record, "inputs"), key);
}

static const char *snapshot_of(const struct run *r)
{
	return pl_json_str_or(r->prepared.record, "snapshot", "");
}

static struct pl_error *stale(const char *what, const char *was, const char *is)
{
	char a[300], b[300];
	return pl_error_new(PL_ERR_LAB, "%s was %s, is %s", what, pl_escape_str(was, a, sizeof a),
		pl_escape_str(is, b, sizeof b));
}

/* ---- this host ---- */

/* The guest's kernel has the address and the port in its boot-args: no other will do. */
static struct pl_error *hold_port(struct run *r)
{
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	char holder[128];
	const json_t *server = input(r, "server");
	const char *address = pl_json_str_or(server, "address", "");
	uint16_t port = (uint16_t)pl_json_int_or(server, "port", 0);
	if (!json_is_object(server))
		return NULL;
	run_release_port(r);
	struct pl_error *e = udp_bind(address, port, 1, &r->arm.socket);
	if (e == NULL) {
		r->arm.port = port;
		r->arm.port_holder[0] = '\0';
		snprintf(r->arm.server, sizeof r->arm.server, "%s", address);
		return NULL;
	}
	if (!port_taken(address, port))
		return pl_error_context(e, "its dump server's address");
	pl_error_free(e);
	port_holder(address, port, r->lab->host.launchctl, &w, holder, sizeof holder);
	return pl_error_new(
		PL_ERR_LAB, "its dump server's port %u is taken: %s has it", (unsigned)port, holder);
}

/* ---- the guest ---- */

/*
 * A guest that was kept writes its own .nvram, with SIP off, when it reboots.
 * Whether the revert at the end carries the former one back is Fusion's to know.
 */
static struct pl_error *note_nvram(struct run *r)
{
	struct vm_nvram v = {0};
	int64_t id;
	if (!r->arm.offline)
		return NULL;
	struct pl_error *e = vm_nvram_open(r->vm.vmx, &v);
	if (e == NULL)
		e = run_intent(r, "nvram", vm_nvram_before(&v), &id);
	vm_nvram_close(&v);
	return e != NULL ? e : journal_done(r->journal, id);
}

static struct pl_error *resume(struct run *r)
{
	struct pl_wait w = run_wait(r, REVERT_TIME);
	const struct vm_ops *ops = r->host.ops;
	struct pl_error *e = ops->stop(r->host.host, &r->vm, true, &w);
	if (e == NULL)
		e = ops->snapshot_revert(r->host.host, &r->vm, snapshot_of(r), &w);
	if (e == NULL)
		e = ops->start(r->host.host, &r->vm, &w);
	w = run_wait(r, r->cfg->boot_timeout < ANSWER_TIME ? r->cfg->boot_timeout : ANSWER_TIME);
	if (e == NULL)
		e = run_connect(r, &w);
	return e != NULL ? e : guest_facts_read(r->guest, &w, &r->facts);
}

/*
 * The boot that was kept, and no later one. Setting the guest's clock after it
 * was resumed moves kern.boottime by as long as it slept, a new boot by more.
 */
static struct pl_error *check_boot(const struct run *r)
{
	const char *session = pl_json_str_or(r->prepared.record, "boot_session", "");
	const char *booted = pl_json_str_or(r->prepared.record, "boot_time", "");
	if (session[0] != '\0' && r->facts.boot_session[0] != '\0')
		return strcmp(session, r->facts.boot_session) == 0
			       ? NULL
			       : stale("its boot", session, r->facts.boot_session);
	int64_t slept = (int64_t)time(NULL) - pl_json_int_or(r->prepared.record, "at", 0);
	int64_t moved = strtoll(r->facts.boot_time, NULL, 10) - strtoll(booted, NULL, 10);
	return moved >= 0 && moved <= slept + 2 ? NULL : stale("its boot", booted, r->facts.boot_time);
}

static struct pl_error *check_address(const struct run *r)
{
	char own[16];
	const json_t *server = input(r, "server");
	const char *was = pl_json_str_or(server, "address", "");
	if (!json_is_object(server) || strcmp(r->lab->server.bind, "auto") != 0)
		return NULL;
	struct pl_error *e = host_address(r->ip, own);
	return e == NULL && strcmp(was, own) != 0 ? stale("this host's address on its network", was, own) : e;
}

/* It must be the guest that was kept. */
static struct pl_error *check_guest(const struct run *r)
{
	const struct guest_facts *f = &r->facts;
	const json_t *guest = input(r, "guest");
	const char *args = json_string_value(input(r, "boot_args"));
	const struct {
		const char *what;
		const char *was;
		const char *is;
	} same[] = {
		{"kern.uuid", pl_json_str_or(guest, "kernel_uuid", ""), f->kernel_uuid},
		{"its build", pl_json_str_or(guest, "build", ""), f->build},
		{"nvram boot-args", args == NULL ? f->nvram_boot_args : args, f->nvram_boot_args},
	};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		if (strcmp(same[i].was, same[i].is) != 0)
			return stale(same[i].what, same[i].was, same[i].is);
	struct pl_error *e = check_boot(r);
	return e != NULL ? e : check_address(r);
}

/* What the later steps take from those that armed it. */
static struct pl_error *take_over(struct run *r)
{
	const char *args = json_string_value(input(r, "boot_args"));
	struct arming *a = &r->arm;
	free(r->boot_args);
	r->boot_args = NULL;
	free(a->args_before);
	a->args_before = NULL;
	struct pl_error *e = pl_strdup(args, &r->boot_args);
	if (e == NULL)
		e = pl_strdup(pl_json_str_or(r->prepared.record, "args_before", ""), &a->args_before);
	if (e != NULL)
		return e;
	r->prepared.in_use = true;
	if (json_array_size(json_object_get(r->doc, "boots")) == 0)
		run_report(r, "boots", json_array());
	run_report(r, "address", json_pack("{s:s, s:s}", "ip", r->ip, "source", r->ip_source));
	run_report(r, "prepared",
		json_pack("{s:s, s:b, s:s, s:s, s:s}", "snapshot", snapshot_of(r), "used", 1, "digest",
			pl_json_str_or(r->prepared.record, "digest", ""), "made",
			pl_json_str_or(r->prepared.record, "made", ""), "run",
			pl_json_str_or(r->prepared.record, "run", "")));
	return NULL;
}

/* ---- the long way after all ---- */

/* The VM as the steps that arm it expect it: as it was found. */
static struct pl_error *go_back(struct run *r)
{
	char before[64];
	struct pl_wait w = run_wait(r, REVERT_TIME);
	const struct vm_ops *ops = r->host.ops;
	snprintf(before, sizeof before, "paniclab-%s", r->id);
	guest_abandon(r->guest);
	r->guest = NULL;
	guest_facts_deinit(&r->facts);
	struct pl_error *e = ops->stop(r->host.host, &r->vm, true, &w);
	if (e == NULL)
		e = ops->snapshot_revert(r->host.host, &r->vm, before, &w);
	if (e == NULL && r->power_before == VM_POWER_ON)
		e = ops->start(r->host.host, &r->vm, &w);
	return e;
}

static struct pl_error *give_up(struct run *r, struct pl_error *why, bool reverted, char *out)
{
	char line[STEP_TEXT_MAX / 2];
	if (pl_error_kind(why) == PL_ERR_INTERRUPTED || pl_error_kind(why) == PL_ERR_NOMEM)
		return why;
	pl_error_line(why, line, sizeof line);
	run_report(r, "prepared",
		json_pack("{s:s, s:b, s:s}", "snapshot", snapshot_of(r), "used", 0, "stale", line));
	pl_log(r->log, PL_LOG_WARN, "%s is not used: %s; `paniclab prepare --again` makes a new one",
		snapshot_of(r), line);
	SAY("not used: %s", line);
	pl_error_free(why);
	json_decref(r->prepared.record);
	r->prepared.record = NULL;
	run_release_port(r);
	return reverted ? go_back(r) : NULL;
}

struct pl_error *step_prepared(struct run *r, char *out)
{
	bool listed = false;
	int64_t since = pl_now();
	char took[32];
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	struct pl_error *e = vm_has_snapshot(&r->host, &r->vm, snapshot_of(r), &w, &listed);
	if (e == NULL && !listed)
		e = pl_error_new(PL_ERR_LAB, "the VM has no such snapshot any more");
	if (e == NULL)
		e = hold_port(r);
	if (e == NULL)
		e = note_nvram(r);
	if (e != NULL)
		return give_up(r, e, false, out);
	e = resume(r);
	if (e == NULL)
		e = check_guest(r);
	if (e != NULL)
		return give_up(r, e, true, out);
	SAY("%s is up at %s after %s", snapshot_of(r), r->ip,
		pl_format_time(pl_now() - since, took, sizeof took));
	return take_over(r);
}
