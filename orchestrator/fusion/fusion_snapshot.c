/* Snapshots: by vmrun, or, where there is none, by vmcli. */
#include "orchestrator/fusion/fusion_parts.h"

static bool by_vmcli(struct vm_host *h)
{
	return !vmrun_is_there(&h->run) && vmcli_is_there(&h->cli);
}

struct pl_error *fusion_snapshots(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, char ***ret, size_t *count)
{
	return by_vmcli(h) ? vmcli_snapshots(&h->cli, vm->vmx, w, ret, count)
			   : vmrun_snapshots(&h->run, vm->vmx, w, ret, count);
}

/* vmrun takes a running VM's memory by itself, vmcli is to be told. */
struct pl_error *fusion_snapshot_take(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w)
{
	enum vm_power power = VM_POWER_OFF;
	struct pl_error *e;

	if (!by_vmcli(h))
		return vmrun_snapshot_take(&h->run, vm->vmx, name, w);
	e = fusion_power(h, vm, w, &power);
	return e ? e : vmcli_snapshot_take(&h->cli, vm->vmx, name, power != VM_POWER_OFF, w);
}

struct pl_error *fusion_snapshot_revert(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w)
{
	return by_vmcli(h) ? vmcli_snapshot_revert(&h->cli, vm->vmx, name, w)
			   : vmrun_snapshot_revert(&h->run, vm->vmx, name, w);
}

struct pl_error *fusion_snapshot_delete(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w)
{
	return by_vmcli(h) ? vmcli_snapshot_delete(&h->cli, vm->vmx, name, w)
			   : vmrun_snapshot_delete(&h->run, vm->vmx, name, w);
}
