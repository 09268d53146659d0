/*
 * vmcli, which Fusion 13 has beside vmrun, as far as snapshots go: `vmcli VMX
 * Snapshot query -f json`, `Take [--memory] NAME`, `Revert UID`, `Delete [-d]
 * UID`. By uid, not by name; a line that is no JSON may come before the answer.
 */
#ifndef SIMLAB_VMCLI_H
#define SIMLAB_VMCLI_H

#include "tests/simlab/simlab/calls.h"

void vmcli_call(struct sim *s, struct call *c);

#endif
