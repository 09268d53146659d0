#include "orchestrator/run/reach.h"

#include "orchestrator/guest/ssh.h"

/*
 * A boot that goes down may accept a connection and never answer on it: a login
 * that hangs is given up, and the next one may take twice as long.
 */
static const int64_t LOGIN_FIRST = 4 * PL_SECOND;

static struct pl_error *probe(void *arg, const char *ip, const struct pl_wait *w)
{
	const struct lab_guest *cfg = arg;
	return ssh_probe(ip, cfg->ssh.port, w);
}

struct pl_error *reach_address(const struct reach *r, const struct pl_wait *w, struct found_address *ret)
{
	struct lab_guest cfg = *r->cfg; /* the probe's argument is not const */
	struct find_address f = {
		.backend = r->backend,
		.vm = r->vm,
		.configured = r->cfg->address,
		.lease_files = (const char *const *)r->lab->host.leases,
		.lease_files_count = r->lab->host.leases_count,
		.usual_leases = true,
		.probe = probe,
		.probe_arg = &cfg,
		.log = r->log,
	};
	return find_address(&f, w, ret);
}

struct pl_error *reach_guest(
	const struct reach *r, const struct pl_wait *w, struct found_address *found, struct guest **ret)
{
	struct ssh *ssh = NULL;
	*ret = NULL;
	struct pl_error *e = reach_address(r, w, found);
	if (e != NULL)
		return e;
	struct ssh_target t = {
		.host = found->ip,
		.port = r->cfg->ssh.port,
		.user = r->cfg->ssh.user,
		.key = r->cfg->ssh.key,
		.host_key = r->cfg->ssh.host_key,
		.known_hosts = r->cfg->ssh.known_hosts,
	};
	e = ssh_connect(&t, r->log, w, &ssh);
	if (e == NULL && r->on_login != NULL)
		e = r->on_login(r->arg);
	if (e != NULL) {
		ssh_close(ssh);
		return e;
	}
	return guest_open(ssh, r->cfg, r->tag, r->log, w, ret);
}

struct pl_error *reach_new_boot(const struct reach *r, const struct guest_facts *old, const struct pl_wait *w,
	struct found_address *found, struct guest **ret, struct guest_facts *facts)
{
	for (int64_t patience = LOGIN_FIRST;; patience *= 2) {
		struct pl_wait once = pl_wait_at_most(w, patience);
		*facts = (struct guest_facts){0};
		struct pl_error *e = reach_guest(r, &once, found, ret);
		if (e == NULL)
			e = guest_facts_read(*ret, &once, facts);
		if (e == NULL && !guest_same_boot(facts, old))
			return NULL;
		guest_facts_deinit(facts);
		/* The old boot may answer for a moment more; its sessions then break in any way. */
		if (e == NULL)
			guest_close(*ret);
		else
			guest_abandon(*ret);
		*ret = NULL;
		if (e != NULL && pl_error_kind(e) != PL_ERR_GUEST && pl_error_kind(e) != PL_ERR_TIMEOUT)
			return e;
		struct pl_error *over = pl_wait_sleep(w, 200 * PL_MS);
		if (over != NULL) {
			bool timeout = pl_error_kind(over) == PL_ERR_TIMEOUT;
			if (timeout && e == NULL)
				e = pl_error_new(PL_ERR_TIMEOUT, "the guest still runs as before");
			pl_error_free(timeout ? over : e);
			return timeout ? e : over;
		}
		/* Only what takes its time is given more of it. */
		if (e == NULL || pl_error_kind(e) != PL_ERR_TIMEOUT)
			patience /= 2;
		pl_error_free(e);
	}
}
