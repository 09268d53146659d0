#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/macos/boot_args.h"
#include "orchestrator/macos/csr.h"
#include "orchestrator/run/boot_args.h"
#include "orchestrator/run/payload.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

static const int64_t SCRIPT_TIME = 60 * PL_SECOND;

struct pl_error *step_payload(struct run *r, char *out)
{
	int64_t id;
	json_t *before = payload_before(r->scenario);
	struct pl_wait w = run_wait(r, 600 * PL_SECOND);
	struct pl_error *e = payload_check(before, r->guest, &w);
	if (e == NULL)
		e = run_intent(r, "payload", json_incref(before), &id);
	json_decref(before);
	if (e == NULL)
		e = payload_install(r->scenario, r->guest, &w);
	if (e != NULL)
		return e;
	SAY("in the guest");
	return journal_done(r->journal, id);
}

/* The guest has booted with all of them, and will again: an .nvram edited beforehand, a run before this. */
static struct pl_error *in_force(const struct run *r, bool *ret)
{
	char *missing = NULL;
	struct pl_error *e = boot_args_missing(r->facts.boot_args, r->boot_args, &missing);
	*ret = e == NULL && missing == NULL && r->facts.nvram_boot_args_set &&
	       strcmp(r->facts.nvram_boot_args, r->boot_args) == 0;
	free(missing);
	return e;
}

static struct pl_error *set_boot_args(struct run *r, char *out)
{
	int64_t id;
	struct guest_output output = {0};
	struct pl_error *e = run_intent(r, "boot-args",
		json_pack("{s:b, s:s, s:b}", "set", r->facts.nvram_boot_args_set, "value",
			r->facts.nvram_boot_args, "running", r->power_before == VM_POWER_ON),
		&id);
	if (e != NULL)
		return e;
	const char *argv[] = {r->boot_args, NULL};
	struct pl_wait w = run_wait(r, SCRIPT_TIME);
	e = guest_script_ok(r->guest, "boot-args-set.sh", argv, true, &w, &output);
	guest_output_deinit(&output);
	if (e != NULL)
		return pl_error_hint(e, "run `csrutil status` in the guest: Recovery (Cmd-R) can switch "
					"NVRAM Protections off");
	char shown[STEP_TEXT_MAX];
	SAY("%s", pl_escape_str(r->boot_args, shown, sizeof shown));
	return journal_done(r->journal, id);
}

struct pl_error *step_boot_args(struct run *r, char *out)
{
	bool already;
	struct pl_error *e = in_force(r, &already);
	if (e != NULL || !already)
		return e != NULL ? e : set_boot_args(r, out);
	SAY("set already, and the kernel has them");
	return NULL;
}

static struct pl_error *reboot(struct run *r, char *out)
{
	struct guest_output output = {0};
	struct pl_wait w = run_wait(r, SCRIPT_TIME);
	struct pl_error *e = guest_script(r->guest, "reboot.sh", NULL, true, &w, &output);
	if (e == NULL && output.status > 0)
		e = pl_error_why(
			pl_error_at(pl_error_new(PL_ERR_GUEST, "the guest did not reboot"), "reboot.sh"),
			"%s", output.error);
	guest_output_deinit(&output);
	if (e != NULL)
		return e;
	guest_abandon(r->guest);
	r->guest = NULL;
	w = run_wait(r, r->cfg->boot_timeout);
	e = run_new_boot(r, &w);
	if (e != NULL)
		return r->kernel.installed ? kernel_did_not_boot(r, e) : e;
	r->kernel.booted = r->kernel.installed;
	run_count_boot(r, r->kernel.installed ? "for the kernel and the boot-args" : "for the boot-args");
	SAY("back at %s", r->ip);
	return NULL;
}

struct pl_error *step_reboot(struct run *r, char *out)
{
	bool already;
	struct pl_error *e = in_force(r, &already);
	/* A kernel may be new with the boot-args as they are. */
	bool new_kernel = r->kernel.installed && !r->kernel.booted;
	if (e != NULL || !already || new_kernel)
		return e != NULL ? e : reboot(r, out);
	SAY("not needed: it has booted with these boot-args");
	return NULL;
}

struct pl_error *step_verify(struct run *r, char *out)
{
	char *missing = NULL;
	const char *set = r->boot_args == NULL ? "" : r->boot_args;
	struct pl_error *e = boot_args_missing(r->facts.boot_args, set, &missing);
	if (e == NULL && missing != NULL)
		e = pl_error_hint(pl_error_why(pl_error_at(pl_error_new(PL_ERR_GUEST,
								   "the kernel runs without %s", missing),
						       "sysctl kern.bootargs"),
					  "it has \"%s\"", r->facts.boot_args),
			"nvram took the boot-args and the booter did not: is SIP on, or does Boot.plist "
			"override them?");
	free(missing);
	report_facts(r);
	if (e == NULL)
		e = kernel_check(r);
	SAY("%s%s kernel", set[0] == '\0' ? "" : "kern.bootargs has them all; ", r->facts.variant);
	return e;
}

struct pl_error *step_setup(struct run *r, char *out)
{
	struct pl_wait w = run_wait(r, 600 * PL_SECOND);
	struct pl_error *e = payload_setup(r->scenario, r->guest, &w);
	SAY("done");
	return e;
}
