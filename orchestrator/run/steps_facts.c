/* What the guest is, and whether it can do what the scenario wants of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/macos/csr.h"
#include "orchestrator/run/boot_args.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

/* How long somebody may take for Recovery. */
static const int64_t RECOVERY_TIME = 3600 * PL_SECOND;

void report_facts(struct run *r)
{
	const struct guest_facts *f = &r->facts;
	run_report(r, "facts",
		json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?}", "product_version",
			f->product_version, "build", f->build, "kernel_version", f->kernel_version, "xnu",
			f->xnu, "variant", f->variant, "kernel_uuid", f->kernel_uuid, "model", f->model,
			"sip", f->sip, "interface", f->interface, "nic_driver", f->nic_driver));
}

static bool needs_core(const struct run *r)
{
	return r->scenario->expect.core != CORE_NONE;
}

enum { NAMES = 160, SIP_TEXT_MAX = 400 };

/* "kernel debugger, dtrace", and the first one's reason. */
static const char *name_denied(
	const struct csr_need *needs, size_t count, uint32_t denied, char names[static NAMES])
{
	const char *reason = "";
	size_t used = 0;
	names[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if ((needs[i].bit & denied) == 0)
			continue;
		if (used == 0)
			reason = needs[i].reason;
		if (used < NAMES)
			used += (size_t)snprintf(names + used, NAMES - used, "%s%s", used == 0 ? "" : ", ",
				csr_bit_name(needs[i].bit));
	}
	return reason;
}

/* True if SIP is in the way, as far as the guest tells; what and why into `what`. */
static bool sip_in_the_way(const struct run *r, char what[static SIP_TEXT_MAX])
{
	const struct guest_facts *f = &r->facts;
	struct csr_need needs[CSR_NEEDS_MAX];
	char names[NAMES];
	uint32_t wanted = 0, unknown;
	if (r->scenario->sip == SIP_OFF && (f->sip_nvram != 0 || f->sip_dtrace != 0 || f->sip_kext != 0)) {
		bool on = f->sip_nvram == 1 || f->sip_dtrace == 1 || f->sip_kext == 1;
		snprintf(what, SIP_TEXT_MAX, "the scenario wants SIP off, and %s",
			on ? "it is on" : "the guest does not say whether it is");
		return true;
	}
	size_t count = csr_needs(&r->arm.macos, arming_csr_uses(r), needs);
	for (size_t i = 0; i < count; i++)
		wanted |= needs[i].bit;
	uint32_t denied = csr_status_denies(&f->csrutil, wanted, &unknown);
	/* csrutil has no line for the kernel's debugger, and takes kexts' for it. */
	if (f->sip_debug == 0)
		denied &= ~(uint32_t)CSR_KERNEL_DEBUGGER;
	if (denied == 0)
		return false;
	const char *reason = name_denied(needs, count, denied, names);
	snprintf(what, SIP_TEXT_MAX, "SIP denies what this run needs: %s (%s)", names, reason);
	return true;
}

/* How to turn it off: two ways. Takes and returns the error. */
static struct pl_error *how_to_turn_off(struct pl_error *e, const struct run *r)
{
	struct pl_buf vmx;
	pl_buf_init(&vmx, STEP_TEXT_MAX);
	struct pl_error *failed = pl_shell_quote(r->vm.vmx, &vmx);
	e = pl_error_hint(e,
		"with the guest off, `paniclab nvram %s set csr-active-config disable --macos %s`; or in "
		"Recovery (Cmd-R) `csrutil disable`, and shut it down; then run again",
		failed == NULL ? pl_buf_text(&vmx) : "VM.vmwarevm", r->facts.product_version);
	pl_error_free(failed);
	pl_buf_deinit(&vmx);
	return e;
}

/* What SIP forbids decides before anything is changed; a guest is never left half armed. */
static struct pl_error *refuse_sip(const struct run *r, const char *what)
{
	const struct arming *a = &r->arm;
	struct pl_error *e = pl_error_at(pl_error_new(PL_ERR_GUEST, "%s", what), "%s", r->cfg->name);
	if (a->offline && r->scenario->sip != SIP_AS_IS)
		return pl_error_hint(pl_error_why(e,
					     "csr-active-config is 0x%x in its .nvram, and it does not go by "
					     "that; it says \"%s\"",
					     (unsigned)a->csr, r->facts.sip),
			"see `csrutil status` and `nvram csr-active-config` in the guest");
	if (a->why_not[0] != '\0')
		e = pl_error_why(e, "its .nvram cannot be edited: %s", a->why_not);
	return how_to_turn_off(e, r);
}

/* ---- by hand, in Recovery ---- */

static void tell_recovery(const struct run *r, const char *what)
{
	static const char *const steps[] = {
		"1. shut the guest down, and start it with Cmd-R held, in its window",
		"2. Utilities, Terminal: csrutil disable",
		"3. restart the guest; it is waited for",
	};
	pl_log(r->log, PL_LOG_WARN, "%s: %s; its .nvram cannot be edited (%s), so by hand:", r->cfg->name,
		what, r->arm.why_not);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		pl_log(r->log, PL_LOG_WARN, "%s", steps[i]);
}

/* Boot after boot, until one has SIP out of the way. */
static struct pl_error *await_recovery(struct run *r, char what[static SIP_TEXT_MAX])
{
	int64_t id;
	struct pl_wait w = run_wait(r, RECOVERY_TIME);
	struct pl_error *e = run_intent(r, "sip-by-hand",
		json_pack("{s:s, s:i, s:i, s:i}", "sip", r->facts.sip, "nvram", r->facts.sip_nvram, "dtrace",
			r->facts.sip_dtrace, "kext", r->facts.sip_kext),
		&id);
	if (e == NULL)
		e = journal_done(r->journal, id);
	tell_recovery(r, what);
	for (bool still = true; e == NULL && still;) {
		guest_close(r->guest);
		r->guest = NULL;
		e = run_new_boot(r, &w);
		if (e != NULL)
			break;
		run_count_boot(r, "from Recovery");
		still = sip_in_the_way(r, what);
		if (still)
			pl_log(r->log, PL_LOG_WARN, "%s: still: %s", r->cfg->name, what);
	}
	return e;
}

static struct pl_error *check_sip(struct run *r)
{
	char what[SIP_TEXT_MAX];
	if (!sip_in_the_way(r, what))
		return NULL;
	if (!r->arm.offline && r->scenario->sip != SIP_AS_IS && r->scenario->recovery == RECOVERY_WAIT)
		return await_recovery(r, what);
	return refuse_sip(r, what);
}

/* ---- boot-args ---- */

/* What this kernel will make of them. */
static struct pl_error *check_boot_args(struct run *r)
{
	const char *nic = r->facts.nic_driver;
	struct boot_args_guest guest = {.xnu = r->arm.xnu,
		.nics = &nic,
		.nics_count = nic[0] != '\0',
		.sip_forbids_debugger = r->facts.sip_debug == 1};
	struct boot_args_findings found;
	boot_args_check(r->boot_args, needs_core(r) ? DUMP_NETWORK : DUMP_NONE, &guest, &found);
	run_report(r, "boot_args",
		json_pack("{s:s, s:s, s:o?}", "before", r->arm.args_before, "during", r->boot_args,
			"findings", boot_args_findings_json(&found)));
	struct pl_error *e = NULL;
	if (r->scenario->expect.core == CORE_REQUIRED)
		e = run_boot_args_refuse(&found);
	if (e == NULL)
		run_boot_args_warn(&found, r->cfg->name, r->log);
	return e;
}

/* They are in the .nvram already, or will be set in the guest, which then says what it has. */
static struct pl_error *settle_boot_args(struct run *r)
{
	struct arming *a = &r->arm;
	struct pl_error *e = NULL;
	if (!a->offline && !r->prepared.in_use) {
		free(a->args_before);
		a->args_before = NULL;
		e = pl_strdup(r->facts.nvram_boot_args, &a->args_before);
		if (e == NULL)
			e = arming_choose_boot_args(r);
	}
	return e == NULL ? check_boot_args(r) : e;
}

/* ---- the step ---- */

/* Its release, its interface or this host's address may be others than was thought. */
static struct pl_error *believe(struct run *r)
{
	char why[STEP_TEXT_MAX];
	arming_believe_facts(r);
	if (!r->arm.offline || r->prepared.in_use || !arming_is_stale(r, why, sizeof why))
		return NULL;
	pl_log(r->log, PL_LOG_WARN, "%s is not what was thought, and is armed again: %s", r->cfg->name, why);
	struct pl_error *e = arm_again(r, "armed again: it was not what was thought");
	if (e == NULL)
		arming_believe_facts(r);
	return e;
}

struct pl_error *step_facts(struct run *r, char *out)
{
	struct pl_wait w = run_wait(r, r->cfg->boot_timeout);
	struct pl_error *e = NULL;
	if (!r->prepared.in_use) {
		e = run_connect(r, &w);
		if (e == NULL)
			e = guest_facts_read(r->guest, &w, &r->facts);
	}
	if (e == NULL)
		e = believe(r);
	if (e == NULL)
		e = check_sip(r);
	if (e == NULL || r->facts.sip != NULL) {
		report_facts(r);
		SAY("%s (%s), xnu-%s %s, SIP %s, %s", r->facts.product_version, r->facts.build, r->facts.xnu,
			r->facts.variant, r->facts.sip, r->facts.interface);
	}
	return e == NULL && plan_sets_boot_args(r) ? settle_boot_args(r) : e;
}
