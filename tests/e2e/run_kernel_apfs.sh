#!/bin/sh
# A run that wants the development kernel: 10.14, and 10.15, whose / is read-only and
# which boots from what kcditto copies.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

kernel=System/Library/Kernels/kernel.development
# filesystem, kernel debugger, dtrace, nvram
both_isolations 10.14 development $kernel kextcache 106
whole_release 10.15 development $kernel kextcache-mount 106
lab_set "s|boot_timeout: .*|boot_timeout: 6s|"
fault boot-panic
fails 3 "does not come back with the development kernel" "10.15: the new kernel panics at boot"
has "$(cat "$ERR")" "its console said: panic(cpu" "... and why, by the console that the run adds"
fault clear
scenario_set "s|kernel: development|kernel: kasan|"
KERNEL=System/Library/Kernels/kernel.kasan
ends_well "10.15: kasan"
done_testing
