#!/bin/sh
# A run that wants the development kernel of 11, where the system is a sealed
# snapshot: another one of its volume is made and blessed, and the sealed one again.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

kernel=System/Library/Kernels/kernel.development
# filesystem, kernel debugger, dtrace, nvram, unauthenticated root
whole_release 11.7 development $kernel kmutil-install 2154
fault kmutil-fail
fails 3 "kmutil made no boot collection" "11.7: kmutil fails"
fault clear bless-fail
fails 3 "Snapshot manipulation failed" "11.7: bless fails"
fault clear
scenario_set "s|kernel: development|kernel: debug|"
fails 2 "take \`kernel: development\`" "11.7 has no debug kernel"
done_testing
