/*
 * VMware Fusion behind struct vm_ops: the REST service for what it can do,
 * vmrun for snapshots, which it cannot.
 *
 * vmrun also starts and stops a VM when the REST service fails at it (no
 * answer, or a status of 500 and above), never without a warning: putting a lab
 * back must not depend on a service that has died in the meantime.
 *
 * vmrest makes up new ids whenever it starts. One that it does not know any
 * more is looked up again by the .vmx, which lasts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "orchestrator/fusion/bundle.h"
#include "orchestrator/fusion/find_vm.h"
#include "orchestrator/fusion/fusion_parts.h"
#include "orchestrator/fusion/vm.h"
#include "orchestrator/fusion/vmrest.h"
#include "orchestrator/fusion/vmrun.h"
#include "orchestrator/fusion/vmx.h"

#define POLL_FIRST (100 * PL_MS)
#define POLL_MOST (1 * PL_SECOND)
#define ADDRESS_TIME (10 * PL_SECOND)
#define SETTLE_PAUSE (250 * PL_MS)

bool fusion_is_final(const struct pl_error *e)
{
	return e && (pl_error_kind(e) == PL_ERR_INTERRUPTED || pl_error_kind(e) == PL_ERR_NOMEM);
}

/* The service itself failed, rather than refused; and there is time left for another way. */
static bool rest_is_ill(const struct vm_host *h, const struct pl_error *e, const struct pl_wait *w)
{
	struct pl_error *over;
	long status = vmrest_status(h->rest);

	if (fusion_is_final(e) || (status != 0 && status < 500))
		return false;
	over = pl_wait_check(w);
	pl_error_free(over);
	return !over;
}

struct pl_error *fusion_find(
	struct vm_host *h, const struct lab_vm *sel, const struct pl_wait *w, struct vm *ret)
{
	struct vmrest_vm *vms = NULL;
	size_t count = 0;
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	e = vmrest_vms(h->rest, w, &vms, &count);
	if (!e)
		e = find_vm(vms, count, sel, ret);
	vmrest_vms_free(vms, count);
	return e;
}

/* ---- calls on a VM: by an id that may have to be found anew -------------------- */

const char *fusion_id_of(const struct vm_host *h, const struct vm *vm)
{
	return h->renewed_vmx && !strcmp(h->renewed_vmx, vm->vmx) ? h->renewed_id : vm->id;
}

/* True if the VM has another id by now. */
static bool renew_id(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	struct lab_vm sel = {.vmx = vm->vmx};
	struct vm found;
	struct pl_error *e = fusion_find(h, &sel, w, &found);
	bool changed = !e && strcmp(found.id, fusion_id_of(h, vm));
	char line[512];

	if (e)
		pl_log(h->log, PL_LOG_DEBUG, "%s", pl_error_line(e, line, sizeof(line)));
	pl_error_free(e);
	if (changed) {
		pl_log(h->log, PL_LOG_WARN, "vmrest has another id for %s than before: it was restarted",
			vm->vmx);
		free(h->renewed_vmx);
		free(h->renewed_id);
		/* As the run knows it: the service may write the path in another way. */
		h->renewed_vmx = strdup(vm->vmx);
		h->renewed_id = found.id;
		found.id = NULL;
		changed = h->renewed_vmx != NULL;
	}
	vm_deinit(&found);
	return changed;
}

struct pl_error *fusion_call_vm(
	struct vm_host *h, const struct vm *vm, const struct rest_call *c, const struct pl_wait *w)
{
	struct pl_error *e = c->send(h->rest, fusion_id_of(h, vm), c, w);

	if (!e || fusion_is_final(e) || vmrest_status(h->rest) != 404 || !renew_id(h, vm, w))
		return e;
	pl_error_free(e);
	return c->send(h->rest, fusion_id_of(h, vm), c, w);
}

static struct pl_error *send_power(
	struct vmrest *r, const char *id, const struct rest_call *c, const struct pl_wait *w)
{
	return vmrest_power(r, id, w, c->ret);
}

static struct pl_error *send_change(
	struct vmrest *r, const char *id, const struct rest_call *c, const struct pl_wait *w)
{
	return vmrest_power_change(r, id, c->word, w);
}

static struct pl_error *send_nics(
	struct vmrest *r, const char *id, const struct rest_call *c, const struct pl_wait *w)
{
	return vmrest_nics(r, id, w, c->ret, c->count);
}

static struct pl_error *send_ip(
	struct vmrest *r, const char *id, const struct rest_call *c, const struct pl_wait *w)
{
	return vmrest_ip(r, id, w, c->ret);
}

static struct pl_error *send_nicips(
	struct vmrest *r, const char *id, const struct rest_call *c, const struct pl_wait *w)
{
	return vmrest_nicips(r, id, w, c->ret, c->count);
}

/* ---- power --------------------------------------------------------------------- */

struct pl_error *fusion_power(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, enum vm_power *ret)
{
	const struct rest_call c = {.send = send_power, .ret = ret};

	return fusion_call_vm(h, vm, &c, w);
}

/* vmrun knows who runs, and cannot tell a suspended VM from one that is off. */
static struct pl_error *listed_power(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, enum vm_power *ret)
{
	char **names;
	size_t count;
	struct pl_error *e = vmrun_list(&h->run, w, &names, &count);

	if (e)
		return e;
	*ret = VM_POWER_OFF;
	for (size_t i = 0; i < count; i++)
		if (find_vm_same_path(names[i], vm->vmx))
			*ret = VM_POWER_ON;
	vm_names_free(names, count);
	return NULL;
}

static struct pl_error *look(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, enum vm_power *ret)
{
	struct pl_error *e = fusion_power(h, vm, w, ret);
	struct pl_error *second;
	char line[512];

	if (!e || !rest_is_ill(h, e, w))
		return e;
	second = listed_power(h, vm, w, ret);
	if (second) {
		pl_error_free(second);
		return e;
	}
	pl_log(h->log, PL_LOG_WARN, "%s; vmrun list says that the VM is %s",
		pl_error_line(e, line, sizeof(line)), vm_power_name(*ret));
	pl_error_free(e);
	return NULL;
}

/* A wait that ended while polling: says in which state the VM was left. */
static struct pl_error *still(
	struct pl_error *over, const struct vm *vm, enum vm_power now, enum vm_power wanted)
{
	struct pl_error *e;
	char safe[100];

	if (pl_error_kind(over) != PL_ERR_TIMEOUT)
		return over;
	pl_error_free(over);
	e = pl_error_new(PL_ERR_TIMEOUT, "VM '%s' did not become %s in time",
		pl_escape_str(vm->name, safe, sizeof(safe)), vm_power_name(wanted));
	e = pl_error_why(e, "it is %s", vm_power_name(now));
	if (wanted == VM_POWER_ON)
		return pl_error_hint(
			e, "a question may wait in Fusion's window; vmware.log beside the .vmx says more");
	return pl_error_hint(e, "look at its window in Fusion");
}

/* Polls until the VM is in the wanted state or, with settle, in any that lasts. */
static struct pl_error *poll_power(struct vm_host *h, const struct vm *vm, const struct pl_wait *w,
	bool settle, enum vm_power wanted, enum vm_power *now)
{
	int64_t pause = POLL_FIRST;

	for (;;) {
		struct pl_error *e = look(h, vm, w, now);

		if (e)
			return e;
		if (settle ? *now != VM_POWER_CHANGING : *now == wanted)
			return NULL;
		e = pl_wait_sleep(w, pause);
		if (e)
			return still(e, vm, *now, wanted);
		pause = pause * 2 < POLL_MOST ? pause * 2 : POLL_MOST;
	}
}

static bool has_taken(struct vm_host *h, const struct vm *vm, enum vm_power wanted, const struct pl_wait *w)
{
	enum vm_power now;
	struct pl_error *e = look(h, vm, w, &now);
	bool taken = !e && (now == wanted || now == VM_POWER_CHANGING);

	pl_error_free(e);
	return taken;
}

/* Asks the REST service. *ill: it failed to do it, rather than refused. */
static struct pl_error *ask_rest(struct vm_host *h, const struct vm *vm, const char *word,
	enum vm_power wanted, const struct pl_wait *w, bool *ill)
{
	const struct rest_call c = {.send = send_change, .word = word};
	struct pl_error *e = fusion_call_vm(h, vm, &c, w);
	char line[512];

	*ill = e && rest_is_ill(h, e, w);
	if (!e || fusion_is_final(e) || !has_taken(h, vm, wanted, w))
		return e;
	pl_log(h->log, PL_LOG_DEBUG, "%s; yet the VM does it", pl_error_line(e, line, sizeof(line)));
	pl_error_free(e);
	return NULL;
}

/*
 * Asks for a change. An error of the request decides nothing (a stop may fail
 * and the VM stop): the VM's state does.
 */
static struct pl_error *ask(struct vm_host *h, const struct vm *vm, const char *word, enum vm_power wanted,
	const struct pl_wait *w)
{
	bool ill;
	struct pl_error *e = ask_rest(h, vm, word, wanted, w, &ill);
	struct pl_error *other;
	char line[512];

	/* vmrun's soft stop would be a second request to a guest that may have had the first */
	if (!e || !ill || !strcmp(word, "shutdown"))
		return e;
	pl_log(h->log, PL_LOG_WARN, "%s; trying vmrun instead", pl_error_line(e, line, sizeof(line)));
	other = wanted == VM_POWER_ON ? vmrun_start(&h->run, vm->vmx, w)
				      : vmrun_stop(&h->run, vm->vmx, true, w);
	if (other)
		pl_log(h->log, PL_LOG_WARN, "%s", pl_error_line(other, line, sizeof(line)));
	if (other && !has_taken(h, vm, wanted, w)) {
		pl_error_free(other);
		return e;
	}
	pl_error_free(other);
	pl_error_free(e);
	return NULL;
}

static struct pl_error *change(struct vm_host *h, const struct vm *vm, const char *word, enum vm_power wanted,
	const struct pl_wait *w)
{
	enum vm_power now;
	struct pl_error *e = ask(h, vm, word, wanted, w);

	return e ? e : poll_power(h, vm, w, false, wanted, &now);
}

static struct pl_error *fusion_start(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	enum vm_power now;
	struct pl_error *e = poll_power(h, vm, w, true, VM_POWER_ON, &now);

	if (e || now == VM_POWER_ON)
		return e;
	return change(h, vm, now == VM_POWER_PAUSED ? "unpause" : "on", VM_POWER_ON, w);
}

static struct pl_error *fusion_stop(
	struct vm_host *h, const struct vm *vm, bool hard, const struct pl_wait *w)
{
	enum vm_power now;
	struct pl_error *e = poll_power(h, vm, w, true, VM_POWER_OFF, &now);
	char safe[100];

	if (e || now == VM_POWER_OFF)
		return e;
	if (hard)
		return change(h, vm, "off", VM_POWER_OFF, w);
	if (now == VM_POWER_SUSPENDED)
		return pl_error_hint(pl_error_new(PL_ERR_LAB, "VM '%s' is suspended and cannot shut down",
					     pl_escape_str(vm->name, safe, sizeof(safe))),
			"resume it in Fusion and shut it down there");
	if (now == VM_POWER_PAUSED)
		e = change(h, vm, "unpause", VM_POWER_ON, w);
	return e ? e : change(h, vm, "shutdown", VM_POWER_OFF, w);
}

static const char *adapter_value(const struct vmx *v, int64_t n, const char *what)
{
	char key[64];

	snprintf(key, sizeof(key), "ethernet%lld.%s", (long long)n, what);
	return vmx_get(v, key);
}

/* The adapter with that MAC; else the one that the REST service counts as index (from 1). */
static int64_t adapter_of(const struct vmx *v, const struct vmrest_nic *nic)
{
	for (int64_t n = 0; *nic->nic.mac && n < 10; n++) {
		const char *fixed = adapter_value(v, n, "address");
		const char *made = adapter_value(v, n, "generatedAddress");

		if ((fixed && !strcasecmp(fixed, nic->nic.mac)) || (made && !strcasecmp(made, nic->nic.mac)))
			return n;
	}
	return nic->index - 1;
}

static struct pl_error *fusion_nics(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, struct vm_nic ret[8], size_t *count)
{
	struct vmrest_nic nics[8];
	const struct rest_call c = {.send = send_nics, .ret = nics, .count = count};
	struct vmx v;
	struct pl_error *e = fusion_call_vm(h, vm, &c, w);
	char line[512];

	if (e)
		return e;
	e = vmx_load(vm->vmx, &v);
	if (e)
		pl_log(h->log, PL_LOG_DEBUG, "devices of the network adapters not known: %s",
			pl_error_line(e, line, sizeof(line)));
	pl_error_free(e);
	for (size_t i = 0; i < *count; i++) {
		const char *device = adapter_value(&v, adapter_of(&v, &nics[i]), "virtualDev");

		ret[i] = nics[i].nic;
		if (device)
			pl_escape_str(device, ret[i].device, sizeof(ret[i].device));
	}
	vmx_deinit(&v);
	return NULL;
}

static struct pl_error *fusion_settle(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	struct bundle b;
	struct pl_error *e = bundle_find(vm->vmx, &b);

	while (!e) {
		struct pl_error *over, *held = bundle_check_off(&b, &h->run, w, h->log);

		if (!held || b.suspended || pl_error_kind(held) != PL_ERR_LAB) {
			e = held;
			break;
		}
		over = pl_wait_sleep(w, SETTLE_PAUSE);
		if (over && pl_error_kind(over) == PL_ERR_TIMEOUT) {
			pl_error_free(over);
			e = held;
			break;
		}
		pl_error_free(held);
		e = over;
	}
	bundle_deinit(&b);
	return e;
}

static struct pl_error *fusion_network(
	struct vm_host *h, const char *vmnet, const struct pl_wait *w, struct vm_network *ret)
{
	return vmrest_network(h->rest, vmnet, w, ret);
}

struct claims {
	struct vm_address *at;
	size_t count;
};

static void add_claim(struct claims *c, const char *ip, const char *source)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->at[i].ip, ip))
			return;
	if (c->count == 16)
		return;
	snprintf(c->at[c->count].ip, sizeof(c->at[0].ip), "%s", ip);
	snprintf(c->at[c->count].source, sizeof(c->at[0].source), "%s", source);
	c->count++;
}

static struct pl_error *ask_source(
	struct vm_host *h, const struct vm *vm, const char *source, const struct pl_wait *w, struct claims *c)
{
	struct pl_wait own = pl_wait_at_most(w, ADDRESS_TIME);
	char ips[16][16];
	size_t count = 0;
	struct pl_error *e;

	if (!strcmp(source, "ip")) {
		const struct rest_call q = {.send = send_ip, .ret = ips[0]};
		e = fusion_call_vm(h, vm, &q, &own);
		count = 1;
	} else if (!strcmp(source, "nicips")) {
		const struct rest_call q = {.send = send_nicips, .ret = ips, .count = &count};
		e = fusion_call_vm(h, vm, &q, &own);
	} else {
		e = vmrun_guest_ip(&h->run, vm->vmx, &own, ips[0]);
		count = 1;
	}
	for (size_t i = 0; !e && i < count; i++)
		add_claim(c, ips[i], source);
	return e;
}

static struct pl_error *fusion_addresses(struct vm_host *h, const struct vm *vm, const struct pl_wait *w,
	struct vm_address ret[16], size_t *count)
{
	static const char *const sources[] = {"ip", "nicips", "vmrun"};
	struct claims c = {ret, 0};
	char line[512];

	*count = 0;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct pl_error *e = ask_source(h, vm, sources[i], w, &c);
		struct pl_error *over;

		if (!e)
			continue;
		pl_log(h->log, PL_LOG_DEBUG, "no address: %s", pl_error_line(e, line, sizeof(line)));
		pl_error_free(e);
		over = pl_wait_check(w);
		if (over)
			return over;
	}
	*count = c.count;
	return NULL;
}

static void fusion_destroy(struct vm_host *h)
{
	if (!h)
		return;
	vmrest_close(h->rest);
	vmrun_deinit(&h->run);
	vmcli_deinit(&h->cli);
	free(h->renewed_vmx);
	free(h->renewed_id);
	free(h);
}

static const struct vm_ops fusion_ops = {
	.find = fusion_find,
	.power = fusion_power,
	.start = fusion_start,
	.stop = fusion_stop,
	.settle = fusion_settle,
	.snapshots = fusion_snapshots,
	.snapshot_take = fusion_snapshot_take,
	.snapshot_revert = fusion_snapshot_revert,
	.snapshot_delete = fusion_snapshot_delete,
	.clone = fusion_clone,
	.remove = fusion_remove,
	.nics = fusion_nics,
	.network = fusion_network,
	.addresses = fusion_addresses,
	.destroy = fusion_destroy,
};

static struct pl_error *open_rest(
	const struct lab_fusion *cfg, const char *vm_password, const struct pl_log *log, struct vmrest **ret)
{
	const struct secret_source *s = &cfg->password;
	char from[256] = "", *password = NULL;
	struct vmrest_options options = {
		.url = cfg->url,
		.user = cfg->user,
		.password_from = from,
		.ca_file = cfg->ca_file,
		.vm_password = vm_password,
		.timeout = cfg->timeout,
		.log = log,
	};
	struct pl_error *e = NULL;

	if (*cfg->user && secret_given(s)) {
		snprintf(from, sizeof(from), "%s %s (fusion.password)",
			s->file ? "file" : "the environment variable", s->file ? s->file : s->env);
		e = secret_read(s, "fusion.password", &password);
	}
	options.password = password;
	if (!e)
		e = vmrest_open(&options, ret);
	secret_free(password);
	return e;
}

struct pl_error *fusion_open(const struct lab_fusion *cfg, const char *vm_password, const struct pl_log *log,
	struct vm_backend *ret)
{
	struct vm_host *h = calloc(1, sizeof(*h));
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	if (!h)
		return pl_error_nomem();
	h->log = log;
	e = vmrun_init(&h->run, cfg->vmrun, vm_password, log);
	if (!e && !vm_password)
		e = vmcli_init(&h->cli, cfg->vmrun, log);
	if (!e)
		e = open_rest(cfg, vm_password, log, &h->rest);
	if (e) {
		fusion_destroy(h);
		return e;
	}
	ret->ops = &fusion_ops;
	ret->host = h;
	return NULL;
}
