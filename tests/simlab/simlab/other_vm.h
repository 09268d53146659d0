/*
 * The lab's second VM, that no run has to do with: a small bundle, always off.
 * vmrest lists it first and vmrun knows it; whatever would change it is
 * refused and noted as a violation. The fault vm-twin gives it the first VM's
 * display name.
 */
#ifndef SIMLAB_OTHER_VM_H
#define SIMLAB_OTHER_VM_H

#include "base/buf.h"
#include "tests/simlab/call.h"
#include "tests/simlab/simlab/calls.h"
#include "tests/simlab/simlab/rest.h"
#include "tests/simlab/simlab/sim.h"

#define OTHER_NAME "high-sierra"
#define OTHER_BUNDLE "Virtual Machines/" OTHER_NAME ".vmwarevm"
#define OTHER_VMX OTHER_BUNDLE "/" OTHER_NAME ".vmx"

/** Its files, those that are not there yet. */
struct pl_error *other_vm_make(void) PL_MUST_USE;

/** Its display name, as the fault has it. */
struct pl_error *other_vm_rename(const struct sim *s) PL_MUST_USE;

/** Requests below /vms/{its id}. */
void other_vm_rest(const struct rest_request *q, struct rest_answer *a);

/** vmrun's commands on its .vmx. */
void other_vm_vmrun(struct call *c);

/** Its part of `simlab state`. */
struct pl_error *other_vm_state(struct pl_buf *out) PL_MUST_USE;

#endif
