#!/bin/sh
# Prepared with the development kernel: two boots once, and none in the runs after.
# shellcheck disable=SC1091,SC2034,SC2119
set -u
. tests/e2e/lib-kernel-runs.sh
. tests/e2e/lib-prepared.sh

kernel_lab 10.12 development
KERNEL=System/Library/Kernels/kernel.development
remember
prepare_lab
is $STATUS 0 "prepare with the development kernel"
[ $STATUS -eq 0 ] || show "$ERR"
is "$(boots)" 2 "... two boots"
same "... the lab is what it was"
from_prepared "a run"
is "$(field .core.kernel_uuid)" "$(uuid_of "$KIT/$KERNEL")" "... the core is of the kit's kernel"
is "$(field .facts.variant)" development "... which ran"
scenario_set "s|^kernel: .*|kernel: as-is|"
paniclab run --dry-run "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT" 2>"$ERR"
has "$(cat "$ERR")" "is stale: " "another kernel is wanted"
has "$(cat "$OUT")" " power on" "... the plan is the long one"
done_testing
