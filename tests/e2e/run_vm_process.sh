#!/bin/sh
# A VM that vmrun starts lives longer than the run: its process must keep
# neither the run's lock nor what whoever started paniclab reads from.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

new_lab
vmrun start "$SIMLAB_VMX"
guest_up
ok $? "the VM runs before the run"
remember
fault vmrun-leaves

# Descriptor 7 stands for any that paniclab inherits: it is not closed on exec.
mkfifo "$WORK/kept"
(cat "$WORK/kept" && : >"$WORK/kept-ended") &
exec 7>"$WORK/kept"
begin_run
exec 7>&-
# vmrun starts the VM only when the REST service cannot.
read_to "] guest back:"
fault rest-down
end
is "$STATUS" 0 "a run that loses the REST service, and restores with vmrun"
[ "$STATUS" -eq 0 ] || show "$ERR"
event "vmrun leaves the VM's process behind"
ok $? "the VM's process is there"
flock -n "$STATE"/locks/*.lock true
ok $? "nobody has the run's lock"
wait_for 10 test -e "$WORK/kept-ended"
ok $? "nobody has an inherited descriptor"
fault clear
guest_up
same "the lab is what it was"
done_testing
