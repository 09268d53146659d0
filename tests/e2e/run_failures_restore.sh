#!/bin/sh
# Runs that cannot put everything back: exit 4, the command that does it by
# hand, and a teardown that does it once the cause is gone.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

new_lab

# not_restored NAME WORDS...: exit 4; what is left, in every place where somebody may look.
not_restored() {
	title=$1
	shift
	run_lab
	id=$(basename "$(run_dir)")
	says "$title" "not restored" "paniclab teardown $id" "$@"
	ends 4 not-restored "$title"
	is "$(field .restored.complete)" false "$title: the report says it"
	field '.restored.left[].by_hand' >"$WORK/by-hand"
	grep -qF "deleteSnapshot '$SIMLAB_VMX' paniclab-$id" "$WORK/by-hand"
	ok $? "... with the command for it"
	has "$(cat "$OUT")" "$(head -n 1 "$WORK/by-hand")" "... and so does the summary"
	paniclab runs >"$WORK/runs" 2>"$WORK/warning"
	has "$(grep "$id" "$WORK/runs")" "TO BE RESTORED" "... and runs"
	has "$(cat "$WORK/warning")" "paniclab teardown --all" "... with the command"
	[ -n "$(kept core)" ]
	ok $? "$title: the core is kept"
	run_lab
	is "$STATUS" 4 "$title: no new run on top"
	has "$(last_line)" "run $id is not restored: paniclab teardown $id" "... and it says why"
}

# restored_by NAME COMMAND...: it does, and says nothing the second time.
restored_by() {
	title=$1
	shift
	fault clear
	paniclab "$@" >"$OUT" 2>"$ERR"
	is $? 0 "$title: paniclab $1 ${2:-} restores"
	has "$(cat "$OUT")" "everything is restored" "... and says so"
	same "$title: the lab is as it was"
	paniclab teardown --all >"$OUT" 2>"$ERR"
	has "$(cat "$OUT")" "nothing is to be restored" "... and once more there is nothing to do"
	[ "$(paniclab runs --json | jq 'map(select(.restored | not)) | length')" -eq 0 ]
	ok $? "... and runs agrees"
}

again
remember
fault delete-fail
not_restored "the snapshot stays" "vmrun deleteSnapshot" "Unable to delete the snapshot"
paniclab teardown "$id" >"$OUT" 2>"$ERR"
is $? 4 "a teardown while its cause lasts: exit 4"
has "$(cat "$ERR")" "by hand: vmrun -T fusion" "... with the command for it"
restored_by "the snapshot stays" teardown "$id"

again
fault revert-fail
not_restored "the revert fails" "vmrun revertToSnapshot"
restored_by "the revert fails" teardown --all

# By hand, as it says: then there is nothing left to do.
again
fault delete-fail
run_lab
id=$(basename "$(run_dir)")
fault clear
field '.restored.left[].by_hand' | head -n 1 | sed "s|vmrun -T fusion|'$SIMLAB_VMRUN' -T fusion|g" >"$WORK/by-hand"
sh "$WORK/by-hand" >/dev/null
same "by hand: the lab is as it was"
paniclab teardown "$id" >"$OUT" 2>"$ERR"
is $? 0 "by hand: a teardown agrees"
done_testing
