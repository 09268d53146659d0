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

static void report_facts(struct run *r)
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

static unsigned csr_uses(const struct run *r)
{
	unsigned uses = needs_core(r) ? CSR_USE_DUMP : 0;
	if (plan_sets_boot_args(r))
		uses |= CSR_USE_BOOT_ARGS;
	if (r->scenario->trigger.kind == TRIGGER_DTRACE)
		uses |= CSR_USE_DTRACE;
	if (r->scenario->trigger.kind == TRIGGER_KEXT)
		uses |= CSR_USE_KEXT;
	return uses;
}

/* How to turn it off: two ways. Takes and returns the error. */
static struct pl_error *how_to_turn_off(struct pl_error *e, const struct run *r)
{
	struct pl_buf vmx;
	pl_buf_init(&vmx, STEP_TEXT_MAX);
	struct pl_error *failed = pl_shell_quote(r->vm.vmx, &vmx);
	e = pl_error_hint(pl_error_at(e, "%s", r->cfg->name),
		"with the guest off, `paniclab nvram %s set csr-active-config disable --macos %s`; or in "
		"Recovery (Cmd-R) `csrutil disable`, and shut it down; then run again",
		failed == NULL ? pl_buf_text(&vmx) : "VM.vmwarevm", r->facts.product_version);
	pl_error_free(failed);
	pl_buf_deinit(&vmx);
	return e;
}

/* "kernel debugger, dtrace", and the first one's reason. */
static const char *name_denied(
	const struct csr_need *needs, size_t count, uint32_t denied, char *names, size_t size)
{
	const char *reason = "";
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		if ((needs[i].bit & denied) == 0)
			continue;
		if (used == 0)
			reason = needs[i].reason;
		if (used < size)
			used += (size_t)snprintf(names + used, size - used, "%s%s", used == 0 ? "" : ", ",
				csr_bit_name(needs[i].bit));
	}
	return reason;
}

/* What SIP forbids decides before anything is changed; a guest is never left half armed. */
static struct pl_error *check_sip(const struct run *r)
{
	const struct guest_facts *f = &r->facts;
	struct csr_need needs[CSR_NEEDS_MAX];
	struct macos_version macos;
	char names[160];
	uint32_t wanted = 0, unknown;
	if (r->scenario->sip == SIP_OFF && (f->sip_nvram == 1 || f->sip_dtrace == 1 || f->sip_kext == 1))
		return how_to_turn_off(
			pl_error_new(PL_ERR_GUEST, "the scenario wants SIP off, and it is on"), r);
	(void)macos_version_parse(f->product_version, &macos);
	size_t count = csr_needs(&macos, csr_uses(r), needs);
	for (size_t i = 0; i < count; i++)
		wanted |= needs[i].bit;
	uint32_t denied = csr_status_denies(&f->csrutil, wanted, &unknown);
	if (denied == 0)
		return NULL;
	const char *reason = name_denied(needs, count, denied, names, sizeof names);
	return how_to_turn_off(
		pl_error_why(pl_error_new(PL_ERR_GUEST, "SIP denies what this run needs: %s", names), "%s",
			reason),
		r);
}

static const char *kcsuffix(enum scenario_kernel k)
{
	return k == KERNEL_AS_IS || k == KERNEL_RELEASE ? NULL : scenario_kernel_name(k);
}

/* What this kernel will make of them; nothing is changed yet. */
static struct pl_error *check_boot_args(struct run *r)
{
	const char *nic = r->facts.nic_driver;
	struct boot_args_guest guest = {
		.nics = &nic, .nics_count = nic[0] != '\0', .sip_forbids_debugger = r->facts.sip_debug == 1};
	struct boot_args_findings found;
	(void)macos_version_parse_xnu(r->facts.xnu, &guest.xnu);
	boot_args_check(r->boot_args, needs_core(r) ? DUMP_NETWORK : DUMP_NONE, &guest, &found);
	run_report(r, "boot_args",
		json_pack("{s:s, s:s, s:o?}", "before", r->facts.nvram_boot_args, "during", r->boot_args,
			"findings", boot_args_findings_json(&found)));
	struct pl_error *e = NULL;
	if (r->scenario->expect.core == CORE_REQUIRED)
		e = run_boot_args_refuse(&found);
	if (e == NULL)
		run_boot_args_warn(&found, r->cfg->name, r->log);
	return e;
}

static struct pl_error *choose_boot_args(struct run *r)
{
	struct run_boot_args choices = {
		.server = r->dump == NULL ? NULL : dump_address(r->dump),
		.port = r->dump == NULL ? 0 : dump_port(r->dump),
		.interface = r->facts.interface,
		.kcsuffix = kcsuffix(r->scenario->kernel),
		.extra = r->scenario->boot_args,
	};
	(void)macos_version_parse_xnu(r->facts.xnu, &choices.xnu);
	struct pl_error *e = run_boot_args_make(
		r->facts.nvram_boot_args_set ? r->facts.nvram_boot_args : "", &choices, &r->boot_args);
	return e == NULL ? check_boot_args(r) : e;
}

struct pl_error *step_facts(struct run *r, char *out)
{
	struct pl_wait w = run_wait(r, r->cfg->boot_timeout);
	struct pl_error *e = run_connect(r, &w);
	if (e == NULL)
		e = guest_facts_read(r->guest, &w, &r->facts);
	if (e != NULL)
		return e;
	report_facts(r);
	SAY("%s (%s), xnu-%s %s, SIP %s, %s", r->facts.product_version, r->facts.build, r->facts.xnu,
		r->facts.variant, r->facts.sip, r->facts.interface);
	e = check_sip(r);
	return e == NULL && plan_sets_boot_args(r) ? choose_boot_args(r) : e;
}

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
	struct reach reach = run_reach(r);
	struct found_address found;
	struct guest *g = NULL;
	struct guest_facts facts;
	w = run_wait(r, r->cfg->boot_timeout);
	e = reach_new_boot(&reach, r->facts.boot_time, &w, &found, &g, &facts);
	if (e != NULL)
		return pl_error_hint(
			pl_error_context(e, "waiting for %s to come back from its reboot", r->cfg->name),
			"look at its screen; a longer boot_timeout in the lab file gives it more time");
	guest_facts_deinit(&r->facts);
	r->facts = facts;
	run_keep_guest(r, &found, g);
	SAY("back at %s", r->ip);
	return NULL;
}

struct pl_error *step_reboot(struct run *r, char *out)
{
	bool already;
	struct pl_error *e = in_force(r, &already);
	if (e != NULL || !already)
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
	const char *wanted = scenario_kernel_name(r->scenario->kernel);
	if (e == NULL && r->scenario->kernel != KERNEL_AS_IS && strcmp(wanted, r->facts.variant) != 0)
		e = pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_GUEST, "the %s kernel runs, the scenario wants %s",
					    r->facts.variant, wanted),
				"%s", r->cfg->name),
			"install that kernel from the Kernel Debug Kit of build %s", r->facts.build);
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
