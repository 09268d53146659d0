#include "orchestrator/run/arming.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/fusion/vmx.h"
#include "orchestrator/host/address.h"
#include "orchestrator/macos/csr.h"
#include "orchestrator/macos/guest_os.h"
#include "orchestrator/run/boot_args.h"
#include "orchestrator/run/console.h"
#include "orchestrator/run/context.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/vm_nvram.h"
#include "server/udp.h"

void arming_init(struct arming *a)
{
	/* Until it is tried: the plan is counted before. */
	*a = (struct arming){.socket = -1, .offline = true};
}

void arming_deinit(struct arming *a)
{
	free(a->args_before);
	if (a->socket >= 0)
		close(a->socket);
	arming_init(a);
}

/* ---- what is known beforehand ---- */

static void find_version(struct run *r)
{
	struct vmx v = {0};
	if (strcmp(r->cfg->macos, "auto") != 0) {
		(void)macos_version_parse(r->cfg->macos, &r->arm.macos);
	} else {
		struct pl_error *e = vmx_load(r->vm.vmx, &v);
		if (e == NULL)
			(void)macos_of_guest_os(vmx_get(&v, "guestOS"), &r->arm.macos);
		pl_error_free(e);
		vmx_deinit(&v);
	}
	r->arm.xnu = macos_version_xnu(&r->arm.macos);
}

/* The adapter that leads to this host: en0 is the first one. */
static struct pl_error *find_adapter(struct run *r, const struct pl_wait *w, char vmnet[static 16])
{
	struct vm_nic nics[8];
	size_t count = 0, use = 0;
	struct pl_error *e = r->host.ops->nics(r->host.host, &r->vm, w, nics, &count);
	vmnet[0] = '\0';
	if (e != NULL || count == 0)
		return e;
	/* Fusion's own networks are the ones that this host is on. */
	while (use < count && strcasecmp(nics[use].type, "nat") != 0 &&
		strcasecmp(nics[use].type, "hostOnly") != 0)
		use++;
	if (use == count)
		use = 0;
	snprintf(r->arm.interface, sizeof r->arm.interface, "en%u", (unsigned)use);
	snprintf(r->arm.device, sizeof r->arm.device, "%s", nics[use].device);
	snprintf(vmnet, 16, "%s", nics[use].vmnet);
	return NULL;
}

/* Some other network than this host's: its routes lead there by the interface that others reach it by. */
static const char ELSEWHERE[] = "192.0.2.1"; /* RFC 5737: nobody's */

/* This host's address in that subnet of Fusion's: any guest's of it will do to find it. */
static struct pl_error *address_in(const struct vm_network *n, char ret[static 16])
{
	char any[16];
	/* One that no host of ours has: the last before the broadcast address. */
	uint32_t last = (n->subnet | ~n->mask) - 1;
	snprintf(any, sizeof any, "%u.%u.%u.%u", last >> 24, last >> 16 & 255, last >> 8 & 255, last & 255);
	return host_address(any, ret);
}

/* This host's address on the guest's network. */
static struct pl_error *find_server(struct run *r, const char *vmnet, const struct pl_wait *w)
{
	struct vm_network n;
	if (strcmp(r->lab->server.bind, "auto") != 0) {
		snprintf(r->arm.host, sizeof r->arm.host, "%s", r->lab->server.bind);
		return NULL;
	}
	if (strcmp(r->cfg->address, "auto") != 0)
		return host_address(r->cfg->address, r->arm.host);
	struct pl_error *e = r->host.ops->network(r->host.host, vmnet, w, &n);
	if (e == NULL)
		e = address_in(&n, r->arm.host);
	if (e == NULL || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	/* A bridged guest is on this host's own network; where that is wrong, it is armed again. */
	pl_error_free(e);
	return host_address_towards(ELSEWHERE, r->arm.host);
}

static struct pl_error *find_dump_address(struct run *r, const struct pl_wait *w)
{
	char vmnet[16];
	struct pl_error *e = find_adapter(r, w, vmnet);
	if (e == NULL && r->scenario->expect.core != CORE_NONE)
		e = find_server(r, vmnet, w);
	return e;
}

/* Whether the file is there and makes sense; what is in it may change while the VM runs. */
static struct pl_error *try_file(const struct run *r)
{
	struct vm_nvram v;
	char *folder = NULL;
	struct pl_error *e = vm_nvram_open(r->vm.vmx, &v);
	if (e == NULL)
		e = pl_strdup(v.path, &folder);
	if (e == NULL) {
		*strrchr(folder, '/') = '\0';
		if (access(folder, W_OK) < 0)
			e = pl_error_at(
				pl_error_new(PL_ERR_LAB, "the VM's folder is not writable"), "%s", folder);
	}
	free(folder);
	vm_nvram_close(&v);
	return e;
}

struct pl_error *arming_prepare(struct run *r, const struct pl_wait *w)
{
	struct arming *a = &r->arm;
	find_version(r);
	a->offline = false;
	if (!plan_sets_boot_args(r) && r->scenario->sip == SIP_AS_IS)
		return NULL;
	struct pl_error *e = NULL;
	if (r->cfg->nvram == LAB_NVRAM_LEAVE)
		e = pl_error_new(PL_ERR_LAB, "the lab file says `nvram: leave`");
	if (e == NULL)
		e = try_file(r);
	if (e == NULL)
		e = find_dump_address(r, w);
	a->offline = e == NULL;
	if (e == NULL || pl_error_kind(e) == PL_ERR_INTERRUPTED || pl_error_kind(e) == PL_ERR_NOMEM)
		return e;
	pl_error_line(e, a->why_not, sizeof a->why_not);
	pl_error_free(e);
	return NULL;
}

/* ---- what is known once it is up ---- */

void arming_believe_facts(struct run *r)
{
	struct arming *a = &r->arm;
	struct macos_version v;
	if (macos_version_parse(r->facts.product_version, &v))
		a->macos = v;
	if (macos_version_parse_xnu(r->facts.xnu, &v))
		a->xnu = v;
	if (r->facts.interface[0] != '\0')
		snprintf(a->interface, sizeof a->interface, "%s", r->facts.interface);
	if (r->dump != NULL) {
		snprintf(a->server, sizeof a->server, "%s", dump_address(r->dump));
		a->port = dump_port(r->dump);
	}
}

/* ---- what the guest is to boot with ---- */

static struct pl_error *make_boot_args(const struct run *r, char **ret)
{
	const struct arming *a = &r->arm;
	const struct run_boot_args choices = {
		.server = a->server[0] == '\0' ? NULL : a->server,
		.port = a->port,
		.interface = a->interface,
		.xnu = a->xnu,
		.kcsuffix = kernel_suffix(r),
		.serial = a->console,
		.extra = r->scenario->boot_args,
	};
	*ret = NULL;
	return run_boot_args_make(a->args_before == NULL ? "" : a->args_before, &choices, ret);
}

struct pl_error *arming_choose_boot_args(struct run *r)
{
	char *args = NULL;
	struct pl_error *e = make_boot_args(r, &args);
	if (e != NULL)
		return e;
	free(r->boot_args);
	r->boot_args = args;
	return NULL;
}

unsigned arming_csr_uses(const struct run *r)
{
	unsigned uses = 0;
	if (plan_sets_boot_args(r))
		uses |= CSR_USE_BOOT_ARGS;
	if (r->scenario->expect.core != CORE_NONE)
		uses |= CSR_USE_DUMP;
	if (r->scenario->trigger.kind == TRIGGER_DTRACE)
		uses |= CSR_USE_DTRACE;
	if (r->scenario->trigger.kind == TRIGGER_KEXT)
		uses |= CSR_USE_KEXT;
	if (kernel_is_needed(r))
		uses |= CSR_USE_INSTALL_KERNEL;
	return uses;
}

/* The scenario does not let SIP be touched, and it is in the way. */
static struct pl_error *refuse(const struct run *r, const struct csr_need *needs, size_t count)
{
	uint32_t lacks = csr_lacks(needs, count, r->arm.csr_before);
	size_t i = 0;
	while (i < count && (needs[i].bit & lacks) == 0)
		i++;
	if (i == count)
		return NULL;
	struct pl_error *e =
		pl_error_new(PL_ERR_GUEST, "SIP is in the way, and the scenario leaves it as it is");
	e = pl_error_why(pl_error_at(e, "%s", r->cfg->name), "%s", needs[i].reason);
	return pl_error_hint(e,
		"`sip: needed` in the scenario switches off what is in the way, and puts it back; "
		"or run `csrutil disable` in Recovery");
}

/* All of SIP, or what is needed, off; what is off stays off. */
static struct pl_error *choose_csr(const struct run *r, uint32_t *ret)
{
	const struct arming *a = &r->arm;
	struct csr_need needs[CSR_NEEDS_MAX];
	size_t count = csr_needs(&a->macos, arming_csr_uses(r), needs);
	*ret = a->csr_before;
	if (macos_version_known(&a->macos) && !csr_exists(&a->macos))
		return NULL;
	if (r->scenario->sip == SIP_AS_IS)
		return refuse(r, needs, count);
	if (r->scenario->sip == SIP_NEEDED) {
		*ret |= csr_lacks(needs, count, a->csr_before);
		return NULL;
	}
	if (!macos_version_known(&a->macos))
		return pl_error_hint(
			pl_error_at(pl_error_new(PL_ERR_USAGE, "which macOS the guest has is not "
							       "known before it boots"),
				"%s", r->cfg->name),
			"give `macos: VERSION` for the guest in the lab file, or `sip: needed` in the "
			"scenario");
	return csr_disable(&a->macos, a->csr_before, ret);
}

/* What was there, before the first edit. */
static struct pl_error *note_before(struct run *r, const struct vm_nvram *v)
{
	struct arming *a = &r->arm;
	if (a->intent != 0)
		return NULL;
	free(a->args_before);
	a->args_before = NULL;
	a->console = plan_sets_boot_args(r) && console_is_wanted(r);
	struct pl_error *e = vm_nvram_boot_args(v, &a->args_before, NULL);
	if (e == NULL)
		e = vm_nvram_csr(v, &a->csr_before);
	a->csr = a->csr_before;
	return e;
}

/* What the next boot is to have: run.boot_args and *csr. */
static struct pl_error *choose(struct run *r, const struct vm_nvram *v, uint32_t *csr)
{
	struct arming *a = &r->arm;
	struct pl_error *e = note_before(r, v);
	if (e == NULL && a->host[0] != '\0' && r->dump == NULL)
		e = run_hold_port(r, a->host);
	if (e == NULL && plan_sets_boot_args(r))
		e = arming_choose_boot_args(r);
	if (e == NULL && r->boot_args != NULL && r->scenario->expect.core == CORE_REQUIRED)
		e = run_boot_args_expect_core(r->boot_args, &a->xnu);
	return e != NULL ? e : choose_csr(r, csr);
}

/* The journal's entry, and what of it is no variable. */
static struct pl_error *begin_edit(struct run *r, const struct vm_nvram *v)
{
	struct arming *a = &r->arm;
	json_t *before = vm_nvram_before(v), *console = NULL;
	struct pl_error *e = a->console ? console_before(r, &console) : NULL;
	if (e == NULL && console != NULL && json_object_set(before, "console", console) < 0)
		e = pl_error_nomem();
	if (e == NULL)
		e = run_intent(r, "nvram", before, &a->intent);
	else
		json_decref(before);
	if (e == NULL && console != NULL)
		e = console_add(r, console);
	json_decref(console);
	return e;
}

static struct pl_error *edit(struct run *r, struct vm_nvram *v)
{
	struct arming *a = &r->arm;
	uint32_t csr = 0;
	struct pl_error *e = choose(r, v, &csr);
	if (e != NULL || (r->boot_args == NULL && csr == a->csr))
		return e;
	if (a->intent == 0)
		e = begin_edit(r, v);
	if (e == NULL && r->boot_args != NULL)
		e = vm_nvram_set_boot_args(v, r->boot_args);
	if (e == NULL && csr != a->csr)
		e = vm_nvram_set_csr(v, csr);
	if (e == NULL)
		e = vm_nvram_write(v);
	if (e != NULL)
		return e;
	run_report(r, "sip",
		json_pack("{s:I, s:I}", "before", (json_int_t)a->csr_before, "during", (json_int_t)csr));
	a->csr = csr;
	return journal_done(r->journal, a->intent);
}

struct pl_error *arming_edit(struct run *r, const struct pl_wait *w)
{
	struct vm_nvram v = {0};
	struct pl_error *e = r->host.ops->settle(r->host.host, &r->vm, w);
	if (e == NULL)
		e = vm_nvram_open(r->vm.vmx, &v);
	if (e == NULL)
		e = edit(r, &v);
	vm_nvram_close(&v);
	return e;
}

bool arming_is_stale(const struct run *r, char *why, size_t size)
{
	char *args = NULL;
	uint32_t csr = 0;
	bool stale = false;
	struct pl_error *e = plan_sets_boot_args(r) ? make_boot_args(r, &args) : NULL;
	if (e == NULL)
		e = choose_csr(r, &csr);
	if (e == NULL && args != NULL && strcmp(args, r->boot_args) != 0) {
		stale = true;
		snprintf(why, size, "it should boot with %s", args);
	} else if (e == NULL && csr != r->arm.csr) {
		stale = true;
		snprintf(why, size, "csr-active-config should be 0x%x, not 0x%x", (unsigned)csr,
			(unsigned)r->arm.csr);
	}
	pl_error_free(e);
	free(args);
	return stale;
}

struct pl_error *arming_foresee(
	const struct run *r, const struct arming_known *k, char **boot_args, uint32_t *csr)
{
	struct run then = *r;
	struct arming *a = &then.arm;
	struct vm_nvram v = {0};
	struct pl_error *e = NULL;
	*boot_args = NULL;
	*csr = 0;
	a->macos = k->macos;
	a->xnu = k->xnu;
	a->port = k->port;
	a->args_before = NULL;
	a->csr_before = 0;
	then.kernel.installed = k->kernel_installed && kernel_is_wanted(r);
	then.facts.variant = (char *)(uintptr_t)k->variant;
	snprintf(a->interface, sizeof a->interface, "%s", k->interface);
	snprintf(a->server, sizeof a->server, "%s", k->server == NULL ? "" : k->server);
	if (a->offline) {
		e = vm_nvram_open(r->vm.vmx, &v);
		if (e == NULL)
			e = vm_nvram_boot_args(&v, &a->args_before, NULL);
		if (e == NULL)
			e = vm_nvram_csr(&v, &a->csr_before);
		vm_nvram_close(&v);
	} else {
		e = pl_strdup(k->args_before, &a->args_before);
	}
	if (e == NULL && plan_sets_boot_args(&then))
		e = make_boot_args(&then, boot_args);
	if (e == NULL && a->offline)
		e = choose_csr(&then, csr);
	free(a->args_before);
	if (e != NULL) {
		free(*boot_args);
		*boot_args = NULL;
	}
	return e;
}
