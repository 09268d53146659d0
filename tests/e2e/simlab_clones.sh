#!/bin/sh
# Clones of the simulated VM, by vmrun and by vmrest: machines of their own that
# leave the first one as it is.
set -u
. tests/e2e/lib-simlab.sh

lab_start --sip off
CLONE=$WORK/clone.vmwarevm/clone.vmx
state() {
	"$SIMLAB" state --dir "$LAB"
}
off() {
	vmrun stop "$1" hard >/dev/null
	wait_for 10 test ! -e "$1.lck"
}

vmrun start "$SIMLAB_VMX" nogui
guest_up
has "$(vmrun clone "$SIMLAB_VMX" "$CLONE" full)" "should not be powered on" "a VM that is on cannot be cloned"
vmrun snapshot "$SIMLAB_VMX" running
off "$SIMLAB_VMX"
has "$(vmrun clone "$SIMLAB_VMX" "$CLONE" linked -snapshot=running)" "was powered on" "nor can a snapshot with memory"
vmrun deleteSnapshot "$SIMLAB_VMX" running
vmrun snapshot "$SIMLAB_VMX" base
has "$(vmrun clone "$SIMLAB_VMX" "$CLONE" linked -snapshot=none)" "Invalid snapshot name" "nor one that there is not"
state >"$WORK/before"
vmrun clone "$SIMLAB_VMX" "$CLONE" linked -snapshot=base -cloneName=copy
is $? 0 "vmrun clone"
is "$(find "$(dirname "$CLONE")" -type f -exec basename {} \; | sort | tr '\n' ' ')" \
	"clone.nvram clone.vmdk clone.vmsd clone.vmx " "its bundle"
has "$(cat "$CLONE")" 'displayName = "copy"' "its name"
has "$(cat "$CLONE")" 'nvram = "clone.nvram"' "its own .nvram"
[ "$(grep generatedAddress "$CLONE")" != "$(grep generatedAddress "$SIMLAB_VMX")" ]
ok $? "and a MAC of its own"
has "$(state)" "clone $CLONE" "simlab state tells of it"

vmrun start "$CLONE" nogui
guest_up
ok $? "it boots"
is "$(vmrun list)" "$(printf 'Total running VMs: 1\n%s' "$CLONE")" "vmrun list has it"
has "$(cat "$SIMLAB_LEASES")" "$(sed -n 's/.*generatedAddress = "\(.*\)"/\1/p' "$CLONE")" "its MAC has a lease"
has "$(vmrun start "$SIMLAB_VMX" nogui)" "one virtual machine at a time" "the lab runs one at a time, and says so"
has "$(vmrun stop "$SIMLAB_VMX" hard)" "not powered on" "the first one is off meanwhile"
g 'touch mine; sudo nvram boot-args=clone'
vmrun snapshot "$CLONE" of-clone
is "$(vmrun listSnapshots "$CLONE" | tail -n 1)" of-clone "snapshots of its own"
off "$CLONE"
grep -aq 'clone' "$(dirname "$CLONE")/clone.nvram"
ok $? "its .nvram is written"
is "$(vmrun listSnapshots "$SIMLAB_VMX" | tail -n 1)" base "the first one has its snapshots"
vmrun start "$SIMLAB_VMX" nogui
guest_up
is "$(g 'ls mine; nvram boot-args' 2>/dev/null)" "" "and nothing of what the clone did"
off "$SIMLAB_VMX"

# A lab that ends while the clone is on
vmrun start "$CLONE" nogui
guest_up
kill -9 "$(sed 's/.*process //' "$LAB/run/lock")"
wait_for 10 sh -c "! '$SIMLAB' state --dir '$LAB'"
lab_start
vmrun start "$CLONE" nogui
guest_up
is "$(g 'ls mine')" mine "after a kill -9 each has its own disk"
off "$CLONE"
vmrun deleteVM "$CLONE"
is $? 0 "vmrun deleteVM"
[ ! -e "$(dirname "$CLONE")" ]
ok $? "its bundle is gone"
state | sed 's/^port tcp 127.0.0.1:[0-9]*/port/' >"$WORK/after"
sed 's/^port tcp 127.0.0.1:[0-9]*/port/' "$WORK/before" | diff - "$WORK/after" | grep -v SystemAudio >"$WORK/diff"
is "$(cat "$WORK/diff")" "" "the lab is what it was"
has "$(vmrun deleteVM "$SIMLAB_VMX")" "Error: " "the lab's own VM is not deleted"

# vmrest
is "$(rest POST /vms "{\"name\": \"copy\", \"parentId\": \"$SIMLAB_VM_ID\"}" | tail -n 1)" 201 "POST /vms clones"
id=$(rest GET /vms | head -n 1 | jq -r '.[] | select(.path | endswith("/copy.vmx")) | .id')
is "$(rest GET "/vms/$id/power" | head -n 1 | jq -r .power_state)" poweredOff "it is off"
rest PUT "/vms/$id/power" on >/dev/null
guest_up
ok $? "and boots"
is "$(rest DELETE "/vms/$id" | tail -n 1)" 409 "running it cannot be deleted"
rest PUT "/vms/$id/power" off >/dev/null
# shellcheck disable=SC2317 # wait_for calls it
gone() {
	[ "$(rest DELETE "/vms/$id" | tail -n 1)" = 204 ]
}
wait_for 10 gone
ok $? "off it can"
is "$(rest GET "/vms/$id/power" | tail -n 1)" 404 "and is gone"
done_testing
