#include "orchestrator/run/prepared_start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/context.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/prepared.h"
#include "orchestrator/run/prepared_inputs.h"

enum { WHY_MAX = 512 };

void prepared_start_deinit(struct prepared_start *p)
{
	json_decref(p->record);
	json_decref(p->replaces);
	json_decref(p->payload);
	*p = (struct prepared_start){0};
}

/* ---- one record ---- */

/* The port is the record's where the lab leaves it open. */
static uint16_t wanted_port(const struct run *r, const json_t *server)
{
	const struct lab_server *s = &r->lab->server;
	int64_t was = pl_json_int_or(server, "port", 0);
	bool open = s->port_auto || s->port == 0;
	return open && was > 0 && was <= UINT16_MAX ? (uint16_t)was : s->port;
}

/* Where the guest is to dump to, by what is known while it is off; NULL: nowhere. */
static const char *wanted_server(const struct run *r, const json_t *server)
{
	if (r->scenario->expect.core == CORE_NONE)
		return NULL;
	if (r->arm.host[0] != '\0')
		return r->arm.host;
	return strcmp(r->lab->server.bind, "auto") == 0 ? pl_json_str_or(server, "address", "")
							: r->lab->server.bind;
}

/* What would be prepared now, if the guest is still what the record says. */
static struct pl_error *foresee(const struct run *r, const json_t *record, json_t **ret)
{
	const json_t *inputs = json_object_get(record, "inputs");
	const json_t *server = json_object_get(inputs, "server");
	const json_t *guest = json_object_get(inputs, "guest");
	char *boot_args = NULL;
	struct arming_known known = {.interface = pl_json_str_or(record, "interface", ""),
		.server = wanted_server(r, server),
		.port = wanted_port(r, server),
		.kernel_installed = pl_json_bool_or(record, "kernel_installed", false),
		.variant = pl_json_str_or(record, "variant", ""),
		.args_before = pl_json_str_or(record, "args_before", "")};
	struct prepared_known k = {
		.guest = guest, .csr_set = r->arm.offline, .server = known.server, .port = known.port};
	*ret = NULL;
	(void)macos_version_parse(pl_json_str_or(guest, "product_version", ""), &known.macos);
	(void)macos_version_parse_xnu(pl_json_str_or(record, "xnu", ""), &known.xnu);
	struct pl_error *e = arming_foresee(r, &known, &boot_args, &k.csr);
	k.boot_args = boot_args;
	if (e == NULL)
		e = prepared_inputs(r, &k, ret);
	free(boot_args);
	return e;
}

struct pl_error *prepared_start_unfit(const struct run *r, const json_t *record, char **why)
{
	char text[WHY_MAX];
	json_t *now = NULL;
	*why = NULL;
	struct pl_error *e = foresee(r, record, &now);
	if (e == NULL && prepared_differs(json_object_get(record, "inputs"), now, text, sizeof text))
		e = pl_strdup(text, why);
	json_decref(now);
	if (e == NULL || pl_error_kind(e) == PL_ERR_NOMEM || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	/* A payload that cannot be read, SIP in the way: the long way says so in full. */
	pl_error_line(e, text, sizeof text);
	pl_error_free(e);
	return pl_strdup(text, why);
}

/* ---- all of them ---- */

static bool is_of_scenario(const struct run *r, const json_t *record)
{
	return strcmp(pl_json_str_or(record, "scenario", ""), r->scenario->name) == 0 &&
	       strcmp(pl_json_str_or(record, "guest", ""), r->cfg->name) == 0;
}

/* Only of a snapshot that was made for this scenario: others need not fit. */
static void tell_stale(struct run *r, const json_t *record, const char *why)
{
	const char *name = pl_json_str_or(record, "snapshot", "?");
	json_t *told = json_object_get(r->doc, "prepared");
	if (told != NULL || !is_of_scenario(r, record))
		return;
	run_report(r, "prepared", json_pack("{s:s, s:b, s:s}", "snapshot", name, "used", 0, "stale", why));
	pl_log(r->log, PL_LOG_WARN, "%s is stale: %s%s", name, why,
		r->o->prepare ? "" : "; `paniclab prepare` makes a new one");
}

static void take(struct run *r, json_t *record)
{
	r->prepared.record = json_incref(record);
	run_report(r, "prepared",
		json_pack("{s:s, s:b}", "snapshot", pl_json_str_or(record, "snapshot", ""), "used", 0));
}

static struct pl_error *try(struct run *r, json_t *record, const struct pl_wait *w)
{
	char *why = NULL;
	bool listed = false;
	const char *name = pl_json_str_or(record, "snapshot", "");
	struct pl_error *e = prepared_start_unfit(r, record, &why);
	if (e == NULL && why == NULL)
		e = vm_has_snapshot(&r->host, &r->vm, name, w, &listed);
	if (e == NULL && why == NULL && listed)
		take(r, record);
	else if (e == NULL)
		tell_stale(r, record, why == NULL ? "the VM has no such snapshot any more" : why);
	free(why);
	return e;
}

struct pl_error *prepared_start_find(struct run *r)
{
	struct prepared_start *p = &r->prepared;
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	json_t *all = NULL;
	bool with_snapshot = r->scenario->isolation == ISOLATION_SNAPSHOT;
	if (r->o->prepare && !with_snapshot)
		return pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_USAGE,
					    "only a guest that is put back by a snapshot can be prepared"),
				"%s", r->scenario->path),
			"say `isolation: snapshot`");
	if (r->o->no_prepared || !with_snapshot)
		return NULL;
	struct pl_error *e = r->o->prepare ? prepared_payload(r->scenario, &p->payload) : NULL;
	if (e == NULL)
		e = prepared_list(r->o->state, r->vm.vmx, r->log, &all);
	for (size_t i = 0; e == NULL && p->record == NULL && i < json_array_size(all); i++)
		e = try(r, json_array_get(all, i), &w);
	json_decref(all);
	if (r->o->prepare && r->o->again) {
		p->replaces = p->record;
		p->record = NULL;
	}
	return e;
}
