/*
 * Which of Fusion's VMs does the lab mean?
 *
 * By id or by .vmx path (links resolved) there is no doubt. By name, the
 * display name of a readable .vmx counts first; only if no VM has it, the base
 * name of the bundle or of the .vmx file. Names are compared exactly.
 */
#ifndef FUSION_FIND_VM_H
#define FUSION_FIND_VM_H

#include "orchestrator/fusion/vmrest.h"

/** PL_ERR_LAB when none or several match, listing what there is. *ret needs vm_deinit(). */
struct pl_error *find_vm(
	const struct vmrest_vm *vms, size_t count, const struct lab_vm *sel, struct vm *ret) PL_MUST_USE;

/** True if both paths lead to the same file, or are the same text where there is none. */
bool find_vm_same_path(const char *a, const char *b);

#endif
