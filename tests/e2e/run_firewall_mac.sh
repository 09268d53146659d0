#!/bin/sh
# The application firewall of a Mac: whatever it said of paniclab before a run, it says again after it.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

new_lab
fw=$LAB/socketfilterfw
program=$(realpath "$PANICLAB")

as_needed() {
	again
	scenario_set "s|timeout: 3s|timeout: 20s|"
}

# firewall_state N: 0 off, 1 on, 2 blocks all
firewall_state() {
	edit "$LAB/firewall" "s|^state .*|state $1|"
}

runs_well() {
	remember
	run_lab
	is "$STATUS" 0 "$1: exit 0"
	[ "$STATUS" -eq 0 ] || show "$ERR"
	same "$1: the lab is as it was"
}

as_needed
runs_well "not on the list"
has "$(cat "$ERR")" "paniclab is allowed" "... it was put there"

"$fw" --add "$program" >/dev/null
"$fw" --blockapp "$program" >/dev/null
runs_well "blocked"
has "$(cat "$ERR")" "paniclab is allowed" "... it was unblocked"
has "$("$fw" --listapps)" "$program 
 	 (Block incoming" "... and is blocked again"

signal_at KILL "] facts:"
is "$SIGNALLED $STATUS" "0 137" "blocked, and killed"
paniclab teardown --dry-run >"$OUT" 2>"$ERR"
has "$(cat "$OUT" "$ERR")" "sudo /usr/libexec/ApplicationFirewall/socketfilterfw --blockapp $program" "... the command by hand"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... teardown"
same "... it is blocked again"

"$fw" --unblockapp "$program" >/dev/null
runs_well "allowed"
has "$(cat "$ERR")" "nothing to change: socketfilterfw is on" "... nothing to change"
"$fw" --remove "$program" >/dev/null

firewall_state 0
runs_well "off"
has "$(cat "$ERR")" "nothing to change: socketfilterfw is off" "... nothing to change"

firewall_state 2
fails 3 lab-failed "blocks all" "socketfilterfw --getglobalstate" "blocks all incoming" "switch off 'Block all"
firewall_state 1

# Only tried: the run goes on, and the dump does not come through
fault firewall-managed
lab_set "s|^  firewall: .*|  firewall: try|"
scenario_set "s|within: 30s|within: 20s|"
remember
run_lab
is "$STATUS" 5 "managed, only tried: no core"
has "$(cat "$ERR")" "this Mac is managed" "... it warns"
same "... the lab is as it was"

# A profile arrives in the middle of the run
as_needed
remember
begin_run
read_to "] facts:"
fault firewall-managed
end
is "$STATUS" 4 "managed by the time of the undo: exit 4"
says "managed by the time of the undo" "not restored" "this Mac is managed" "by hand: sudo $fw --remove $program" \
	"paniclab teardown"
fault clear
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... teardown when the cause is gone"
same "... the lab is as it was"

done_testing
