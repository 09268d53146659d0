/* Arming the guest while it is off, and once more if it turns out to be another than was thought. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

/* Fusion lets go of the files of a VM that went off up to two minutes later. */
static const int64_t LOCK_TIME = 150 * PL_SECOND;

static struct pl_error *shut_down(struct run *r)
{
	struct pl_wait w = run_wait(r, r->cfg->boot_timeout);
	/* The guest's private folder goes while the guest can still be asked. */
	guest_close(r->guest);
	r->guest = NULL;
	struct pl_error *e = r->host.ops->stop(r->host.host, &r->vm, false, &w);
	return pl_error_hint(e, "shut the guest down yourself, and run again");
}

struct pl_error *step_shut_down(struct run *r, char *out)
{
	int64_t id;
	struct pl_error *e =
		run_intent(r, "power", json_pack("{s:s}", "power", vm_power_name(r->power_before)), &id);
	if (e == NULL)
		e = shut_down(r);
	if (e != NULL)
		return e;
	SAY("off");
	return journal_done(r->journal, id);
}

static void tell(const struct run *r, char *out)
{
	char args[STEP_TEXT_MAX / 2];
	const struct arming *a = &r->arm;
	if (a->csr != a->csr_before)
		SAY("csr-active-config 0x%x (was 0x%x)%s%s", (unsigned)a->csr, (unsigned)a->csr_before,
			r->boot_args == NULL ? "" : ", ",
			r->boot_args == NULL ? "" : pl_escape_str(r->boot_args, args, sizeof args));
	else if (r->boot_args != NULL)
		SAY("%s", pl_escape_str(r->boot_args, args, sizeof args));
	else
		SAY("nothing to change");
}

struct pl_error *step_arm(struct run *r, char *out)
{
	struct pl_wait w = run_wait(r, LOCK_TIME);
	struct pl_error *e = arming_edit(r, &w);
	if (e == NULL)
		tell(r, out);
	return e;
}

struct pl_error *arm_again(struct run *r, const char *why)
{
	struct pl_wait w = run_wait(r, LOCK_TIME);
	struct pl_error *e = shut_down(r);
	if (e == NULL)
		e = arming_edit(r, &w);
	w = run_wait(r, r->cfg->boot_timeout);
	if (e == NULL)
		e = r->host.ops->start(r->host.host, &r->vm, &w);
	if (e == NULL) {
		r->kernel.booting = r->kernel.installed;
		e = run_new_boot(r, &w);
	}
	if (e == NULL)
		run_count_boot(r, why);
	return e;
}
