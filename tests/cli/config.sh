#!/bin/sh
# paniclab init and validate, as a user or a script meets them.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh

# err LINE: standard error is that line and nothing else, standard output empty.
err() {
	printf '%s\n' "$1" | diff - "$dir/err" && [ ! -s "$dir/out" ]
}

init_writes_both() {
	run 0 init "$dir/new" && [ ! -s "$dir/err" ] &&
		cmp templates/lab.yaml "$dir/new/lab.yaml" &&
		cmp templates/scenario.yaml "$dir/new/scenario.yaml" &&
		grep -q "paniclab run $dir/new/lab.yaml $dir/new/scenario.yaml" "$dir/out"
}

init_refuses_to_overwrite() {
	mkdir "$dir/half" && echo mine >"$dir/half/scenario.yaml" &&
		run 2 init "$dir/half" &&
		err "paniclab: $dir/half/scenario.yaml: the file exists, nothing was written: name another folder, or overwrite it with --force" &&
		[ ! -e "$dir/half/lab.yaml" ] && [ "$(cat "$dir/half/scenario.yaml")" = mine ]
}

init_force_overwrites() {
	run 0 init --force "$dir/half" && cmp templates/scenario.yaml "$dir/half/scenario.yaml" &&
		grep -q "^replaced $dir/half/scenario.yaml" "$dir/out" &&
		grep -q "^wrote $dir/half/lab.yaml" "$dir/out"
}

init_dry_run_writes_nothing() {
	run 0 init --dry-run "$dir/dry" && [ ! -e "$dir/dry" ] &&
		grep -q "^would write $dir/dry/lab.yaml" "$dir/out"
}

init_uses_the_current_folder() {
	mkdir "$dir/here" && (cd "$dir/here" && "$PANICLAB" init) && [ -f "$dir/here/lab.yaml" ]
}

validate_takes_what_init_writes() {
	run 0 validate "$dir/new/lab.yaml" && [ ! -s "$dir/err" ] &&
		grep -q "known_hosts: $dir/new/simlab/known_hosts" "$dir/out" &&
		run 0 validate "$dir/new/scenario.yaml" && grep -q '^kernel: as-is$' "$dir/out"
}

# What is printed is a file that prints as itself.
printed_is_normal() {
	run 0 validate "$dir/new/$1.yaml" && cp "$dir/out" "$dir/$1-1.yaml" &&
		run 0 validate "$dir/$1-1.yaml" && cmp "$dir/out" "$dir/$1-1.yaml" &&
		run 0 validate --json "$dir/new/$1.yaml" && cp "$dir/out" "$dir/$1.json" &&
		run 0 validate "$dir/$1.json" && cmp "$dir/out" "$dir/$1-1.yaml"
}

unknown_key_has_a_line() {
	printf 'guests:\n  g:\n    ssh:\n      prot: 22\n' >"$dir/x.yaml"
	run 2 validate "$dir/x.yaml" &&
		err "paniclab: $dir/x.yaml:4: unknown key 'prot' in guests.g.ssh: did you mean 'port'?"
}

bad_value_has_a_line() {
	printf 'name: x\ntrigger: {dtrace: d}\nkernel: debgu\n' >"$dir/x.yaml"
	run 2 validate --json "$dir/x.yaml" &&
		err "paniclab: $dir/x.yaml:3: kernel must be one of as-is, release, development, debug, kasan (found the text 'debgu'): did you mean 'debug'?"
}

neither_kind_is_said() {
	printf 'a: b\n' >"$dir/x.yaml"
	run 2 validate "$dir/x.yaml" && grep -q 'neither a lab nor a scenario' "$dir/err"
}

broken_yaml_has_a_line() {
	printf 'name: x\ntrigger:\n\tdtrace: d\n' >"$dir/x.yaml"
	run 2 validate "$dir/x.yaml" && grep -q "x.yaml:3: not valid YAML .*spaces, not with tabs" "$dir/err"
}

absent_file_is_usage() {
	run 2 validate "$dir/absent.yaml" && grep -q "absent.yaml: .*No such file.*paniclab init" "$dir/err"
}

swapped_files_are_told() {
	run 2 run templates/scenario.yaml templates/lab.yaml &&
		err "paniclab: templates/scenario.yaml: this is a scenario file, where a lab file is wanted: the order is LAB SCENARIO" &&
		run 2 run templates/lab.yaml templates/lab.yaml &&
		err "paniclab: templates/lab.yaml: this is a lab file, where a scenario file is wanted: the order is LAB SCENARIO"
}

too_large_is_refused() {
	head -c 1048577 /dev/zero | tr '\0' '#' >"$dir/x.yaml"
	run 2 validate "$dir/x.yaml" && [ "$(wc -l <"$dir/err")" -eq 1 ]
}

file_is_required() {
	run 2 validate && [ ! -s "$dir/out" ]
}

# The secret that stands where a {file:} belongs is not repeated.
secrets_stay_unsaid() {
	printf 'guests: {}\nfusion: {user: u, password: hunter2}\n' >"$dir/x.yaml"
	run 2 validate "$dir/x.yaml" && ! grep -q hunter2 "$dir/err"
}

# The n-th .Bd block of the manual page is a file that is accepted.
manual_example() {
	awk -v want="$1" '/^\.Ed/ { on = 0 } on { print } /^\.Bd/ { on = ++n == want }' \
		docs/paniclab.yaml.5 >"$dir/x.yaml" && [ -s "$dir/x.yaml" ] && run 0 validate "$dir/x.yaml"
}

check "init writes a lab and a scenario" init_writes_both
check "init does not overwrite" init_refuses_to_overwrite
check "init --force does" init_force_overwrites
check "init --dry-run writes nothing" init_dry_run_writes_nothing
check "init without a folder uses the current one" init_uses_the_current_folder
check "validate takes what init writes" validate_takes_what_init_writes
check "a printed lab prints as itself, JSON too" printed_is_normal lab
check "a printed scenario prints as itself, JSON too" printed_is_normal scenario
check "an unknown key: line and nearest" unknown_key_has_a_line
check "a bad value: line, choices and nearest" bad_value_has_a_line
check "neither lab nor scenario" neither_kind_is_said
check "broken YAML: line and advice" broken_yaml_has_a_line
check "an absent file" absent_file_is_usage
check "lab and scenario swapped" swapped_files_are_told
check "a file beyond 1 MiB" too_large_is_refused
check "validate needs a file" file_is_required
check "a secret in the wrong place is not shown" secrets_stay_unsaid
check "the manual's lab is accepted" manual_example 1
check "the manual's scenario is accepted" manual_example 2
done_testing
