#!/bin/sh
# kill -9 at each step of a run, of a restoration and of a teardown; then
# teardown: the lab is what it was.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# unrestored: does the newest run have changes that are not undone?
unrestored() {
	case $(run_row) in
	*"TO BE RESTORED"*) return 0 ;;
	*) return 1 ;;
	esac
}

# torn_down NAME: teardown, and what holds after it.
torn_down() {
	paniclab teardown >"$OUT" 2>"$ERR"
	teardown_status=$?
	is $teardown_status 0 "$1: teardown"
	[ $teardown_status -eq 0 ] || show "$ERR"
	same "$1: the lab is what it was"
	lacks "$(paniclab runs 2>&1)" "TO BE RESTORED" "$1: runs says restored"
	paniclab teardown >"$OUT" 2>"$ERR"
	is "$? $(cat "$OUT")" "0 nothing is to be restored" "$1: a second teardown has nothing to do"
}

# refused NAME: a new run on top of an unrestored one.
refused() {
	killed_run=$(basename "$(run_dir)")
	run_lab
	is $STATUS 4 "$1: the next run refuses"
	has "$(cat "$ERR")" "paniclab teardown $killed_run" "$1: ... and names teardown"
	is "$(field '[.steps[] | select(.status == "done" and .name != "preflight")] | length')" 0 \
		"$1: ... before it does anything"
}

# killed NAME: what holds after a kill -9, and after its teardown.
killed() {
	is "$SIGNALLED $STATUS" "0 137" "$1: killed"
	if unrestored; then
		has "$(run_row)" " cut short TO BE RESTORED" "$1: runs says so"
		refused "$1"
	fi
	torn_down "$1"
}

new_lab
remember
run_lab
is $STATUS 0 "a run that nothing kills"
[ $STATUS -eq 0 ] || show "$ERR"
sed -n 's/^\[ *[0-9]*\/[0-9]*\] \([^:]*\):.*/\1/p' "$ERR" >"$WORK/steps"
events=$(wc -l <"$LAB/log/events.log")

while IFS= read -r step; do
	signal_at KILL "] $step:"
	killed "kill -9 at $step"
done <"$WORK/steps"
for undo in firewall snapshot; do
	signal_at KILL "restored $undo"
	killed "kill -9 once the run restored its $undo"
done

# In the middle of what the lab does: its events tell.
for event in 'vmrun snapshot' 'rest PUT' 'vmrun listSnapshots' 'boot-args "debug' 'simulated: panic' 'vmrun revertTo' \
	'reverted to' 'vmrun deleteSnapshot' 'deleted snapshot'; do
	begin_run
	kill_at_event "$event"
	killed "kill -9 at '$event'"
done

# Anywhere: SEED repeats it.
SEED=${SEED:-$$}
echo "# SEED=$SEED"
awk -v seed="$SEED" -v max="$events" \
	'BEGIN { srand(seed); for (i = 0; i < 6; i++) print 1 + int(rand() * max * 0.9) }' >"$WORK/counts"
while read -r count; do
	begin_run
	kill_at_event "$count"
	killed "kill -9 after $count events"
done <"$WORK/counts"

# A teardown that is killed itself, twice.
for event in 'vmrun revertTo' 'reverted to' 'vmrun deleteSnapshot'; do
	signal_at KILL "] guest back:"
	begin teardown
	kill_at_event "power .*poweringOff"
	is "$SIGNALLED $STATUS" "0 137" "kill -9 of a teardown that stops the VM"
	begin teardown
	kill_at_event "$event"
	killed "kill -9 of the next one at '$event'"
done

done_testing
