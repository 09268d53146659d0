#!/bin/sh
# A run that wants the development kernel of 13 and 15, where kmutil asks for a kit.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

kernel=System/Library/Kernels/kernel.development
for release in 13.6 15.3; do
	whole_release $release development $kernel kmutil-create 2154
done
done_testing
