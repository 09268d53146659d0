#!/bin/sh
# What a run concludes where the evidence is mixed: which exit code wins, what
# the report says of a panic whose text is lost, and what needs no core at all.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# verdict STATUS NAME
verdict() {
	is "$STATUS" "$1" "$2"
	[ "$STATUS" -eq "$1" ] || show "$ERR"
	same "... and the lab is what it was"
}

new_lab
remember
cp "$WORK/scenario.yaml" "$WORK/original.yaml"

# Another panic than the expected one, and no core of it, but the panic log that
# debug=0x2000 sends instead: not as expected (1), not "as expected, but no core" (5)
scenario_set 's|matching: .*|matching: "double free"|' 's|boot_args: .*|boot_args: "debug=0x6644"|'
run_lab
verdict 1 "another panic, without a core"
has "$(cat "$ERR")" "it is not the panic that was expected" "... says that it is another panic"

# A panic that is proved although nobody could read its text
cp "$WORK/original.yaml" "$WORK/scenario.yaml"
scenario_set '/matching:/d' 's|collect: .*|collect: [core]|'
fault dump-stop-at=20000
run_lab
verdict 5 "a core that stops at its beginning"
is "$(field .panicked.seen)" "true" "... the report knows that it panicked"
lacks "$(cat "$OUT")" "none was seen" "... and its summary does not deny it"
fault clear

# Complete, and not a core: the panic log, which debug=0x2000 sends instead
cp "$WORK/original.yaml" "$WORK/scenario.yaml"
scenario_set 's|boot_args: .*|boot_args: "debug=0x6644"|'
run_lab
verdict 5 "something complete that is not a core"
has "$(cat "$ERR")" "not a kernel core" "... says so"

# The scenario's own boot-args leave no core to come: nothing is begun
cp "$WORK/original.yaml" "$WORK/scenario.yaml"
scenario_set 's|boot_args: .*|boot_args: "debug=0x4044"|'
run_lab
verdict 2 "boot-args that dump nothing"
has "$(cat "$ERR")" "boot_args: debug= has no 0x400 (KERN_DUMP_ON_PANIC)" "... says which rule"
has "$(cat "$ERR")" "rule no-dump-bit" "... and its name"
is "$(field '[.steps[] | select(.status == "done")] | length')" 0 "... before any step is done"

# No core is wanted, and boot-args are: they are set all the same
cp "$WORK/original.yaml" "$WORK/scenario.yaml"
scenario_set 's|boot_args: .*|boot_args: "keepsyms=1"|' 's|core: required|core: none|' 's|collect: .*|collect: [panic_report]|' \
	's|timeout: 20s|timeout: 4s|'
run_lab
verdict 0 "no core wanted"
is "$(field .boot_args.during)" "$(field '.boot_args.before + " keepsyms=1" | ltrimstr(" ")')" "... the scenario's boot-args are set"
scenario_set 's|kernel: as-is|kernel: development|'
run_lab
verdict 2 "no core wanted, but a kernel of which there is no kit"

# A guest that merely reboots has not panicked
cp "$WORK/original.yaml" "$WORK/scenario.yaml"
scenario_set '/matching:/d' 's|core: required|core: none|' 's|dtrace: ".*|command: reboot|' 's|timeout: 20s|timeout: 4s|' \
	's|collect: .*|collect: [serial_log]|'
run_lab
verdict 1 "a reboot where a panic is expected"
has "$(cat "$ERR")" "nothing proves a panic" "... says so"
is "$(field .panicked.seen)" "false" "... and so does the report"

# The plan names no port 0; progress of the dump is among the events
run_lab --dry-run
lacks "$(cat "$OUT")" "port 0" "the plan does not say port 0"
cp "$WORK/original.yaml" "$WORK/scenario.yaml"
run_lab --events
is "$(jq -s '[.[] | select(.event == "dump")] | length > 0' "$OUT")" true "--events tells of the dump"

paniclab teardown --dry-run --json >"$OUT" 2>"$ERR"
is "$? $(jq -c . "$OUT")" "0 []" "teardown --dry-run --json prints one document"
done_testing
