#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/host/address.h"
#include "orchestrator/host/firewall.h"
#include "orchestrator/host/kdumpd.h"
#include "orchestrator/host/port_holder.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"
#include "server/udp.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

/* ---- Apple's dump server ------------------------------------------------------- */

static struct pl_error *unload(struct run *r, const struct kdumpd *k, const struct pl_wait *w)
{
	int64_t id;
	struct pl_error *e = run_intent(r, "kdumpd", json_pack("{s:b}", "loaded", 1), &id);
	if (e == NULL)
		e = kdumpd_unload(k, w);
	return e != NULL ? e : journal_done(r->journal, id);
}

struct pl_error *step_kdumpd(struct run *r, char *out)
{
	struct kdumpd k = {0};
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	bool loaded = false;
	struct pl_error *e = kdumpd_open(r->lab->host.launchctl, r->log, &k);
	if (e == NULL)
		e = kdumpd_loaded(&k, &w, &loaded);
	if (e == NULL && loaded)
		e = unload(r, &k, &w);
	kdumpd_close(&k);
	SAY("%s", loaded ? "unloaded" : "nothing to change: it is not loaded");
	return e;
}

/* ---- the dump server ------------------------------------------------------------ */

/* Who has the lab's port goes into `holder`, "" if it is free. */
static struct pl_error *choose_port(
	const struct run *r, const char *bind, uint16_t *port, char holder[static 128])
{
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	holder[0] = '\0';
	*port = r->lab->server.port;
	if (!port_taken(bind, *port))
		return NULL;
	port_holder(bind, *port, r->lab->host.launchctl, &w, holder, 128);
	if (r->lab->server.port_auto) {
		*port = 0;
		return NULL;
	}
	struct pl_error *e = pl_error_new(PL_ERR_LAB, "%s has UDP port %u", holder, (unsigned)*port);
	e = pl_error_at(e, "%s:%u", bind, (unsigned)*port);
	return pl_error_hint(e, "stop it, or set server.port to auto: the guest is then told another port");
}

void run_release_port(struct run *r)
{
	if (r->arm.socket >= 0)
		close(r->arm.socket);
	r->arm.socket = -1;
	r->arm.server[0] = '\0';
}

struct pl_error *run_hold_port(struct run *r, const char *bind)
{
	struct arming *a = &r->arm;
	struct sockaddr_in at = {0};
	socklen_t size = sizeof at;
	uint16_t port;
	if (a->socket >= 0 && strcmp(a->server, bind) == 0)
		return NULL;
	run_release_port(r);
	struct pl_error *e = choose_port(r, bind, &port, a->port_holder);
	if (e == NULL)
		e = udp_bind(bind, port, 1, &a->socket);
	if (e == NULL && getsockname(a->socket, (struct sockaddr *)&at, &size) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot tell which port was bound");
	if (e != NULL)
		return e;
	a->port = ntohs(at.sin_port);
	snprintf(a->server, sizeof a->server, "%s", bind);
	return NULL;
}

static struct pl_error *own_address(const struct run *r, char ret[static 16])
{
	if (strcmp(r->lab->server.bind, "auto") == 0)
		return host_address(r->ip, ret);
	snprintf(ret, 16, "%s", r->lab->server.bind);
	return NULL;
}

struct pl_error *step_server(struct run *r, char *out)
{
	char bind[16], core[4096];
	const char *holder = r->arm.port_holder;
	struct server_network guest = {.mask = UINT32_MAX};
	struct server_config c;
	struct in_addr address;
	server_config_init(&c);
	struct pl_error *e = own_address(r, bind);
	if (e == NULL && inet_pton(AF_INET, r->ip, &address) != 1)
		e = pl_error_new(PL_ERR_LAB, "%s is not an IPv4 address", r->ip);
	if (e == NULL)
		e = run_hold_port(r, bind);
	if (e != NULL)
		return e;
	c.port = r->arm.port;
	c.socket = r->arm.socket;
	r->arm.socket = -1;
	guest.address = ntohl(address.s_addr);
	snprintf(core, sizeof core, "%s/core", r->dir);
	c.bind = bind;
	c.dir = r->lab->server.dir != NULL ? r->lab->server.dir : core;
	c.max_size = r->lab->server.max_size;
	c.allow = &guest;
	c.allow_count = 1;
	c.decompress = true;
	e = dump_start(&c, r->log, r->o->cancel, &r->dump);
	if (e != NULL)
		return e;
	run_report(r, "server",
		json_pack("{s:s, s:i}", "address", dump_address(r->dump), "port", (int)dump_port(r->dump)));
	SAY("listening on %s:%u for %s only%s%s%s", dump_address(r->dump), dump_port(r->dump), r->ip,
		holder[0] == '\0' ? "" : "; ", holder,
		holder[0] == '\0' ? "" : " has port 1069, so the guest is told this one");
	return NULL;
}

/* ---- the firewall ---------------------------------------------------------------- */

static void describe_hole(const struct run *r, struct firewall_hole *ret)
{
	struct host_interface interface = {.name = ""};
	*ret = (struct firewall_hole){.port = dump_port(r->dump)};
	snprintf(ret->program, sizeof ret->program, "%s", r->o->program);
	snprintf(ret->tag, sizeof ret->tag, "paniclab %s", r->id);
	snprintf(ret->guest, sizeof ret->guest, "%s", r->ip);
	snprintf(ret->host, sizeof ret->host, "%s", dump_address(r->dump));
	/* A guest behind a router of the user's own is on no interface of ours: then any. */
	pl_error_free(host_interface_of(r->ip, &interface));
	snprintf(ret->interface, sizeof ret->interface, "%s", interface.name);
}

static struct pl_error *allow(
	struct run *r, struct firewall *f, const struct firewall_was *was, const struct pl_wait *w)
{
	json_t *before = NULL;
	int64_t id = 0;
	struct pl_error *e = firewall_was_to_json(was, &before);
	if (e == NULL)
		e = run_intent(r, "firewall", before, &id);
	if (e == NULL)
		e = firewall_allow(f, was, w);
	if (e == NULL)
		e = firewall_verify(f, was, w);
	return e != NULL ? e : journal_done(r->journal, id);
}

static struct pl_error *open_hole(struct run *r, char *out)
{
	struct firewall f = {0};
	struct firewall_hole hole;
	struct firewall_was was;
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	describe_hole(r, &hole);
	struct pl_error *e = firewall_open(r->lab->host.firewall_tool, r->log, &f);
	if (e == NULL)
		e = firewall_look(&f, &hole, &w, &was);
	if (e == NULL && firewall_needs_change(&was)) {
		e = allow(r, &f, &was, &w);
		if (strcmp(was.backend, "socketfilterfw") == 0)
			SAY("%.400s is allowed", hole.program);
		else
			SAY("%s: UDP from %s to %s:%u is allowed", was.backend, hole.guest, hole.host,
				(unsigned)hole.port);
	} else if (e == NULL) {
		e = firewall_allow(&f, &was, &w);
		SAY("nothing to change: %s is %s", was.backend[0] == '\0' ? "no firewall" : was.backend,
			was.backend[0] == '\0' ? "in force" : firewall_state_name(was.state));
	}
	firewall_close(&f);
	return e;
}

/* With `try`, what cannot be done is said, with the command that does it, and the run goes on. */
struct pl_error *step_firewall(struct run *r, char *out)
{
	char line[1024], brief[STEP_TEXT_MAX - 64];
	struct pl_error *e = open_hole(r, out);
	if (e == NULL || r->lab->host.firewall != LAB_FIREWALL_TRY || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	pl_log(r->log, PL_LOG_WARN, "%s", pl_error_line(e, line, sizeof line));
	SAY("not allowed: %s", pl_error_brief(e, brief, sizeof brief));
	pl_error_free(e);
	return NULL;
}
