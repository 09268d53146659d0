#include "orchestrator/run/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/host/kdumpd.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

static bool with_snapshot(const struct run *r)
{
	return r->scenario->isolation == ISOLATION_SNAPSHOT;
}

static bool with_clone(const struct run *r)
{
	return r->scenario->isolation == ISOLATION_CLONE;
}

static bool with_payload(const struct run *r)
{
	return r->scenario->payload.files_count > 0 || r->scenario->payload.kext != NULL;
}

static bool with_setup(const struct run *r)
{
	return r->scenario->payload.setup != NULL;
}

static bool with_dump(const struct run *r)
{
	return r->scenario->expect.core != CORE_NONE;
}

static bool with_firewall(const struct run *r)
{
	return with_dump(r) && r->lab->host.firewall != LAB_FIREWALL_LEAVE && !r->o->prepare;
}

static bool with_kdumpd(const struct run *r)
{
	return with_dump(r) && r->lab->host.kdumpd == LAB_KDUMPD_UNLOAD && r->lab->server.port == KDUMPD_PORT;
}

bool plan_sets_boot_args(const struct run *r)
{
	return with_dump(r) || r->scenario->boot_args[0] != '\0' || r->scenario->kernel > KERNEL_RELEASE;
}

static bool with_edit(const struct run *r)
{
	return r->arm.offline;
}

/* A running guest writes its .nvram anew when it goes off. */
static bool with_shut_down(const struct run *r)
{
	return r->arm.offline && r->power_before == VM_POWER_ON;
}

/* Where the .nvram cannot be edited. */
static bool with_nvram_tool(const struct run *r)
{
	return !r->arm.offline && plan_sets_boot_args(r);
}

static bool with_verify(const struct run *r)
{
	return plan_sets_boot_args(r) || r->scenario->kernel != KERNEL_AS_IS;
}

static bool with_prepared(const struct run *r)
{
	return r->prepared.record != NULL;
}

static bool with_keep(const struct run *r)
{
	return r->o->prepare;
}

static bool with_return(const struct run *r)
{
	return (r->scenario->collect & (EVIDENCE_PANIC_REPORT | EVIDENCE_SYSTEM_LOG)) != 0;
}

static void why_preflight(const struct run *r, char *out)
{
	SAY("find %s in Fusion, and check what later steps rely on", r->cfg->name);
}

static void why_lock(const struct run *r, char *out)
{
	(void)r;
	SAY("one run at a time on a VM, and none on top of an unrestored one");
}

static void why_snapshot(const struct run *r, char *out)
{
	(void)r;
	SAY("isolation is snapshot: whatever the panic breaks is reverted");
}

static void why_clone(const struct run *r, char *out)
{
	SAY("isolation is clone: %s itself is neither started nor changed", r->cfg->name);
}

static void why_firewall(const struct run *r, char *out)
{
	SAY("host.firewall is %s: the guest's packets must reach the dump server",
		r->lab->host.firewall == LAB_FIREWALL_TRY ? "try" : "allow");
}

static void why_shut_down(const struct run *r, char *out)
{
	SAY("%s runs, and a guest's .nvram is only its own while it is off", r->cfg->name);
}

static void why_arm(const struct run *r, char *out)
{
	bool args = plan_sets_boot_args(r), sip = r->scenario->sip != SIP_AS_IS;
	SAY("%s%s%s while the guest is off: no boot, no Recovery", sip ? "SIP out of the way" : "",
		sip && args ? " and " : "", args ? "boot-args set" : "");
}

static void why_power(const struct run *r, char *out)
{
	SAY("%s must run to panic", r->cfg->name);
}

static void why_address(const struct run *r, char *out)
{
	SAY("an address is believed when SSH answers there on port %u", r->cfg->ssh.port);
}

static void why_kdumpd(const struct run *r, char *out)
{
	(void)r;
	SAY("host.kdumpd is unload: Apple's dump server holds port %d while it is loaded", KDUMPD_PORT);
}

static void why_server(const struct run *r, char *out)
{
	if (r->prepared.record != NULL)
		SAY("the kernel sends its core to the address and port in the boot-args that it was prepared "
		    "with");
	else if (r->lab->server.port == 0)
		SAY("the kernel sends its core over UDP to a free port of this host");
	else
		SAY("the kernel sends its core over UDP to port %u of this host%s", r->lab->server.port,
			r->lab->server.port_auto ? ", or to a free one if that is taken" : "");
}

static void why_facts(const struct run *r, char *out)
{
	(void)r;
	SAY("version, kernel, SIP, boot-args and NIC decide what can work");
}

static void why_payload(const struct run *r, char *out)
{
	SAY("%zu file%s%s from the scenario", r->scenario->payload.files_count,
		r->scenario->payload.files_count == 1 ? "" : "s",
		r->scenario->payload.kext != NULL ? " and a kext" : "");
}

static void why_kernel(const struct run *r, char *out)
{
	SAY("the scenario wants the %s kernel, which only a Kernel Debug Kit has",
		scenario_kernel_name(r->scenario->kernel));
}

static void why_boot_args(const struct run *r, char *out)
{
	SAY("%s; %s",
		with_dump(r) ? "the kernel dumps over the network only when its boot-args say so"
			     : "the scenario asks for boot-args or for another kernel",
		r->arm.why_not[0] == '\0' ? "set in the guest" : r->arm.why_not);
}

static void why_reboot(const struct run *r, char *out)
{
	(void)r;
	SAY("boot-args take effect at the next boot");
}

static void why_verify(const struct run *r, char *out)
{
	(void)r;
	SAY("nvram can report success and change nothing: kern.bootargs tells");
}

static void why_setup(const struct run *r, char *out)
{
	SAY("the scenario's set-up script %s", r->scenario->payload.setup);
}

static void why_prepared(const struct run *r, char *out)
{
	SAY("%s was armed for this scenario on %.10s and is kept with its memory: no boot", r->cfg->name,
		pl_json_str_or(r->prepared.record, "made", "?"));
}

static void why_keep(const struct run *r, char *out)
{
	(void)r;
	SAY("a snapshot with its memory, from which later runs start");
}

static void why_trigger(const struct run *r, char *out)
{
	SAY("%s: %s", scenario_trigger_name(r->scenario->trigger.kind),
		r->scenario->trigger.kind == TRIGGER_KEXT ? r->scenario->payload.kext
							  : r->scenario->trigger.text);
}

static void why_dump(const struct run *r, char *out)
{
	(void)r;
	SAY("the core is whole only when its last block is on disk");
}

static void why_return(const struct run *r, char *out)
{
	(void)r;
	SAY("the panic report is written at the boot after the panic");
}

static void why_collect(const struct run *r, char *out)
{
	(void)r;
	SAY("what the guest and the console have kept of the panic");
}

static void why_analyse(const struct run *r, char *out)
{
	(void)r;
	SAY("verify, unpack and inspect what arrived");
}

static void why_judge(const struct run *r, char *out)
{
	SAY("the scenario expects %s%s%s", r->scenario->expect.panic ? "a panic" : "no panic",
		r->scenario->expect.matching == NULL ? "" : " with ",
		r->scenario->expect.matching == NULL ? "" : r->scenario->expect.matching);
}

const struct step plan_steps[] = {
	{"preflight", NULL, why_preflight, step_preflight, NULL, false, false},
	{"lock", NULL, why_lock, step_lock, "a lock file in the state folder", false, false},
	{"snapshot", with_snapshot, why_snapshot, step_snapshot,
		"a snapshot, reverted and deleted at the end", false, false},
	{"clone", with_clone, why_clone, step_clone, "a snapshot and a clone of it, both deleted at the end",
		false, false},
	{"kdumpd", with_kdumpd, why_kdumpd, step_kdumpd, "Apple's kdumpd, loaded again at the end", false,
		false},
	{"prepared", with_prepared, why_prepared, step_prepared,
		"the VM's disk, memory and power, by a snapshot; put back as they were", false, false},
	{"shut down", with_shut_down, why_shut_down, step_shut_down, "the VM's power, put back as it was",
		false, false},
	{"nvram", with_edit, why_arm, step_arm, "boot-args and csr-active-config, put back as they were",
		false, false},
	{"power on", NULL, why_power, step_power_on, "the VM's power, put back as it was", false, false},
	{"address", NULL, why_address, step_address, NULL, false, false},
	{"dump server", with_dump, why_server, step_server, "a UDP port of this host while the run lasts",
		false, false},
	{"firewall", with_firewall, why_firewall, step_firewall,
		"one allowed program or rule, put back as it was", false, false},
	{"facts", NULL, why_facts, step_facts, "a private folder in the guest, removed again", false, false},
	{"payload", with_payload, why_payload, step_payload, "files in the guest, removed again", false,
		false},
	{"kernel", kernel_is_wanted, why_kernel, step_kernel,
		"a kernel in the guest, removed again, and a boot with it", false, false},
	{"boot-args", with_nvram_tool, why_boot_args, step_boot_args,
		"nvram boot-args, put back as they were", false, false},
	{"reboot", with_nvram_tool, why_reboot, step_reboot, "the guest reboots", false, false},
	{"verify", with_verify, why_verify, step_verify, NULL, false, false},
	{"set-up", with_setup, why_setup, step_setup, "whatever the script does in the guest", false, false},
	{"keep", with_keep, why_keep, step_keep, "a snapshot that stays, and its record", false, false},
	{"trigger", NULL, why_trigger, step_trigger, "the guest panics", true, false},
	{"dump", with_dump, why_dump, step_dump, "the core, in the run's folder", true, false},
	{"guest back", with_return, why_return, step_return, NULL, true, false},
	{"collect", NULL, why_collect, step_collect, "files in the run's folder", true, true},
	{"analyse", NULL, why_analyse, step_analyse, "the unpacked core, in the run's folder", true, true},
	{"judge", NULL, why_judge, step_judge, NULL, true, true},
	{NULL, NULL, NULL, NULL, NULL, false, false},
};

static size_t place_of(const char *name)
{
	size_t i = 0;
	while (plan_steps[i].name != NULL && strcmp(plan_steps[i].name, name) != 0)
		i++;
	return i;
}

/* A prepared guest has these behind it; what the host and the checks need, it needs as well. */
static bool arms_guest(const struct step *s)
{
	static const char *const others[] = {"dump server", "firewall", "facts", "verify"};
	size_t at = (size_t)(s - plan_steps);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(s->name, others[i]) == 0)
			return false;
	return at > place_of("prepared") && at < place_of("keep");
}

bool plan_wants(const struct step *s, const struct run *r)
{
	size_t at = (size_t)(s - plan_steps);
	bool fits = r->prepared.record != NULL;
	if (r->o->prepare && (fits ? at > 0 : at > place_of("keep")))
		return false;
	if (fits && arms_guest(s))
		return false;
	return s->wanted == NULL || s->wanted(r);
}
