#!/bin/sh
# SIP is on and the scenario wants it off: a run edits the .nvram of the guest that
# is off, needs no Recovery, and puts the variable back to the byte.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# Before and after: without what is empty at each boot, and what a panic leaves.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

sip() { "$PANICLAB" nvram "$SIMLAB_VMX" get csr-active-config 2>/dev/null; }
step() { field ".steps[] | select(.name == \"$1\").$2"; }

# killed NAME: what holds after a kill -9, and after its teardown.
killed() {
	is "$SIGNALLED $STATUS" "0 137" "$1: killed"
	paniclab teardown >"$OUT" 2>"$ERR"
	teardown_status=$?
	is $teardown_status 0 "$1: teardown"
	[ $teardown_status -eq 0 ] || show "$ERR"
	same "$1: the lab is what it was"
}

new_lab --sip on
before=$(sip)
remember
for isolation in snapshot none; do
	scenario_set "s|isolation: .*|isolation: $isolation|"
	run_lab
	is $STATUS 0 "isolation $isolation: SIP on at the start, and a core at the end"
	[ $STATUS -eq 0 ] || show "$ERR"
	is "$(step sip status), $(step sip undo)" "done, done" "... it was turned off, and put back"
	has "$(step sip detail)" "and is 0x77" "... as csrutil of 10.12 turns it off"
	is "$(field .facts.sip)" disabled "... the guest itself said so"
	is "$(jq -r 'select(.change == "nvram").before.variables[0].name' "$(run_dir)/journal.ndjson")" \
		csr-active-config "... the journal knows what was there"
	same "... the lab is what it was"
	is "$(sip)" "$before" "... to the byte"
	for line in '] sip:' '] snapshot:' '] power on:' '] facts:' '] trigger:'; do
		[ "$isolation $line" != "none ] snapshot:" ] || continue
		signal_at KILL "$line"
		killed "isolation $isolation, kill -9 at '$line'"
	done
	signal_at INT '] reboot:'
	is "$SIGNALLED $STATUS" "0 130" "isolation $isolation: SIGINT"
	same "... the lab is what it was"
done

# The boot-args of a run in the .nvram beforehand: the first boot has them, no reboot
port=$(field .server.port)
args=$(field .boot_args.during)
lab_set "s|port: 0|port: $port|"
nvram_before=$("$PANICLAB" nvram "$SIMLAB_VMX" get boot-args 2>/dev/null)
"$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" set boot-args -- "$args" >/dev/null
remember
: >"$LAB/log/events.log"
run_lab
is $STATUS 0 "boot-args and SIP set in the file of a guest that is off"
[ $STATUS -eq 0 ] || show "$ERR"
is "$(field .boot_args.during)" "$args" "... are what the run would set"
is "$(step boot-args detail)" "set already, and the kernel has them" "... so it sets nothing"
has "$(step reboot detail)" "not needed" "... and does not reboot"
is "$(jq -r 'select(.kind == "intent").change' "$(run_dir)/journal.ndjson" | grep -c boot-args)" 0 "... nor notes a change"
is "$(grep -c ' boot [0-9]* boot-args' "$LAB/log/events.log")" 2 "... one boot before the panic, one after it"
same "... the lab is what it was"
is "$nvram_before" "" "(there were none before)"
"$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" delete boot-args >/dev/null
lab_set "s|port: $port|port: 0|"
remember

# The guest was started by hand before the teardown
signal_at KILL '] power on:'
is "$SIGNALLED $STATUS" "0 137" "killed again"
vmrun start "$SIMLAB_VMX" nogui
guest_up
jq -c 'select(.change != "power")' "$(run_dir)/journal.ndjson" >"$WORK/journal" &&
	cp "$WORK/journal" "$(run_dir)/journal.ndjson"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 4 "a teardown while the guest runs is not done"
has "$(cat "$ERR")" "nvram cannot be put back" "... says why"
vmrun stop "$SIMLAB_VMX" soft
unlocked
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... and is done when it is off"
same "... the lab is what it was"

# Off already: nothing to do. Not to be edited: SIP is on, said before anything is armed.
"$PANICLAB" nvram "$SIMLAB_VMX" set csr-active-config hex:ff000000 --vmrun "$SIMLAB_VMRUN" >/dev/null
remember
run_lab
is $STATUS 0 "SIP off already"
has "$(step sip detail)" "off already: csr-active-config is 0xff" "... is left alone"
same "... the lab is what it was"
"$PANICLAB" nvram "$SIMLAB_VMX" set csr-active-config hex:10000000 --vmrun "$SIMLAB_VMRUN" >/dev/null
edit "$SIMLAB_VMX" 's|guestOS = .*|guestOS = "other-64"|'
remember
run_lab
is $STATUS 3 "a guest whose version nobody knows"
has "$(cat "$ERR")" "guestOS does not tell the guest's version" "... is not edited"
has "$(cat "$ERR")" "the scenario wants SIP off, and it is on" "... and the run ends before anything is armed"
same "... the lab is what it was"
done_testing
