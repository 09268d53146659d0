#!/bin/sh
# SIP is on and the .nvram is not to be edited: with `recovery: wait` the run says
# what to do in Recovery and waits for it. Somebody's hand is played here by an
# edit of the .nvram, which is all that csrutil does there.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# Before and after: without what is empty at each boot, and what a panic leaves.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

# in_recovery disable|enable: shuts the guest down, does what csrutil does there, and starts it.
in_recovery() {
	vmrun stop "$SIMLAB_VMX" soft
	unlocked
	# A copy: the run keeps others away from the VM's own.
	cp "${SIMLAB_VMX%.vmx}.nvram" "$WORK/copy.nvram"
	"$PANICLAB" nvram "$WORK/copy.nvram" set csr-active-config "$1" --macos 10.12.6 >/dev/null 2>&1
	cp "$WORK/copy.nvram" "${SIMLAB_VMX%.vmx}.nvram"
	vmrun start "$SIMLAB_VMX" nogui
}

begin_and_wait() {
	begin_run
	read_to "is waited for"
	ok $? "$1: it says what to do"
	has "$(cat "$ERR")" "Cmd-R" "... in Recovery"
	has "$(cat "$ERR")" "csrutil disable" "... and the command"
}

new_lab --sip on
# The variable is there, so that Recovery can put it back as it was.
"$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" set csr-active-config hex:10000000 >/dev/null 2>&1
lab_set 's|nvram: edit|nvram: leave|'
scenario_set 's|recovery: end|recovery: wait|'
remember

begin_and_wait "isolation snapshot"
in_recovery disable
end
is $STATUS 0 "isolation snapshot: it goes on once SIP is off"
[ $STATUS -eq 0 ] || show "$ERR"
is "$(field .dump.complete)" true "... to its core"
same "... and the snapshot takes Recovery's change with it"

# Without a snapshot only Recovery can put it back: named, and done when it is
scenario_set 's|isolation: .*|isolation: none|'
begin_and_wait "isolation none"
in_recovery disable
end
is $STATUS 4 "isolation none: SIP is not restored"
has "$(cat "$ERR")" "SIP is still \"disabled\"" "... it says so"
has "$(field '.restored.left[].by_hand')" "csrutil enable" "... with what to do"
in_recovery enable
guest_up
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... and once that is done, so is the teardown"
[ "$(field .restored.complete)" = true ] || show "$ERR"
vmrun stop "$SIMLAB_VMX" soft 2>/dev/null
unlocked
same "... the lab is what it was"

# Ctrl-C while it waits
begin_and_wait "Ctrl-C"
kill -s INT "$PID"
end
is $STATUS 130 "Ctrl-C ends the wait"
same "... the lab is what it was"
done_testing
