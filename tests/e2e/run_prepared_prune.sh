#!/bin/sh
# prune --prepared: what is stale goes, what fits goes by age or number, and the
# lab is what it was before anything was prepared.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-prepared.sh

prune() {
	paniclab prune --prepared "$@" >"$OUT" 2>"$ERR"
	STATUS=$?
}

records() { find "$STATE/prepared" -name '*.json' | wc -l; }
count() { prepared | wc -w; }

# The lab as it is without any, to the last line
everything() { "$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports; }

new_lab
everything >"$WORK/bare"
remember
prune
is "$STATUS $(cat "$OUT")" "0 " "nothing to prune"
paniclab prune >"$OUT" 2>"$ERR"
is $? 2 "without --prepared: a mistake"
has "$(cat "$ERR")" "--prepared" "... which says what to name"
prune --older-than soon
is $STATUS 2 "a time that is none"

echo one >"$WORK/file"
scenario_set 's|^payload:|payload:\n  files: [{from: file, to: /opt/it}]|'
prepare_lab
echo two >"$WORK/file"
prepare_lab
is "$STATUS $(count) $(records)" "0 2 2" "two are prepared"
prune --dry-run
is "$(grep -c 'kept: fits' "$OUT") $(grep -c 'would be deleted: stale, payload.files./opt/it.sha256 was' "$OUT")" \
	"1 1" "--dry-run: one fits, one is stale, and why"
is "$(count) $(records)" "2 2" "... and nothing is deleted"
prune --json
is "$STATUS $(jq -r 'map(.state + " " + (.deleted | tostring)) | join(", ")' "$OUT")" "0 fits false, stale true" \
	"prune: the stale one is deleted"
is "$(count) $(records)" "1 1" "... snapshot and record"
same "... the lab is what it was"
from_prepared "the one that fits still does"

# The scenario's file is another now
scenario_set 's|boot_args: .*|boot_args: "-v"|'
prune --dry-run
has "$(cat "$OUT")" "would be deleted: stale, boot_args was" "the scenario was edited: stale"
prepare_lab
scenario_set 's|boot_args: .*|boot_args: "keepsyms=1"|'
prepare_lab
is "$(count)" 2 "two again"
cp "$WORK/scenario.yaml" "$WORK/kept.yaml"

# By number: both fit, each by a scenario of its own
jq '.files.scenario = "gone.yaml"' "$(grep -l -e 'wdt=-1 -v"' "$STATE"/prepared/*.json)" >"$WORK/record"
cp "$WORK/record" "$STATE/prepared/$(jq -r .digest "$WORK/record").json"
prune --keep 2
is "$STATUS $(count)" "0 2" "--keep 2: both stay"
prune --keep 1
has "$(cat "$OUT")" "deleted: fits, count" "--keep 1: the older one goes"
is "$(count) $(records)" "1 1" "... and one stays"
prune --older-than 1h
is "$STATUS $(count)" "0 1" "--older-than 1h: it is younger"

# The VM's lock
flock -x "$(dirname "$SIMLAB_VMX")" "$PANICLAB" prune --prepared --all --state "$STATE" >"$OUT" 2>"$ERR"
is $? 3 "a VM that is in use"
has "$(cat "$OUT")" "NOT deleted" "... keeps it"
is "$(count) $(records)" "1 1" "... with its record"

# Fusion does not answer: nobody knows, so it stays
cp "$WORK/lab.yaml" "$WORK/lab.kept"
lab_set 's|url: .*|url: http://127.0.0.1:9|'
prune --all
is "$STATUS $(records)" "0 1" "Fusion does not answer: it stays"
has "$(cat "$OUT")" "kept: unknown, " "... and why"
cp "$WORK/lab.kept" "$WORK/lab.yaml"
prune --all
is "$STATUS $(count) $(records)" "0 0 0" "--all: the last one goes"
everything | cmp -s - "$WORK/bare"
ok $? "the lab is what it was before anything was prepared"

# Deleted in Fusion
prepare_lab
vmrun deleteSnapshot "$SIMLAB_VMX" "$(prepared | tr -d ' ')"
prune
has "$(cat "$OUT")" "deleted: gone" "a snapshot that was deleted in Fusion"
is "$(records)" 0 "... its record goes, too"
done_testing
