# For tests of prepared snapshots; adds to lib.sh.
# shellcheck shell=sh disable=SC1091,SC2034,SC2119,SC2120,SC2154
# Source it, then:
#   prepare_lab [OPTIONS]     paniclab prepare; STATUS, $OUT, $ERR
#   prepared                  the names of the VM's prepared snapshots
#   remember, same            as in lib.sh, but for prepared snapshots: they stay
#   from_prepared NAME        a run that starts from one, and what holds after it
#   long_way NAME WHY         a run that does not, and says why

. tests/e2e/lib.sh

prepare_lab() {
	paniclab prepare "$@" "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT" 2>"$ERR" </dev/null
	STATUS=$?
}

prepared() {
	vmrun listSnapshots "$SIMLAB_VMX" | grep '^paniclab-prepared-' | tr '\n' ' '
}

# A prepared snapshot stays, and so does what lists it.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'snapshot [0-9]* paniclab-prepared-' -e 'vmsd snapshot' \
		-e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

boots() {
	field '.boots | length'
}

from_prepared() {
	run_lab
	is "$STATUS" 0 "$1"
	[ "$STATUS" -eq 0 ] || show "$ERR"
	is "$(field '.prepared.used'), $(boots) boots" "true, 0 boots" "... starts from the prepared snapshot"
	is "$(field .dump.complete)" true "... with its core"
	same "... and the lab is what it was"
}

long_way() {
	run_lab
	is "$STATUS" 0 "$1"
	[ "$STATUS" -eq 0 ] || show "$ERR"
	is "$(field '.prepared.used'), $(boots) boots" "false, 1 boots" "... takes the long way"
	has "$(field .prepared.stale)" "$2" "... and the report says why"
	same "... and the lab is what it was"
}
