/* vmrun's commands on the lab's one VM; failures as "Error: TEXT" on stdout, status 255. */
#ifndef SIMLAB_VMRUN_H
#define SIMLAB_VMRUN_H

#include "tests/simlab/simlab/calls.h"

/** The VM's own process, which vmrun left behind: answered when it ends. */
void vmrun_vm_process(struct sim *s, struct call *c);

void vmrun_call(struct sim *s, struct call *c);

#endif
