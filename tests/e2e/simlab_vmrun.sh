#!/bin/sh
# The simulated vmrun and the bundle: snapshots, and that nothing stays behind.
set -u
. tests/e2e/lib-simlab.sh

lab_start --sip off
state() {
	"$SIMLAB" state --dir "$LAB"
}

is "$(vmrun list)" "Total running VMs: 0" "list: none"

# The other VM
is "$(vmrun listSnapshots "$SIMLAB_OTHER_VMX")" "Total snapshots: 0" "the other VM is known"
has "$(vmrun start "$SIMLAB_OTHER_VMX" nogui)" "Error: " "... and is not to be changed"
event "violation: vmrun start on the other VM"
ok $? "... which is noted"
"$SIMLAB" state --dir "$LAB" >"$WORK/state-before"
echo 'memsize = "2048"' >>"$SIMLAB_OTHER_VMX"
"$SIMLAB" state --dir "$LAB" | diff "$WORK/state-before" - | grep -q '^> other .*/high-sierra.vmx$'
ok $? "... and in the lab's state"

is "$(vmrun start /no/such.vmx)" "Error: The virtual machine cannot be found" "an unknown .vmx: an error on stdout"
vmrun start /no/such.vmx >/dev/null
is $? 255 "... with status 255"
has "$(vmrun stop "$SIMLAB_VMX" hard)" "Error: The virtual machine is not powered on" "stopping what is off"
is "$(vmrun getGuestIPAddress "$SIMLAB_VMX")" "Error: The virtual machine is not powered on" "no address when off"
state >"$WORK/fresh"
is "$(sort "$WORK/fresh" | cmp - "$WORK/fresh")" "" "the state is sorted"

# Off: snapshot, change everything, revert, delete
vmrun snapshot "$SIMLAB_VMX" paniclab-1
is "$(vmrun listSnapshots "$SIMLAB_VMX")" "$(printf 'Total snapshots: 1\npaniclab-1')" "listSnapshots"
grep -qx 'snapshot0.displayName = "paniclab-1"' "${SIMLAB_VMX%.vmx}.vmsd"
ok $? "... as in the .vmsd"
vmrun start "$SIMLAB_VMX" nogui
is "$(vmrun list | sed -n 2p)" "$SIMLAB_VMX" "start returns when it is on"
[ -d "$SIMLAB_VMX.lck" ]
ok $? "an open bundle has a lock"
guest_up
is "$(vmrun getGuestIPAddress "$SIMLAB_VMX" -wait)" "$SIMLAB_GUEST_IP" "getGuestIPAddress -wait"
g 'echo changed >notes.txt; echo new >new.txt; sudo nvram boot-args=-x'
state >"$WORK/changed"
! cmp -s "$WORK/fresh" "$WORK/changed"
ok $? "the state sees changes"
grep -q 'power poweredOn' "$WORK/changed" && grep -q ':boot-args 7 2d7800' "$WORK/changed"
ok $? "... power and live NVRAM too"
vmrun revertToSnapshot "$SIMLAB_VMX" paniclab-1
is "$(vmrun list)" "Total running VMs: 0" "a revert leaves the VM off"
unlocked
ok $? "and unlocked"
vmrun deleteSnapshot "$SIMLAB_VMX" paniclab-1
state >"$WORK/after"
cmp "$WORK/fresh" "$WORK/after" >&2
ok $? "after revert and delete the state is what it was"

# Running: the memory is part of it
vmrun start "$SIMLAB_VMX" nogui
guest_up
g 'sudo nvram boot-args=debug=0x144; sudo reboot' >/dev/null 2>&1
wait_for 10 events_at_least 3 ' boot [0-9]'
wait_for 10 g true
boot=$(g 'sysctl -n kern.bootsessionuuid')
vmrun snapshot "$SIMLAB_VMX" armed
g 'sudo nvram boot-args=other'
vmrun revertToSnapshot "$SIMLAB_VMX" armed
boots=$(grep -c ' boot [0-9]' "$LAB/log/events.log")
is "$(curl -s -u "simlab:$PASSWORD" "$SIMLAB_URL/api/vms/$SIMLAB_VM_ID/power" | jq -r .power_state)" suspended \
	"reverted to a running machine: suspended"
vmrun start "$SIMLAB_VMX" nogui
guest_up
is "$(g 'sysctl -n kern.bootsessionuuid')" "$boot" "it goes on with the same boot"
is "$(g 'sysctl -n kern.bootargs; nvram boot-args')" "$(printf 'debug=0x144\nboot-args\tdebug=0x144')" "and its boot-args"
is "$(grep -c ' boot [0-9]' "$LAB/log/events.log")" "$boots" "without a boot"
vmrun stop "$SIMLAB_VMX" hard
is "$(vmrun deleteSnapshot "$SIMLAB_VMX" armed | tail -n 1)" "Error: The file is already in use" "off, and still locked"
unlocked
ok $? "the locks go a little later"
vmrun deleteSnapshot "$SIMLAB_VMX" armed
has "$(vmrun revertToSnapshot "$SIMLAB_VMX" armed)" "Error: " "a deleted one is gone"

# Suspended and paused
vmrun start "$SIMLAB_VMX" nogui
guest_up
boot=$(g 'sysctl -n kern.bootsessionuuid')
vmrun suspend "$SIMLAB_VMX"
is "$(vmrun list)" "Total running VMs: 0" "suspended: not running"
[ -e "${SIMLAB_VMX%.vmx}.vmss" ]
ok $? "... a .vmss tells of it"
vmrun start "$SIMLAB_VMX" nogui
guest_up
is "$(g 'sysctl -n kern.bootsessionuuid')" "$boot" "start goes on with the same boot"
"$SIMLAB" fault --dir "$LAB" vmrun-stop-lies >/dev/null
has "$(vmrun stop "$SIMLAB_VMX" hard)" "Error: " "fault vmrun-stop-lies: an error ..."
is "$(vmrun list)" "Total running VMs: 0" "... although it stopped"
"$SIMLAB" fault --dir "$LAB" clear >/dev/null
unlocked

# Trees
vmrun snapshot "$SIMLAB_VMX" a
vmrun snapshot "$SIMLAB_VMX" b
is "$(vmrun listSnapshots "$SIMLAB_VMX" showTree)" "$(printf 'Total snapshots: 2\na\n\tb')" "showTree: tabs"
vmrun deleteSnapshot "$SIMLAB_VMX" a andDeleteChildren
is "$(vmrun listSnapshots "$SIMLAB_VMX")" "Total snapshots: 0" "andDeleteChildren"

# Faults
"$SIMLAB" fault --dir "$LAB" vmrun-in-use=1 >/dev/null
is "$(vmrun list | tail -n 1)" "Error: The file is already in use" "fault vmrun-in-use: after a log line"
is "$(vmrun list)" "Total running VMs: 0" "... as often as asked for"
"$SIMLAB" fault --dir "$LAB" snapshot-fail >/dev/null
has "$(vmrun snapshot "$SIMLAB_VMX" x)" "Error: " "fault snapshot-fail"
"$SIMLAB" fault --dir "$LAB" clear vmrun-hang >/dev/null
vmrun list >/dev/null &
hung=$!
wait_for 5 event 'fault vmrun-hang'
"$SIMLAB" fault --dir "$LAB" clear >/dev/null
kill -0 $hung
ok $? "fault vmrun-hang: no answer"
kill $hung
"$SIMLAB" fault --dir "$LAB" no-such-fault 2>/dev/null
is $? 2 "an unknown fault: 2"

# The host's firewall
fw() {
	"$SIMLAB_SOCKETFILTERFW" "$@"
}
is "$(fw --getglobalstate | sed 's/ *$//')" "Firewall is enabled. (State = 1)" "socketfilterfw --getglobalstate"
fw --add "$SIMLAB_VMRUN" >/dev/null
fw --blockapp "$SIMLAB_VMRUN" >/dev/null
has "$(fw --listapps)" "2 : $SIMLAB_VMRUN" "--listapps has what was added"
has "$(fw --listapps)" "(Block incoming connections)" "... and whether it is blocked"
fw --remove "$SIMLAB_VMRUN" >/dev/null
"$SIMLAB" fault --dir "$LAB" firewall-silent >/dev/null
has "$(fw --add "$SIMLAB_VMRUN")" "Added" "fault firewall-silent: says added ..."
case $(fw --listapps) in *"$SIMLAB_VMRUN"*) ok 1 "... and adds nothing" ;; *) ok 0 "... and adds nothing" ;; esac
"$SIMLAB" fault --dir "$LAB" clear >/dev/null
state >"$WORK/after"
grep -v '^nvram' "$WORK/fresh" >"$WORK/one"
grep -v '^nvram' "$WORK/after" >"$WORK/two"
cmp "$WORK/one" "$WORK/two" >&2
ok $? "in the end only the NVRAM has changed"

# Start and stop
has "$("$SIMLAB" start --dir "$LAB")" "was running already" "a second start says so"
pid=$(sed 's/.*process //' "$LAB/run/lock")
vmrun start "$SIMLAB_VMX" nogui
guest_up
lab_stop
# Where init is slow to collect it, a zombie may be left: no program runs in it.
# shellcheck disable=SC2317 # wait_for calls it, by name
gone() { ! grep -qs . "/proc/$pid/cmdline"; }
wait_for 10 gone
ok $? "stop leaves no process"
! g true 2>/dev/null
ok $? "no guest"
! curl -s -m 2 "$SIMLAB_URL/api/vms" >/dev/null
ok $? "and no port"
is "$(vmrun list)" "Error: the simulated lab in ${SIMLAB_VMRUN%/vmrun} is not running" "the stand-ins say that it is gone"
# A host that gives no user namespaces
if unshare -Ur true 2>/dev/null; then
	# shellcheck disable=SC2016 # the inner shell's arguments
	unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; "$1" start --dir "$2" --port 0 --ssh-port 0' \
		sh "$SIMLAB" "$WORK/other" 2>"$WORK/refused"
	is $? 3 "no user namespaces: 3"
	has "$(cat "$WORK/refused")" "max_user_namespaces" "... and what to do"
fi
done_testing
