#include "orchestrator/run/undo_guest.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/guest/guest.h"
#include "orchestrator/run/find_address.h"
#include "orchestrator/run/payload.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

static struct pl_error *connect(const struct undo *u, const struct pl_wait *w, struct guest **ret)
{
	const struct restore_args *a = u->args;
	struct find_address_result found;
	struct ssh *ssh = NULL;
	struct pl_error *e = find_address(&(struct find_address_args){.backend = a->backend,
						  .vm = a->vm,
						  .fixed = a->cfg->address,
						  .ssh_port = a->cfg->ssh.port,
						  .leases = (const char *const *)a->lab->host.leases,
						  .leases_count = a->lab->host.leases_count,
						  .log = a->log},
		w, &found);
	if (e != NULL)
		return e;
	struct ssh_target t = {
		.host = found.ip,
		.port = a->cfg->ssh.port,
		.user = a->cfg->ssh.user,
		.key = a->cfg->ssh.key,
		.host_key = a->cfg->ssh.host_key,
		.known_hosts = a->cfg->ssh.known_hosts,
	};
	e = ssh_connect(&t, a->log, w, &ssh);
	return e != NULL ? e : guest_open(ssh, a->cfg, a->log, w, ret);
}

/* A guest that runs and answers; one that does not is reset once. */
static struct pl_error *open_guest(const struct undo *u, struct guest **ret)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(u->args->cfg->boot_timeout, NULL);
	struct pl_error *e = b->ops->start(b->host, u->args->vm, &w);
	if (e == NULL)
		e = connect(u, &w, ret);
	if (e == NULL)
		return NULL;
	pl_error_free(e);
	struct pl_wait again = pl_wait_for(2 * u->args->cfg->boot_timeout, NULL);
	e = b->ops->stop(b->host, u->args->vm, true, &again);
	if (e == NULL)
		e = b->ops->start(b->host, u->args->vm, &again);
	return e != NULL ? e : connect(u, &again, ret);
}

/* A guest that ran before must also run without our boot-args now. */
static struct pl_error *reboot(const struct undo *u, struct guest *g)
{
	struct guest_output o = {0};
	struct guest_facts facts = {0}, now = {0};
	struct guest *again = NULL;
	struct pl_wait w = pl_wait_for(u->args->cfg->boot_timeout, NULL);
	struct pl_error *e = guest_facts_read(g, &w, &facts);
	if (e == NULL)
		e = guest_script(g, "reboot.sh", NULL, true, &w, &o);
	guest_output_deinit(&o);
	guest_abandon(g);
	while (e == NULL) {
		guest_facts_deinit(&now);
		e = connect(u, &w, &again);
		if (e == NULL)
			e = guest_facts_read(again, &w, &now);
		bool over = e == NULL && strcmp(now.boot_time, facts.boot_time) != 0;
		bool retry = e != NULL && pl_error_kind(e) == PL_ERR_GUEST && pl_now() < w.until;
		guest_close(again);
		again = NULL;
		if (over)
			break;
		if (retry) {
			pl_error_free(e);
			e = NULL;
		}
		if (e == NULL)
			e = pl_wait_sleep(&w, 300 * PL_MS);
	}
	guest_facts_deinit(&facts);
	guest_facts_deinit(&now);
	return e;
}

struct pl_error *undo_boot_args(struct undo *u, char *out)
{
	struct guest *g = NULL;
	struct guest_output o = {0};
	const json_t *before = u->change->before;
	const char *argv[] = {pl_json_bool_or(before, "set", false) ? "1" : "0", pl_json_str_or(before, "value", ""), NULL};
	struct pl_error *e = open_guest(u, &g);
	if (e != NULL)
		return e;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	e = guest_script_ok(g, "boot-args-restore.sh", argv, true, &w, &o);
	guest_output_deinit(&o);
	if (e == NULL && pl_json_bool_or(before, "running", false))
		e = reboot(u, g);
	else
		guest_close(g);
	SAY("as they were");
	return e;
}

struct pl_error *undo_payload(struct undo *u, char *out)
{
	struct guest *g = NULL;
	struct pl_error *e = open_guest(u, &g);
	if (e != NULL)
		return e;
	struct pl_wait w = pl_wait_for(120 * PL_SECOND, NULL);
	e = payload_remove(u->change->before, g, &w);
	guest_close(g);
	SAY("removed");
	return e;
}
