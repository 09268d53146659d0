#!/bin/sh
# kill -9 at each step of prepare, and of a run that starts from what was
# prepared; then teardown: the lab is what it was, and no half-made prepared
# snapshot is left, nor a whole one lost.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-prepared.sh

# torn_down NAME PREPARED: what holds after a kill -9 and its teardown.
torn_down() {
	is "$SIGNALLED $STATUS" "0 137" "$1: killed"
	paniclab teardown >"$OUT" 2>"$ERR"
	teardown_status=$?
	is $teardown_status 0 "$1: teardown"
	[ $teardown_status -eq 0 ] || show "$ERR"
	same "$1: the lab is what it was"
	is "$(prepared)" "$2" "$1: its prepared snapshots"
	is "$(cd "$STATE" && find prepared -name '*.json' | wc -l)" "$(echo "$2" | wc -w)" "$1: and their records"
	lacks "$(paniclab runs 2>&1)" "TO BE RESTORED" "$1: runs says restored"
}

begin_prepare() {
	begin prepare "$@" "$WORK/lab.yaml" "$WORK/scenario.yaml"
}

new_lab --sip on
mkdir -p "$STATE/prepared"
remember
for step in 'snapshot' 'nvram' 'facts' 'keep'; do
	begin_prepare
	signals_at KILL "] $step:"
	torn_down "prepare, kill -9 at $step" ""
done
# In the middle of the keeping: the second snapshot, with memory
begin_prepare
read_to "] keep:"
kill_at_event 'snapshot [0-9]* "paniclab-prepared'
torn_down "prepare, kill -9 once its snapshot is taken" ""
begin_prepare
signals_at INT "] keep:"
is "$SIGNALLED $STATUS" "0 130" "prepare, SIGINT"
same "... the lab is what it was"
is "$(prepared)" "" "... nothing is prepared"

# Once it is kept it stays
begin_prepare
signals_at KILL "restored snapshot"
is "$SIGNALLED" 0 "prepare, kill -9 while it restores"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... teardown"
same "... the lab is what it was"
name=$(prepared)
is "$(echo "$name" | wc -w)" 1 "... and what was prepared stays"
from_prepared "... and is whole"

for step in 'prepared' 'dump server' 'facts' 'trigger' 'dump'; do
	signal_at KILL "] $step:"
	torn_down "a run, kill -9 at $step" "$name"
done
for event in 'reverted to' 'resumed'; do
	begin_run
	read_to "] prepared:"
	kill_at_event "$event"
	torn_down "a run, kill -9 at '$event'" "$name"
done
signal_at KILL "restored snapshot"
paniclab teardown >"$OUT" 2>"$ERR"
same "a run, kill -9 while it restores, and teardown: the lab is what it was"
signal_at INT "] prepared:"
is "$SIGNALLED $STATUS" "0 130" "a run, SIGINT while it resumes"
same "... the lab is what it was"
from_prepared "it still fits"

# --again: with another port the old one goes after the new one is there ...
prepare_lab --again
is "$STATUS $(prepared | wc -w)" "0 1" "prepare --again: one takes the place of the other"
# ... with the same one, which is the same name, before that
lab_set "s|port: 0|port: $(jq .inputs.server.port "$STATE"/prepared/*.json)|"
begin_prepare --again
read_to "] keep:"
kill_at_event 'deleted snapshot'
torn_down "prepare --again, kill -9 between the old one and the new one" ""
done_testing
