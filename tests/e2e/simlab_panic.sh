#!/bin/sh
# A panic of the simulated guest: a core goes out when boot-args, SIP, NIC and
# firewall would have let it, and only then; and what is seen from outside.
set -u
. tests/e2e/lib-simlab.sh

server=
trap 'kill $server 2>/dev/null; lab_stop; rm -rf "$WORK"' EXIT
lab_start --sip off --core-size 4M --time-factor 0.01

# $port: the dump server's. It is paniclab's own, so that a real receiver judges.
serve() {
	rm -rf "$WORK/cores"
	mkdir "$WORK/cores"
	: >"$WORK/serve"
	"$PANICLAB" serve --bind "$NET.1" --port 0 --dir "$WORK/cores" --once --json >"$WORK/serve" 2>"$WORK/serve.err" &
	server=$!
	wait_for 10 grep -q listening "$WORK/serve"
	port=$(head -n 1 "$WORK/serve" | jq -r .port)
}
unserve() {
	kill $server 2>/dev/null
	wait $server 2>/dev/null
}
fw() {
	"$SIMLAB_SOCKETFILTERFW" "$@" >/dev/null
}
program=$(readlink -f "$PANICLAB")

count() {
	grep -c "$1" "$LAB/log/events.log"
}

# arm BOOT-ARGS: set and booted
arm() {
	boots=$(count ' boot [0-9]')
	g "sudo nvram boot-args='$1'; sudo reboot" >/dev/null 2>&1
	wait_for 10 events_at_least $((boots + 1)) ' boot [0-9]'
	guest_up
}

# The trigger runs in a connection that the panic freezes: it is not waited for.
trigger() {
	overs=$(count 'panic over')
	boots=$(count ' boot [0-9]')
	g "sudo dtrace -w -n 'BEGIN{ panic(); }'" >/dev/null 2>&1 &
	ssh_pid=$!
	wait_for 60 events_at_least $((overs + 1)) 'panic over'
}
over() {
	grep 'panic over' "$LAB/log/events.log" | tail -n 1
}

# The serial console goes into a file
cat >>"$SIMLAB_VMX" <<EOF
serial0.present = "TRUE"
serial0.fileType = "file"
serial0.fileName = "$WORK/serial.log"
EOF
serve
vmrun start "$SIMLAB_VMX" nogui
guest_up

ARGS="_panicd_ip=$NET.1 panicd_port=$port kdp_match_name=en0"

# The firewall is on and does not know the receiver
arm "debug=0x24c44 $ARGS"
trigger
has "$(over)" why=no-answer "the firewall keeps the packets out"
event "firewall drops"
ok $? "... and it was the firewall"
grep -q 'Cannot contact panic server' "$WORK/serial.log"
ok $? "the serial console tells of it"
kill -0 $ssh_pid
ok $? "the SSH connection froze: no goodbye"
kill $ssh_pid

# Allowed
fw --add "$program"
fw --unblockapp "$program"
vmrun reset "$SIMLAB_VMX"
wait_for 10 events_at_least $((boots + 1)) ' boot [0-9]'
guest_up
trigger
has "$(over)" "reboots dumped=fully" "allowed: the whole core goes out, then it reboots"
wait_for 20 grep -q '"done"' "$WORK/serve"
is "$(grep '"done"' "$WORK/serve" | jq -r '.status + " " + .gzip')" "complete ok" "the receiver has all of it"
core=$(find "$WORK/cores" -name 'core-xnu-3789.70.16-*.gz')
gzip -t "$core"
ok $? "gzip agrees"
wait_for 10 events_at_least $((boots + 1)) ' boot [0-9]'
guest_up
ok $? "it is up again"
has "$(g 'cat /Library/Logs/DiagnosticReports/*.panic; sudo cat /Library/Logs/DiagnosticReports/*.panic' 2>/dev/null)" \
	"*** Panic Report ***" "a report is there"
has "$(g 'sudo cat /Library/Logs/DiagnosticReports/*.panic')" "Kernel UUID: $(g 'sysctl -n kern.uuid')" "of the kernel that ran"
has "$(g 'nvram AAPL,PanicInfo0000')" "panic action at probe dtrace:::BEGIN" "the firmware has the text"
kill $ssh_pid 2>/dev/null
unserve

# Not armed: no debug=
arm "-v"
trigger
has "$(over)" "reboots dumped=none why=no-debug" "without debug= it just reboots"
wait_for 10 events_at_least $((boots + 1)) ' boot [0-9]'
guest_up

# Without REBOOT_POST_CORE it waits for a debugger, for ever
serve
arm "debug=0x20c44 _panicd_ip=$NET.1 panicd_port=$port"
trigger
has "$(over)" "waits dumped=fully" "without 0x4000 it hangs after the core"
has "$(vmrun list)" "Total running VMs: 1" "powered on all the while"
! timeout 1 sh -c "ssh-keyscan -T 1 -p $SIMLAB_SSH_PORT $SIMLAB_GUEST_IP 2>/dev/null | grep -q ssh-"
ok $? "but dead"
unserve

# Faults
vmrun reset "$SIMLAB_VMX"
wait_for 10 events_at_least $((boots + 1)) ' boot [0-9]'
guest_up
"$SIMLAB" fault --dir "$LAB" trigger-silent >/dev/null
panics=$(count 'simulated: panic$')
runs=$(count 'dtrace runs')
g "sudo dtrace -w -n 'BEGIN{ panic(); }'" >/dev/null 2>&1 &
ssh_pid=$!
wait_for 10 events_at_least $((runs + 1)) 'dtrace runs'
is "$(count 'simulated: panic$')" "$panics" "fault trigger-silent: dtrace does nothing"
kill $ssh_pid
"$SIMLAB" fault --dir "$LAB" clear dump-stop-at=100K >/dev/null
serve
arm "debug=0x24c44 _panicd_ip=$NET.1 panicd_port=$port"
trigger
has "$(over)" "dumped=partly" "fault dump-stop-at: the machine dies in the middle"
wait_for 10 sh -c "'$SIMLAB_VMRUN' list | grep -qx 'Total running VMs: 0'"
ok $? "... and is off"
unserve
unlocked

# The wrong NIC
"$SIMLAB" fault --dir "$LAB" clear no-reboot-after-panic >/dev/null
sed -i 's/^ethernet0.virtualDev.*/ethernet0.virtualDev = "vmxnet3"/' "$SIMLAB_VMX"
vmrun start "$SIMLAB_VMX" nogui
guest_up
has "$(g 'ioreg -l')" Vmxnet3 "another NIC, another driver"
trigger
has "$(over)" why=no-transport "vmxnet3 cannot dump"
grep -q 'No transport device registered' "$WORK/serial.log"
ok $? "... and the console says why"

done_testing
