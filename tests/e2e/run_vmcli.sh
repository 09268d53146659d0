#!/bin/sh
# Fusion 13 without vmrun: vmcli takes the snapshots, and the memory of a guest that runs.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-prepared.sh

new_lab --sip on
mkdir "$WORK/tools"
printf '#!/bin/sh\nexec "%s/vmcli" "$@"\n' "$LAB" >"$WORK/tools/vmcli"
chmod +x "$WORK/tools/vmcli"
lab_set "s|vmrun: .*|vmrun: $WORK/tools/vmrun|"
remember
run_lab
is $STATUS 0 "a run without vmrun"
[ $STATUS -eq 0 ] || show "$ERR"
is "$(field .dump.complete)" true "... with its core"
same "... the lab is what it was"
! event "vmrun "
ok $? "... and vmrun was not asked"
prepare_lab
is $STATUS 0 "prepare without vmrun"
[ $STATUS -eq 0 ] || show "$ERR"
same "... the lab is what it was"
from_prepared "a run from what was prepared"
for step in 'snapshot' 'prepared'; do
	signal_at KILL "] $step:"
	is "$SIGNALLED $STATUS" "0 137" "kill -9 at $step"
	paniclab teardown >"$OUT" 2>"$ERR"
	is $? 0 "... teardown"
	same "... the lab is what it was"
done
rm "$WORK/tools/vmcli"
run_lab
is $STATUS 3 "neither of them"
has "$(cat "$ERR")" "correct fusion.vmrun" "... says what to correct"
done_testing
