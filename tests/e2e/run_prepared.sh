#!/bin/sh
# A guest is prepared once; later runs start from it without a boot, and the
# lab is what it was after each.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-prepared.sh

new_lab --sip on
remember
prepare_lab --dry-run
is $STATUS 0 "prepare --dry-run"
has "$(cat "$OUT")" "a snapshot that stays, and its record" "... says what stays"
lacks "$(cat "$OUT")" "the guest panics" "... and that nothing panics"
same "... and changes nothing"

prepare_lab
is $STATUS 0 "prepare"
[ $STATUS -eq 0 ] || show "$ERR"
has "$(cat "$OUT")" "is prepared" "... says so"
same "... leaves the lab as it was"
name=$(prepared)
is "$(echo "$name" | wc -w)" 1 "... but for one snapshot"
digest=$(basename "$STATE"/prepared/*.json .json)
is "$name" "paniclab-prepared-$(printf %.16s "$digest") " "... named by its digest"
# The digest, by another program
is "$(jq -cSj .inputs "$STATE/prepared/$digest.json" | sha256sum | cut -d ' ' -f 1)" "$digest" \
	"... that of its inputs as canonical JSON"
has "$(run_row)" " prepared restored" "runs lists it"
is "$(find "$STATE/prepared" -perm /077 | wc -l)" 0 "nobody else may read the record"
prepare_lab
is "$STATUS" 0 "prepare again"
has "$(cat "$OUT")" "is there and fits" "... has nothing to do"
same "... and does nothing"

grep -c ' boot [0-9]' "$LAB/log/events.log" >"$WORK/boots"
from_prepared "a run"
# One boot: the guest's own, after its panic.
is "$(($(grep -c ' boot [0-9]' "$LAB/log/events.log") - $(cat "$WORK/boots")))" 1 "... and the lab saw no other boot"
is "$(field '[.steps[].name] | map(select(. == "power on" or . == "nvram" or . == "payload")) | length')" 0 \
	"... has no step that arms the guest"
is "$(field .panic.boot_args)" "$(jq -r .inputs.boot_args "$STATE/prepared/$digest.json")" \
	"... and its kernel had the boot-args that were prepared"
from_prepared "a second run"
is "$(prepared)" "$name" "the prepared snapshot is still there"

# Another trigger needs nothing else in the guest
scenario_set 's|name: dtrace-panic|name: other|' "s|BEGIN{ panic(); }|BEGIN { panic() }|"
from_prepared "another scenario that arms the same way"
scenario_set 's|name: other|name: dtrace-panic|'

run_lab --no-prepared
is "$STATUS $(boots)" "0 1" "--no-prepared: a boot"
is "$(field .prepared)" null "... and not a word of prepared snapshots"
same "... the lab is what it was"

# A VM that runs: its memory comes back, too
unlocked
vmrun start "$SIMLAB_VMX" nogui
guest_up
session=$(g 'sysctl -n kern.bootsessionuuid')
remember
from_prepared "a run with a VM that is on"
guest_up
is "$(g 'sysctl -n kern.bootsessionuuid')" "$session" "... which goes on where it was"
prepare_lab --again
is "$STATUS" 0 "prepare --again with a VM that is on"
[ "$STATUS" -eq 0 ] || show "$ERR"
guest_up
is "$(g 'sysctl -n kern.bootsessionuuid')" "$session" "... which goes on where it was, too"
same "... and the lab is what it was"
vmrun stop "$SIMLAB_VMX" hard
unlocked
name=$(prepared)
digest=$(basename "$STATE"/prepared/*.json .json)

# --again: the same inputs, another memory
at=$(jq .at "$STATE/prepared/$digest.json")
remember
lab_set "s|port: 0|port: $(jq .inputs.server.port "$STATE/prepared/$digest.json")|"
prepare_lab --again
is "$STATUS" 0 "prepare --again"
[ $STATUS -eq 0 ] || show "$ERR"
same "... the lab is what it was"
is "$(prepared)" "$name" "... one snapshot, of the same name"
[ "$(jq .at "$STATE/prepared/$digest.json")" -gt "$at" ]
ok $? "... and it is new"
from_prepared "a run from the new one"

scenario_set 's|isolation: .*|isolation: none|'
prepare_lab
is "$STATUS" 2 "prepare with isolation none"
has "$(cat "$ERR")" "isolation: snapshot" "... says what it needs"
done_testing
