#!/bin/sh
# Without a snapshot: a kernel that does not come up, tools that fail or lie, SIP,
# Ctrl-C and kill -9 at each step of a run with the development kernel of 10.12.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

faulty_lab none
fault kextcache-silent
run_lab
is $STATUS 4 "isolation none: kextcache does nothing, and exits 0, also in the undo"
has "$(cat "$ERR")" "kextcache made no kernel cache" "... and it is seen"
has "$(field '.restored.left[].what')" nvram "... SIP stays out of the way until the kernel is out"
fault clear
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... a teardown"
same "... the lab is what it was"
faulty_boots none
killed_at '] kernel:' '] verify:' '] trigger:'
for event in kextcache 'boot begins' 'power .*-> poweredOff'; do
	begin_run
	kill_at_event "$event"
	killed "kill -9 at the lab's event '$event'"
done
signal_at KILL 'restored kernel'
killed "kill -9 at 'restored kernel'"
signal_at KILL '] trigger:'
begin teardown
kill_at_event kextcache
killed "kill -9 of a teardown"
scenario_set "s|sip: needed|sip: as-is|"
fails 3 "SIP is in the way" "sip: as-is"
done_testing
