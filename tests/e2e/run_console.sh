#!/bin/sh
# A run that collects the serial log of a VM without a serial port: it adds one to the
# .vmx, in the same edit as SIP and boot-args, and takes it away again.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# Before and after: without what is empty at each boot, and what a panic leaves.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

ports() { grep -c '^serial0\.' "$SIMLAB_VMX"; }

# ends_well NAME
ends_well() {
	run_lab
	is $STATUS 0 "$1"
	[ $STATUS -eq 0 ] || show "$ERR"
	is "$(field '.evidence[] | select(.kind == "serial_log").status')" complete "... with its serial log"
	grep -q 'panic(cpu' "$(run_dir)/logs/serial.log"
	ok $? "... which has the panic"
	same "... the lab is what it was"
	cmp -s "$SIMLAB_VMX" "$WORK/vmx"
	ok $? "... and the .vmx, to the byte"
}

new_lab --sip on
cp "$SIMLAB_VMX" "$WORK/vmx"
scenario_set 's|collect: .*|collect: [core, serial_log]|'
remember
for isolation in snapshot none; do
	scenario_set "s|isolation: .*|isolation: $isolation|"
	ends_well "isolation $isolation"
	has "$(field .boot_args.during)" serial=3 "... serial=3 is in the boot-args"
	is "$(field '.boots | length')" 1 "... one boot before the trigger"
	for line in '] trigger:' 'restored nvram'; do
		signal_at KILL "$line"
		is "$SIGNALLED $STATUS $(ports)" "0 137 $([ "$line" = 'restored nvram' ] && echo 0 || echo 5)" \
			"isolation $isolation, kill -9 at '$line'"
		killed "isolation $isolation, kill -9 at '$line'"
	done
done

# The VM runs
vmrun start "$SIMLAB_VMX" nogui
guest_up
remember
ends_well "the VM runs"
guest_up
vmrun stop "$SIMLAB_VMX" soft
unlocked

# A port that is there, and an answer that is there
echo 'Answer.msg.serial.file.open = "Replace"' >>"$SIMLAB_VMX"
cp "$SIMLAB_VMX" "$WORK/vmx"
remember
ends_well "somebody's answer to Fusion's question is there"
echo 'serial0.present = "FALSE"' >>"$SIMLAB_VMX"
remember
run_lab
is $STATUS 0 "a port is there, and off"
has "$(field '.evidence[] | select(.kind == "serial_log").status')" missing "... and is left alone"
lacks "$(field .boot_args.during)" serial "... and so is serial="
same "... the lab is what it was"
edit "$SIMLAB_VMX" '/^serial0/d'
scenario_set 's|collect: .*|collect: [core]|'
run_lab
lacks "$(field .boot_args.during)" serial "not collected, not added"
done_testing
