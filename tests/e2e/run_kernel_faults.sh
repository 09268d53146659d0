#!/bin/sh
# With a snapshot: a kernel that does not come up, tools that fail or lie, Ctrl-C
# and kill -9 at each step of a run with the development kernel of 10.12.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

faulty_lab snapshot
fault kextcache-silent
fails 3 "kextcache made no kernel cache" "kextcache does nothing, and exits 0"
fault clear
faulty_boots snapshot
killed_at '] facts:' '] kernel:' '] verify:' '] trigger:' 'restored nvram'

# On a clone, which goes with the kernel in it
scenario_set "s|isolation: .*|isolation: clone|"
lab_set "s|boot_timeout: .*|boot_timeout: 20s|"
KERNEL=System/Library/Kernels/kernel.development
ends_well "isolation clone"
signal_at KILL '] trigger:'
killed "isolation clone, kill -9 at the trigger"
done_testing
