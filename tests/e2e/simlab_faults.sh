#!/bin/sh
# What the simulated lab breaks on demand, beside what the other tests break.
set -u
. tests/e2e/lib-simlab.sh

lab_start --sip off --fault power-stuck --fault delete-fail
fault() {
	"$SIMLAB" fault --dir "$LAB" "$@"
}
power() {
	rest GET "/vms/$SIMLAB_VM_ID/power" | head -n 1 | jq -r .power_state
}
is "$(fault)" "$(printf 'power-stuck\ndelete-fail')" "--fault sets them before anything starts"
rest PUT "/vms/$SIMLAB_VM_ID/power" on >/dev/null
is "$(power)" poweringOn "power-stuck: a transition ..."
# Ten of the usual transitions later
i=0
while [ $i -lt 30 ]; do
	rest GET /vms >/dev/null
	i=$((i + 1))
done
is "$(power)" poweringOn "... that does not end"
fault power-stuck=off boot-hang >/dev/null
wait_for 10 sh -c "'$SIMLAB_VMRUN' list | grep -q 'Total running VMs: 1'"
ok $? "until the fault is gone"
wait_for 10 event 'boot begins'
has "$(vmrun stop "$SIMLAB_VMX" soft)" "Error: The VMware Tools are not running" "boot-hang: nobody to ask to shut down"
! event ' boot [0-9]'
ok $? "... as no boot ends"
fault clear delete-fail revert-fail >/dev/null
vmrun reset "$SIMLAB_VMX"
guest_up
ok $? "a reset helps then"
vmrun snapshot "$SIMLAB_VMX" one
has "$(vmrun revertToSnapshot "$SIMLAB_VMX" one)" "Error: " "revert-fail"
has "$(vmrun list)" "Total running VMs: 1" "... changes nothing"
has "$(vmrun deleteSnapshot "$SIMLAB_VMX" one)" "Error: " "delete-fail"
is "$(vmrun listSnapshots "$SIMLAB_VMX" | tail -n 1)" one "... deletes nothing"
fault clear no-ip >/dev/null
has "$(vmrun getGuestIPAddress "$SIMLAB_VMX")" "Error: The VMware Tools are not running" "no-ip: for vmrun Tools do not run"
fault clear >/dev/null
has "$(cat "$SIMLAB_LEASES")" "lease $SIMLAB_GUEST_IP {" "the leases have the guest"
has "$(cat "$SIMLAB_LEASES")" "lease $NET.99 {" "... and an old address of it"
fault rest-slow=soon >"$WORK/bad" 2>&1
is $? 2 "a value that is none: 2"
fault rest-slw >"$WORK/bad" 2>&1
has "$(cat "$WORK/bad")" "rest-slow" "a slip of the pen is helped"

# The daemon dies
kill -9 "$(sed 's/.*process //' "$LAB/run/lock")"
wait_for 10 sh -c "! ssh-keyscan -T 1 -p $SIMLAB_SSH_PORT $SIMLAB_GUEST_IP 2>/dev/null | grep -q ssh-"
ok $? "after a kill -9 the guest is gone as well"
"$SIMLAB" state --dir "$LAB" 2>"$WORK/bad"
is $? 3 "nobody answers: 3"
lab_start
is "$(vmrun list)" "Total running VMs: 0" "and it starts again, off"
is "$(vmrun listSnapshots "$SIMLAB_VMX" | tail -n 1)" one "with all that was on disk"

# Every command has --help, and starts nothing then.
[ "$("$SIMLAB" start --dir "$WORK/none" --help)" = "$("$SIMLAB" help)" ] && [ ! -e "$WORK/none" ]
ok $? "simlab start --help"
is "$("$SIMLAB" fault -h | head -n 1)" "$("$SIMLAB" help | head -n 1)" "simlab fault -h"

# A port that is taken
"$SIMLAB" start --dir "$WORK/second" --port "${SIMLAB_URL##*:}" --ssh-port 0 2>"$WORK/bad"
is $? 3 "a port that is taken: 3"
has "$(cat "$WORK/bad")" "--port 0" "... and what to do"
done_testing
