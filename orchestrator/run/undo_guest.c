#include "orchestrator/run/undo_guest.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/guest/guest.h"
#include "orchestrator/run/payload.h"
#include "orchestrator/run/reach.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

/* The run's id: its folder's name. */
static const char *tag_of(const struct undo *u)
{
	const char *slash = strrchr(u->args->dir, '/');
	const char *name = slash == NULL ? u->args->dir : slash + 1;
	return pl_json_str_or(u->change->before, "tag", name);
}

static struct reach reach_of(const struct undo *u)
{
	const struct restore_args *a = u->args;
	return (struct reach){.lab = a->lab,
		.cfg = a->cfg,
		.backend = a->backend,
		.vm = a->vm,
		.tag = tag_of(u),
		.log = a->log};
}

struct pl_error *undo_guest_reach(const struct undo *u, struct guest **ret)
{
	struct pl_wait w = pl_wait_for(u->args->cfg->boot_timeout, u->args->cancel);
	struct reach reach = reach_of(u);
	struct found_address found;
	return reach_guest(&reach, &w, &found, ret);
}

struct pl_error *undo_guest_open(const struct undo *u, struct guest **ret)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(u->args->cfg->boot_timeout, u->args->cancel);
	struct reach reach = reach_of(u);
	struct found_address found;
	char most[32];
	pl_log(u->args->log, PL_LOG_INFO, "%s: waiting for %s to answer, %s at the most", u->change->change,
		u->args->cfg->name, pl_format_time(u->args->cfg->boot_timeout, most, sizeof most));
	struct pl_error *e = b->ops->start(b->host, u->args->vm, &w);
	if (e == NULL)
		e = reach_guest(&reach, &w, &found, ret);
	if (e == NULL || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	pl_error_free(e);
	struct pl_wait again = pl_wait_for(2 * u->args->cfg->boot_timeout, u->args->cancel);
	e = b->ops->stop(b->host, u->args->vm, true, &again);
	if (e == NULL)
		e = b->ops->start(b->host, u->args->vm, &again);
	return e != NULL ? e : reach_guest(&reach, &again, &found, ret);
}

/* The end of an undo in the guest. One that a later teardown had to start goes off again, as it was. */
static struct pl_error *leave(const struct undo *u, struct guest *g, struct pl_error *e)
{
	guest_close(g);
	if (u->off_again)
		pl_error_keep_first(&e, undo_shut_down(u));
	return e;
}

/* A guest that ran before must also run without our boot-args now. Ends with g. */
static struct pl_error *reboot(const struct undo *u, struct guest *g)
{
	struct reach reach = reach_of(u);
	struct found_address found;
	struct guest_output o = {0};
	struct guest_facts facts = {0}, now = {0};
	struct pl_wait w = pl_wait_for(u->args->cfg->boot_timeout, u->args->cancel);
	struct pl_error *e = guest_facts_read(g, &w, &facts);
	if (e == NULL)
		e = guest_script(g, "reboot.sh", NULL, true, &w, &o);
	guest_output_deinit(&o);
	/* Its folder would outlive the reboot; this removes it while the guest still answers. */
	guest_close(g);
	g = NULL;
	if (e == NULL)
		e = reach_new_boot(&reach, &facts, &w, &found, &g, &now);
	guest_close(g);
	guest_facts_deinit(&facts);
	guest_facts_deinit(&now);
	return e;
}

struct pl_error *undo_boot_args(struct undo *u, char *out)
{
	struct guest *g = NULL;
	struct guest_output o = {0};
	const json_t *before = u->change->before;
	const char *argv[] = {
		pl_json_bool_or(before, "set", false) ? "1" : "0", pl_json_str_or(before, "value", ""), NULL};
	struct pl_error *e = undo_guest_open(u, &g);
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, u->args->cancel);
	if (e == NULL)
		e = guest_script_ok(g, "boot-args-restore.sh", argv, true, &w, &o);
	guest_output_deinit(&o);
	SAY("as they were");
	if (e == NULL && pl_json_bool_or(before, "running", false))
		return reboot(u, g);
	return leave(u, g, e);
}

struct pl_error *undo_payload(struct undo *u, char *out)
{
	struct guest *g = NULL;
	struct pl_error *e = undo_guest_open(u, &g);
	struct pl_wait w = pl_wait_for(120 * PL_SECOND, u->args->cancel);
	if (e == NULL)
		e = payload_remove(u->change->before, g, &w);
	SAY("removed");
	return leave(u, g, e);
}

struct pl_error *undo_guest_folder(struct undo *u, char *out)
{
	struct guest *g = NULL;
	struct guest_output o = {0};
	const char *argv[] = {tag_of(u), NULL};
	struct pl_error *e = undo_guest_open(u, &g);
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, u->args->cancel);
	if (e == NULL)
		e = guest_script_ok(g, "cleanup.sh", argv, true, &w, &o);
	guest_output_deinit(&o);
	SAY("removed");
	return leave(u, g, e);
}

/* Somebody switched SIP off in Recovery, and only there can it be switched on. */
struct pl_error *undo_sip_by_hand(struct undo *u, char *out)
{
	struct guest *g = NULL;
	struct guest_facts f = {0};
	const json_t *before = u->change->before;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, u->args->cancel);
	struct pl_error *e = undo_guest_open(u, &g);
	if (e == NULL)
		e = guest_facts_read(g, &w, &f);
	if (e == NULL && (f.sip_nvram != (int)pl_json_int_or(before, "nvram", -1) ||
				 f.sip_dtrace != (int)pl_json_int_or(before, "dtrace", -1) ||
				 f.sip_kext != (int)pl_json_int_or(before, "kext", -1)))
		e = pl_error_why(pl_error_at(pl_error_new(PL_ERR_RESTORE, "SIP is still \"%s\"", f.sip), "%s",
					 u->args->vm->name),
			"it was \"%s\" before somebody changed it in Recovery",
			pl_json_str_or(before, "sip", "?"));
	guest_facts_deinit(&f);
	SAY("as it was");
	return leave(u, g, e);
}
