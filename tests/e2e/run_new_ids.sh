#!/bin/sh
# vmrest gives the VMs new ids each time it starts: only a .vmx' path lasts.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# renumbered: vmrest has started again; SIMLAB_VM_ID is the new one. Asks it
# nothing: it takes one call at a time, and those may be a run's.
renumbered() {
	old_id=$SIMLAB_VM_ID
	stops=$(grep -c 'vmrest stops' "$LAB/log/events.log")
	fault rest-down
	wait_for 5 events_at_least $((stops + 1)) 'vmrest stops'
	fault clear
	wait_for 5 sh -c "! grep -q '$old_id' '$LAB/lab.env'"
	# shellcheck disable=SC1091 # the lab writes it
	. "$LAB/lab.env"
	[ "$SIMLAB_VM_ID" != "$old_id" ]
}

new_lab
remember

# Between a run and its teardown
signal_at KILL "] address:"
is "$SIGNALLED $STATUS" "0 137" "kill -9 once the VM is on"
renumbered
ok $? "the ids are new"
is "$(rest GET "/vms/$old_id/power" | tail -n 1)" 404 "... and the old ones nobody's"
paniclab teardown >"$OUT" 2>"$ERR"
teardown_status=$?
is $teardown_status 0 "a teardown finds its VM"
[ $teardown_status -eq 0 ] || show "$ERR"
same "the lab is what it was"

# In the middle of a run: it finds its VM again.
begin_run
read_to "] facts:"
renumbered
ok $? "the ids are new, and a run goes on"
end
is "$STATUS" 0 "... to its end"
[ "$STATUS" -eq 0 ] || show "$ERR"
has "$(cat "$ERR")" "another id" "... having found its VM again"
is "$(field .dump.complete)" true "... and has its core"
is "$(field .restored.complete)" true "... and restores by itself"
same "the lab is what it was"
done_testing
