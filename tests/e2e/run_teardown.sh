#!/bin/sh
# teardown beside a run that is under way, without Fusion, and afterwards: what
# it says and what it leaves in the report.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

new_lab --fault no-reboot-after-panic
remember

begin_run
read_to "guest back"
id=$(basename "$(run_dir)")
has "$(run_row)" "under way" "runs tells a run that is under way"
paniclab runs >"$OUT.runs" 2>"$ERR.runs"
lacks "$(cat "$ERR.runs")" "teardown" "... and does not ask for its teardown"
paniclab teardown "$id" >"$OUT.teardown" 2>"$ERR.teardown"
is $? 3 "teardown leaves it alone"
has "$(cat "$ERR.teardown")" "$id: the run is under way (process $PID)" "... and says which process it is"
is "$(paniclab teardown --all 2>&1)" "nothing is to be restored; 1 run is under way, left alone" "teardown --all says that it leaves it alone"
paniclab teardown --all >"$OUT.teardown" 2>&1
is $? 0 "teardown --all passes it by"
"$PANICLAB" run --state "$WORK/elsewhere" "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT.second" 2>"$ERR.second" </dev/null
is $? 3 "a second run on the VM, with another state folder, refuses"
has "$(tail -n 1 "$ERR.second")" "in use (held by a run with another state folder)" "... and says why"
kill -s INT "$PID"
end
is "$STATUS" 130 "Ctrl-C ends it"
same "the lab is as it was"

signal_at KILL "] trigger:"
id=$(basename "$(run_dir)")
paniclab teardown --dry-run >"$OUT" 2>"$ERR"
has "$(cat "$OUT")" "$id: would undo snapshot, as by hand: vmrun -T fusion revertToSnapshot" "--dry-run names the undo"
lacks "$(cat "$OUT")" "would undo power" "... and not what the snapshot takes with it"
fault rest-down
mv "$LAB/vmrun" "$LAB/vmrun.away"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 4 "teardown without Fusion: exit 4"
has "$(cat "$ERR")" "by hand: vmrun -T fusion revertToSnapshot '$SIMLAB_VMX' paniclab-$id" "... names what is left, with the command"
mv "$LAB/vmrun.away" "$LAB/vmrun"
fault clear
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "teardown with Fusion back"
same "the lab is as it was"

fault delete-fail
scenario_set "s|collect: .*|collect: [core]|"
run_lab
is "$STATUS" 4 "a run whose snapshot stays"
is "$(field .restored.complete)" false "its report says so"
fault clear
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "teardown"
is "$(field '[.restored.complete, (.restored.left | length), .restored.later] | map(tostring) | join(" ")')" \
	"true 0 true" "the report is corrected"
same "the lab is as it was"
done_testing
