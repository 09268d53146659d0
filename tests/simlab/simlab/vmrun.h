/* vmrun's commands on the lab's VM and its clones; failures as "Error: TEXT" on stdout, status 255. */
#ifndef SIMLAB_VMRUN_H
#define SIMLAB_VMRUN_H

#include "tests/simlab/simlab/calls.h"

/** The VM's own process, which vmrun left behind: answered when it ends. */
void vmrun_vm_process(struct sim *s, struct call *c);

/** Which VM a path is of (clones.h); relative ones start at the caller's folder. */
int vmrun_vm_of(const struct sim *s, const struct call *c, const char *given);

void vmrun_call(struct sim *s, struct call *c);

#endif
