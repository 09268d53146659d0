#!/bin/sh
# Runs that fail at Fusion: its REST service, its VMs, vmrun, snapshots.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

new_lab

# The password
again
lab_set 's|simlab/vmrest-password|absent|'
refuses "password file missing" "$WORK/absent: " "No such file" "names this file for fusion.password" "chmod 600"
again
chmod 644 "$LAB/vmrest-password"
refuses "password readable by others" "$LAB/vmrest-password: " "others may use" "644" "chmod 600"
chmod 600 "$LAB/vmrest-password"
again
(umask 077 && : >"$WORK/password")
lab_set 's|simlab/vmrest-password|password|'
refuses "password file empty" "$WORK/password: " "empty" "fusion.password"
again
lab_set 's|{file: simlab/vmrest-password}|{env: NO_SUCH_VARIABLE}|'
# The secret-to-be is a name here: any word may be shown
# shellcheck disable=SC2016 # the variable's name, not its value
refuses "password variable unset" '$NO_SUCH_VARIABLE: ' "not set" "export NO_SUCH_VARIABLE"
again
echo wrong-horse >"$WORK/password"
lab_set 's|simlab/vmrest-password|password|'
fails 3 lab-failed "password wrong" "GET /api/vms: 401" "wrong user or password" "$WORK/password" "vmrest -C"
lacks "$(cat "$ERR" "$OUT" "$(run_dir)"/*.*)" wrong-horse "... and the password is told nowhere"

# The service
again
lab_set 's|url: .*|url: http://127.0.0.1:1|'
fails 3 lab-failed "REST unreachable" "GET /api/vms: no connection" "start vmrest" "fusion.url, now http://127.0.0.1:1/api"
again
fault rest-slow=3s
lab_set 's|timeout: 30s|timeout: 300ms|'
fails 3 lab-failed "REST slow" "GET /api/vms: no answer within 0.3s" "restart it" "fusion.timeout"
# It works on until it has answered, and refuses other calls meanwhile.
fault clear
wait_for 20 sh -c "curl -s -f -u 'simlab:$PASSWORD' -H 'Accept: $TYPE' '$SIMLAB_URL/api/vms'"

# Which VM
again
lab_set 's|vm: {name: sierra}|vm: {name: high-siera}|'
fails 3 lab-failed "VM unknown by name" "no VM has the name 'high-siera'" "there are: 'High Sierra (simulated)' ($SIMLAB_OTHER_VMX" "'Sierra (simulated)'" "guests.NAME.vm"
again
lab_set 's|vm: {name: sierra}|vm: {vmx: /absent/one.vmx}|'
fails 3 lab-failed "VM unknown by path" "no VM has the vmx '/absent/one.vmx'" "$SIMLAB_VMX"
again
lab_set 's|vm: {name: sierra}|vm: {id: NOSUCH}|'
fails 3 lab-failed "VM unknown by id" "no VM has the id 'NOSUCH'" "id $SIMLAB_VM_ID"
again
fault vm-twin
lab_set 's|vm: {name: sierra}|vm: {name: Sierra (simulated)}|'
fails 3 lab-failed "VM's name ambiguous" "several VMs have the name 'Sierra (simulated)'" "$SIMLAB_VMX" \
	"$SIMLAB_OTHER_VMX" "vm.vmx or vm.id"
lab_set "s|vm: {name: .*}|vm: {vmx: $SIMLAB_VMX}|"
remember
run_lab
ends 0 as-expected "one of two VMs by its path"
is "$(field .vm.vmx)" "$SIMLAB_VMX" "... that one"
same "one of two VMs by its path: the lab is as it was"

# Snapshots
again
fault snapshot-fail
fails 3 lab-failed "snapshot fails" "vmrun snapshot: failed (Insufficient disk space)" "free space" "$SIMLAB_VMX"
is "$(field '[.steps[] | select(.status == "done") | .name] | join(" ")')" "preflight lock" "... before the guest was touched"
again
lab_set 's|vmrun: simlab/vmrun|vmrun: absent/vmrun|'
fails 3 lab-failed "vmrun missing" "vmrun" "absent/vmrun" "No such file"

again
fault vmrun-hang
fails 3 lab-failed "vmrun hangs" "vmrun listSnapshots: " "timed out" "vmware.log"

# What is in its memory could not be put back.
again
vmrun start "$SIMLAB_VMX" nogui
guest_up
vmrun suspend "$SIMLAB_VMX"
fails 3 lab-failed "VM suspended" "Sierra (simulated): the VM is suspended" "resume it or shut it down"

# It may be in use for a moment, and REST may die while a run goes on.
vmrun start "$SIMLAB_VMX" nogui
guest_up
vmrun stop "$SIMLAB_VMX" hard
again
fault vmrun-in-use=2
remember
run_lab
ends 0 as-expected "VM in use twice"
same "VM in use twice: the lab is as it was"
again
fault locks-linger=2s
remember
refusals=$(grep -c 'the file is in use' "$LAB/log/events.log")
run_lab
ends 0 as-expected "locks that outlive the VM"
events_at_least $((refusals + 1)) 'the file is in use'
ok $? "locks that outlive the VM: vmrun refused, and was asked again"
same "locks that outlive the VM: the lab is as it was"
again
remember
begin_run
read_to "[11/18] reboot"
fault rest-down
end
is "$STATUS" 0 "REST dies in the middle: exit 0, as the leases and vmrun do"
reported 0 as-expected "REST dies in the middle"
fault clear
same "REST dies in the middle: the lab is as it was"
done_testing
