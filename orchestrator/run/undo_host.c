#include "orchestrator/run/undo_host.h"

#include <stdio.h>

#include "base/buf.h"
#include "orchestrator/host/firewall.h"
#include "orchestrator/host/kdumpd.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

static const int64_t HOST_TIME = 120 * PL_SECOND;

struct pl_error *undo_firewall(struct undo *u, char *out)
{
	struct pl_wait w = pl_wait_for(HOST_TIME, u->args->cancel);
	struct firewall f = {0};
	struct firewall_was was;
	struct pl_error *e = firewall_was_from_json(u->change->before, "journal.ndjson", &was);
	if (e == NULL)
		e = firewall_open(u->args->lab->host.firewall_tool, u->args->log, &f);
	if (e == NULL)
		e = firewall_restore(&f, &was, &w);
	firewall_close(&f);
	SAY("as it was");
	return e;
}

void undo_firewall_by_hand(const struct undo *u, char *out)
{
	struct firewall_was was;
	struct pl_buf command;
	pl_buf_init(&command, UNDO_TEXT_MAX - 1);
	struct pl_error *e = firewall_was_from_json(u->change->before, "journal.ndjson", &was);
	if (e == NULL)
		e = firewall_by_hand(&was, true, &command);
	SAY("%s", e == NULL ? pl_buf_text(&command) : "look at this host's firewall");
	pl_error_free(e);
	pl_buf_deinit(&command);
}

struct pl_error *undo_kdumpd(struct undo *u, char *out)
{
	struct pl_wait w = pl_wait_for(HOST_TIME, u->args->cancel);
	struct kdumpd k = {0};
	struct pl_error *e = kdumpd_open(u->args->lab->host.launchctl, u->args->log, &k);
	if (e == NULL)
		e = kdumpd_load(&k, &w);
	kdumpd_close(&k);
	SAY("loaded again");
	return e;
}

void undo_kdumpd_by_hand(const struct undo *u, char *out)
{
	(void)u;
	SAY("%s", KDUMPD_BY_HAND);
}
