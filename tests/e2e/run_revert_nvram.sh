#!/bin/sh
# A Fusion that leaves the .nvram as it is when it reverts to a snapshot of a VM that was off:
# boot-args and SIP are put back all the same, also after a guest that was kept armed.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-prepared.sh

new_lab --sip on --fault revert-spares-nvram
remember
run_lab
is "$STATUS" 0 "a run"
[ "$STATUS" -eq 0 ] || show "$ERR"
is "$(field '.sip.before != .sip.during')" true "... with SIP off meanwhile"
same "... and the lab is what it was"

prepare_lab
is "$STATUS" 0 "prepare"
same "... and the lab is what it was, but for the snapshot"
from_prepared "a run from what was prepared"

signal_at KILL "] guest back:"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "one that was killed: teardown"
same "... and the lab is what it was"
done_testing
