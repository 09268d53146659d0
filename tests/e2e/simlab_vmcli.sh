#!/bin/sh
# The simulated vmcli: snapshots by uid, with memory only when asked for.
set -u
. tests/e2e/lib-simlab.sh

lab_start --sip off
vmcli() {
	"$LAB/vmcli" "$SIMLAB_VMX" "$@"
}
query() {
	vmcli Snapshot query -f json | grep '^{' | jq -c "$1"
}
is "$(query '[.currentUID, (.snapshots | length)]')" '[0,0]' "none yet"
is "$(vmcli Snapshot query -f json | wc -l)" 2 "junk comes before the JSON"
vmcli Snapshot Take base
vmrun start "$SIMLAB_VMX" nogui
guest_up
g 'touch here'
vmcli Snapshot Take --memory running
vmcli Snapshot Take disk
is "$(query '[.snapshots[] | [.displayName, .parentUID, .uid]]')" '[["base",0,1],["running",1,2],["disk",2,3]]' "names, parents and uids"
is "$(vmrun listSnapshots "$SIMLAB_VMX" | tail -n 1)" disk "vmrun has the same"
boot=$(g 'sysctl -n kern.bootsessionuuid')
vmcli Snapshot Revert 2
vmrun start "$SIMLAB_VMX" nogui
guest_up
is "$(g 'sysctl -n kern.bootsessionuuid')" "$boot" "--memory: it goes on where it was"
vmcli Snapshot Revert 3
is "$(vmrun list)" "Total running VMs: 0" "without: it is off"
is "$(query .currentUID)" 3 "currentUID"
vmcli Snapshot Revert 9 2>"$WORK/bad"
is $? 1 "a uid that there is not"
vmcli Snapshot Delete -d 2
is "$(query '[.snapshots[].displayName]')" '["base"]' "Delete -d takes the children too"
"$LAB/vmcli" "$WORK/none.vmx" Snapshot query -f json 2>"$WORK/bad"
is $? 1 "a VM that there is not"
done_testing
