#!/bin/sh
# Ctrl-C at each step of a run: it ends with 130, and the lab is what it was.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

new_lab
remember
run_lab
is $STATUS 0 "a run that nothing interrupts"
[ $STATUS -eq 0 ] || show "$ERR"
# "[ 3/17] snapshot: ..." -> snapshot
sed -n 's/^\[ *[0-9]*\/[0-9]*\] \([^:]*\):.*/\1/p' "$ERR" >"$WORK/steps"
[ "$(wc -l <"$WORK/steps")" -gt 10 ]
ok $? "it names its steps"

# outcome STATUS OUTCOME NAME: what runs and the report say of it.
outcome() {
	is "$SIGNALLED $STATUS" "0 $1" "$3: ends with $1"
	[ "$STATUS" -eq "$1" ] || show "$ERR"
	has "$(run_row)" " $2 restored" "$3: runs says $2"
	is "$(field '.outcome + " " + (.restored.complete | tostring)')" "$2 true" "$3: and so does the report"
	is "$(field '[.steps[] | select(.undo == "failed")] | length')" 0 "$3: no undo failed"
	same "$3: the lab is what it was"
}

interrupted() {
	outcome 130 interrupted "$1"
}

while IFS= read -r step; do
	signal_at INT "] $step:"
	case $step in
	# They take milliseconds: it may come when all is done.
	collect | analyse | judge) [ "$STATUS" -ne 0 ] || {
		outcome 0 as-expected "SIGINT at $step, late"
		continue
	} ;;
	esac
	interrupted "SIGINT at $step"
done <"$WORK/steps"

signal_at TERM "] address:"
interrupted "SIGTERM while the guest boots"
signal_at INT "] facts:" INT "restored firewall"
interrupted "a second SIGINT while it restores"
signal_at INT "] facts:" TERM "restored firewall" INT "restored snapshot"
interrupted "and a third"

fault dump-stop-at=100000
begin_run
read_to "] dump:"
# shellcheck disable=SC2317 # called by name
arrived() { find "$(run_dir)/core" -name '*.partial' -size +50k | grep -q .; }
wait_for 20 arrived
SIGNALLED=$?
kill -s INT "$PID"
end
interrupted "SIGINT in the middle of the dump"
cut=$(field '.evidence[] | select(.kind == "core-gz" and .status == "incomplete") | .path')
[ -s "$(run_dir)/${cut:-nothing}" ]
ok $? "... what had arrived is kept, and the report names it"
is "$(field '[.dump.complete, .panicked.seen] | map(tostring) | join(" ")')" "false true" "... as what it is"
fault clear

signal_at INT "restored firewall"
is $STATUS 0 "SIGINT after the last step is too late to fail the run"
same "... and the lab is what it was"
lacks "$(paniclab runs 2>&1)" "TO BE RESTORED" "nothing is left to be restored"
paniclab teardown >"$OUT" 2>"$ERR"
is "$? $(cat "$OUT")" "0 nothing is to be restored" "and teardown agrees"
done_testing
