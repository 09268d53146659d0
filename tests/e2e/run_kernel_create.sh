#!/bin/sh
# A run that wants the development kernel of 13 and 15, where kmutil asks for a kit.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

kernel=System/Library/Kernels/kernel.development
both_isolations 13.6 development $kernel kmutil-create 2154
whole_release 15.3 development $kernel kmutil-create 2154
done_testing
