/* What the files of the Fusion back end share. Internal to fusion/. */
#ifndef FUSION_FUSION_PARTS_H
#define FUSION_FUSION_PARTS_H

#include "orchestrator/fusion/vm.h"
#include "orchestrator/fusion/vmcli.h"
#include "orchestrator/fusion/vmrest.h"
#include "orchestrator/fusion/vmrun.h"

struct vm_host {
	struct vmrest *rest;
	struct vmrun run;
	struct vmcli cli;
	const struct pl_log *log;
	/* The VM whose id was found anew, and the id; NULL: none yet. */
	char *renewed_vmx;
	char *renewed_id;
};

struct rest_call {
	struct pl_error *(*send)(
		struct vmrest *r, const char *id, const struct rest_call *c, const struct pl_wait *w);
	const char *word;
	void *ret;
	size_t *count;
};

/** By an id that is looked up again by the .vmx where the service does not know it any more. */
struct pl_error *fusion_call_vm(struct vm_host *h, const struct vm *vm, const struct rest_call *c,
	const struct pl_wait *w) PL_MUST_USE;

/** The id that the service has for the VM, as far as is known. */
const char *fusion_id_of(const struct vm_host *h, const struct vm *vm);

/** True for what no other way and no second try helps against. */
bool fusion_is_final(const struct pl_error *e);

/* Members of struct vm_ops. */
struct pl_error *fusion_power(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, enum vm_power *ret) PL_MUST_USE;
struct pl_error *fusion_snapshots(struct vm_host *h, const struct vm *vm, const struct pl_wait *w,
	char ***ret, size_t *count) PL_MUST_USE;
struct pl_error *fusion_snapshot_take(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w) PL_MUST_USE;
struct pl_error *fusion_snapshot_revert(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w) PL_MUST_USE;
struct pl_error *fusion_snapshot_delete(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w) PL_MUST_USE;
struct pl_error *fusion_find(
	struct vm_host *h, const struct lab_vm *sel, const struct pl_wait *w, struct vm *ret) PL_MUST_USE;
struct pl_error *fusion_clone(struct vm_host *h, const struct vm *vm, const struct vm_clone *c,
	const struct pl_wait *w, struct vm *ret) PL_MUST_USE;
struct pl_error *fusion_remove(struct vm_host *h, const struct vm *vm, const struct pl_wait *w) PL_MUST_USE;

#endif
