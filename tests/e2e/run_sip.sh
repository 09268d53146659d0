#!/bin/sh
# SIP is on, and the run needs it out of the way: what is needed goes off in the
# .nvram of the guest that is off, together with the boot-args, without Recovery
# and without a boot of its own; and comes back to the byte.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# Before and after: without what is empty at each boot, and what a panic leaves.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

variable() { "$PANICLAB" nvram "$SIMLAB_VMX" get "$1" --vmrun "$SIMLAB_VMRUN" 2>/dev/null; }
set_variable() { "$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" set "$@" >/dev/null 2>&1; }
step() { field ".steps[] | select(.name == \"$1\").$2"; }
boots() { field '.boots | length'; }

ends_well() {
	run_lab
	is $STATUS 0 "$1"
	[ $STATUS -eq 0 ] || show "$ERR"
	is "$(field .dump.complete)" true "... with its core"
	same "... the lab is what it was"
}

new_lab --sip on
before=$(variable csr-active-config)
remember
for isolation in snapshot none; do
	scenario_set "s|isolation: .*|isolation: $isolation|"
	ends_well "isolation $isolation: SIP on at the start"
	is "$(boots)" 1 "... one boot before the trigger"
	is "$(step nvram status), $(step nvram undo)" "done, done" "... SIP and boot-args were set, and put back"
	# Kernel debugger, dtrace and nvram (0x8, 0x20, 0x40), of what was 0x10 or nothing
	is "$(field '.sip.during - .sip.before')" 104 "... three bits of SIP went, no more"
	has "$(field .facts.sip)" "Custom Configuration" "... the guest itself said so"
	is "$(jq -r 'select(.change == "nvram").before.variables | keys | join(" ")' "$(run_dir)/journal.ndjson")" \
		"boot-args csr-active-config" "... the journal knows what was there"
	is "$(variable csr-active-config)" "$before" "... to the byte"
	for line in '] nvram:' '] power on:' '] facts:' '] trigger:' 'restored nvram'; do
		signal_at KILL "$line"
		killed "isolation $isolation, kill -9 at '$line'"
	done
	signal_at INT '] facts:'
	is "$SIGNALLED $STATUS" "0 130" "isolation $isolation: SIGINT"
	same "... the lab is what it was"
done

# All of it
scenario_set 's|sip: needed|sip: off|'
ends_well "sip: off"
is "$(field .sip.during)" 119 "... as csrutil of 10.12 turns it off"
is "$(field .facts.sip)" disabled "... the guest itself said so"

# Off already, and somebody's own boot-args
scenario_set 's|sip: off|sip: needed|'
set_variable csr-active-config hex:77000000
set_variable boot-args -- '-v my=1'
remember
ends_well "SIP off already"
is "$(field '[.sip.before, .sip.during] | join(" ")')" "119 119" "... is left alone"
has "$(field .boot_args.during)" "-v my=1 debug=" "... and so are the boot-args that were there"
is "$(variable boot-args)" "-v my=1" "... which are back"

# The VM runs: it is shut down for it, and runs again afterwards
for isolation in snapshot none; do
	scenario_set "s|isolation: .*|isolation: $isolation|"
	vmrun start "$SIMLAB_VMX" nogui
	guest_up
	remember
	ends_well "isolation $isolation, the VM runs"
	is "$(boots)" 1 "... one boot before the trigger"
	guest_up
	is "$(g 'sysctl -n kern.bootargs')" "-v my=1" "... and runs with its own boot-args again"
	for line in '] shut down:' '] nvram:' '] trigger:' 'restored nvram'; do
		signal_at KILL "$line"
		killed "isolation $isolation, the VM runs, kill -9 at '$line'"
		guest_up
		is "$(g 'sysctl -n kern.bootargs')" "-v my=1" "... and runs with its own boot-args again"
	done
	vmrun stop "$SIMLAB_VMX" soft
	unlocked
done

# Somebody uses the VM again before the teardown: it is shut down for it, and runs again
scenario_set "s|isolation: .*|isolation: none|"
remember
signal_at KILL '] power on:'
is "$SIGNALLED $STATUS" "0 137" "killed again"
jq -c 'select(.change != "power")' "$(run_dir)/journal.ndjson" >"$WORK/journal" &&
	cp "$WORK/journal" "$(run_dir)/journal.ndjson"
vmrun start "$SIMLAB_VMX" nogui
guest_up
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "a teardown while the guest runs"
guest_up
is "$(g 'sysctl -n kern.bootargs')" "-v my=1" "... which runs again, with its own boot-args"
vmrun stop "$SIMLAB_VMX" soft
unlocked
same "... the lab is what it was"

# What a panicking guest needs was not what the .vmx said: armed again
cp "$SIMLAB_VMX" "$WORK/vmx"
edit "$SIMLAB_VMX" 's|guestOS = .*|guestOS = "darwin11-64"|'
set_variable csr-active-config hex:10000000
remember
ends_well "a guest that was upgraded since its VM was made"
is "$(boots)" 2 "... costs one more boot"
has "$(cat "$ERR")" "is not what was thought, and is armed again" "... and says so"
cp "$WORK/vmx" "$SIMLAB_VMX"

# The .nvram is left alone, and what the run would set is in it already: no reboot
set_variable csr-active-config hex:77000000
port=$(field .server.port)
args=$(field .boot_args.during)
lab_set "s|port: 0|port: $port|" 's|nvram: edit|nvram: leave|'
set_variable boot-args -- "$args"
remember
ends_well "boot-args and SIP set beforehand"
is "$(field .boot_args.during)" "$args" "... are what the run would set"
is "$(step boot-args detail)" "set already, and the kernel has them" "... so it sets nothing"
has "$(step reboot detail)" "not needed" "... and does not reboot"
is "$(boots)" 1 "... one boot before the trigger"
lab_set "s|port: $port|port: 0|" 's|nvram: leave|nvram: edit|'
set_variable csr-active-config hex:10000000
set_variable boot-args -- '-v my=1'

# Never to be touched, and not to be edited: the steps to take, before anything is armed
remember
lab_set 's|nvram: edit|nvram: leave|'
run_lab
is $STATUS 3 "nvram: leave"
has "$(cat "$ERR")" "the lab file says" "... is why it is not edited"
has "$(cat "$ERR")" "csrutil disable" "... and what to do"
same "... the lab is what it was"
lab_set 's|nvram: leave|nvram: edit|'
echo 'encryption.data = "x"' >>"$SIMLAB_VMX"
remember
run_lab
is $STATUS 3 "an encrypted VM"
has "$(cat "$ERR")" "the VM is encrypted" "... is not edited"
has "$(cat "$ERR")" "Recovery" "... and what to do"
same "... the lab is what it was"
scenario_set 's|sip: needed|sip: as-is|'
run_lab
is $STATUS 3 "sip: as-is"
has "$(cat "$ERR")" "SIP denies what this run needs" "... ends before anything is armed"
same "... the lab is what it was"
edit "$SIMLAB_VMX" '/encryption.data/d'
remember
run_lab
is $STATUS 3 "sip: as-is, and an .nvram that could be edited"
has "$(cat "$ERR")" "SIP is in the way, and the scenario leaves it as it is" "... ends before the guest boots"
is "$(boots)" 0 "... at no price"
same "... the lab is what it was"
done_testing
