#!/bin/sh
# What every command has in common, as users and scripts meet it: help, misuse,
# exit codes, what goes to which stream, colours, where state goes.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh

HOME=$dir/home
export HOME
unset XDG_STATE_HOME NO_COLOR

out() { grep -qF -e "$1" "$dir/out"; }
no_out() { [ ! -s "$dir/out" ]; }
no_err() { [ ! -s "$dir/err" ]; }

# misuse WORDS ARGUMENT...: exit 2, and one line on standard error that holds the words.
misuse() {
	words=$1
	shift
	run 2 "$@" && no_out && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q '^paniclab: ' "$dir/err" &&
		grep -qF -e "$words" "$dir/err"
}

commands() { "$PANICLAB" --help | sed -n '/^commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'; }

overview() {
	run 0 "$1" && no_err && out 'usage: paniclab COMMAND' && out ' teardown ' && out 'Example:'
}
nothing_given() { run 2 && no_out && grep -q '^usage: paniclab COMMAND' "$dir/err"; }
every_command_helps() {
	[ "$(commands | wc -l)" -ge 9 ] || return 1
	for c in $(commands); do
		echo "$c"
		run 0 "$c" --help && no_err && out "usage: paniclab $c " && out 'example:' && out '--state DIR' || return 1
		cp "$dir/out" "$dir/help"
		run 0 "$c" -h && cmp -s "$dir/out" "$dir/help" || return 1
		run 0 help "$c" && cmp -s "$dir/out" "$dir/help" || return 1
		# Whatever else is wrong
		run 0 "$c" too many words by far --help && cmp -s "$dir/out" "$dir/help" || return 1
		misuse "unknown option --bogus: see paniclab $c --help" "$c" --bogus || return 1
	done
}
check 'paniclab --help: the commands, on standard output' overview --help
check 'paniclab -h' overview -h
check 'paniclab help' overview help
check 'paniclab alone: misuse, on standard error' nothing_given
check 'every command: --help, -h, help COMMAND, unknown options' every_command_helps

check 'an unknown command' misuse "no command 'frobnicate': paniclab --help lists them" frobnicate
check '... that is near to one' misuse "no command 'tear-down': did you mean 'teardown'?" tear-down
check '... of help' misuse "no command 'frobnicate'" help frobnicate
check '... that would break the terminal' misuse "no command 'x\\x1b[2J'" "$(printf 'x\033[2J')"
check 'an empty command' misuse "no command ''" ''
check 'an option before the command' misuse 'options follow the command' --json version
check 'an unknown option that is near to one' misuse 'runs: unknown option --stat: did you mean --state?' runs --stat
check 'an unknown letter' misuse 'unknown option -z' version -z
check '... in a bundle' misuse 'unknown option -qz' version -qz
check 'a value for what takes none' misuse '--quiet takes no value' version --quiet=1
check 'no value for what needs one' misuse '--state needs a value: give it as --state DIR' runs --state
check 'an empty state folder is not the current one' misuse '--state is empty' runs --state ''
check 'a colour that is none' misuse "--color cannot be 'red': use auto, always or never" version --color=red
check 'a missing argument: how it is used' misuse 'run: an argument is missing: paniclab run [options] LAB SCENARIO' run lab.yaml
check 'too many' misuse 'run: too many arguments' run a b c
check 'teardown of two things' misuse 'exclude one another' teardown --all 20260101-000000-abcd
check 'teardown of what is not there' misuse "teardown: no run 'x': paniclab runs lists them" teardown x
check 'a lab file that is not there' misuse 'nope.yaml: ' run nope.yaml nope2.yaml
check '... and nothing was written' [ ! -e "$HOME" ]

version_says() {
	run 0 version && no_err && grep -q '^paniclab [0-9][0-9.]*$' "$dir/out" &&
		grep -Eq '^gzip  *(ISA-L|zlib) [0-9]' "$dir/out" &&
		for l in libcurl libssh2 jansson zlib liblz4 libyaml; do grep -q "^$l  *[0-9]" "$dir/out" || return 1; done
}
version_json() {
	run 0 version --json && no_err && [ "$(jq -r '.paniclab, (.libraries | length)' "$dir/out" | tail -n 1)" -eq 7 ]
}
as_an_option() {
	"$PANICLAB" version >"$dir/version" && run 0 --version && cmp "$dir/out" "$dir/version"
}
without_home() { (unset HOME && run 0 version && run 2 runs && grep -q 'HOME is not set: give --state DIR' "$dir/err"); }
check 'version: itself and its libraries' version_says
check 'version --json' version_json
check 'paniclab --version' as_an_option
check 'without a HOME only what keeps state complains' without_home

full() {
	[ -w /dev/full ] || return 0
	"$PANICLAB" "$@" >/dev/full 2>"$dir/err"
	[ $? -eq 3 ] && grep -q 'standard output: cannot be written' "$dir/err"
}
check 'results that nobody can read: exit 3' full version
check '... JSON too' full version --json
head_has_enough() {
	"$PANICLAB" inspect --json "$dir/long" 2>"$dir/err" | head -n 1 >"$dir/out"
	[ ! -s "$dir/err" ] && out '{'
}
{ echo 'panic(cpu 0 caller 0xffffff8000200000): "x"@a.c:1' && yes 'a line that is none' | head -n 20000; } >"$dir/long"
check '| head has enough: no complaint' head_has_enough

no_runs() { run 0 runs && no_out && grep -q "no runs in $HOME/.local/state/paniclab yet" "$dir/err"; }
no_runs_json() { run 0 runs --json && no_err && [ "$(jq -c . "$dir/out")" = '[]' ]; }
nothing_to_restore() { run 0 teardown --all && no_err && [ "$(cat "$dir/out")" = 'nothing is to be restored' ]; }
nothing_to_restore_json() { run 0 teardown --json && [ "$(jq -c . "$dir/out")" = '[]' ]; }
check 'runs: none yet' no_runs
check 'runs --json: none yet' no_runs_json
check 'teardown: nothing' nothing_to_restore
check 'teardown --json: nothing' nothing_to_restore_json
check 'looking makes no folders' [ ! -e "$HOME" ]

# A run that was cut short before it changed anything, and one that ended
state=$dir/state
id=20260101-000000-abcd
mkdir -p "$state/paniclab/runs/20250101-000000-0001" "$state/paniclab/runs/$id" "$state/paniclab/runs/lost+found"
echo '{"n":1,"at":"2026-01-01T00:00:00.000Z","kind":"begin","run":"'$id'","vmx":"/v/\u001b[2J.vmx","guest":"g","scenario":"s\u001b[2J","vm":"V"}' \
	>"$state/paniclab/runs/$id/journal.ndjson"
echo '{"n":2,"at":"2026-01-01T00:00:01.000Z","kind":"end","outcome":"as-expected","exit_code":0}' \
	>>"$state/paniclab/runs/$id/journal.ndjson"
lists() {
	XDG_STATE_HOME=$state run 0 runs && no_err && [ "$(wc -l <"$dir/out")" -eq 2 ] &&
		grep -q "^$id .*as-expected *restored" "$dir/out" && grep -q '^20250101.*cut short *restored' "$dir/out"
}
same_by_option() {
	cp "$dir/out" "$dir/first"
	run 0 runs --state "$state/paniclab" && cmp "$dir/out" "$dir/first" &&
		(cd "$state" && run 0 runs --state=paniclab && cmp "$dir/out" "$dir/first")
}
lists_json() {
	run 0 runs --json --state "$state/paniclab" &&
		[ "$(jq -c '[.[] | [.id, .outcome, .restored]]' "$dir/out")" = \
			'[["20250101-000000-0001",null,true],["'"$id"'","as-expected",true]]' ]
}
check 'runs: one a line, from XDG_STATE_HOME' lists
check 'runs --state, a relative folder too' same_by_option
check 'runs --json' lists_json
no_escapes() { run 0 runs --state "$state/paniclab" && ! grep -q "$(printf '\033')" "$dir/out" && out 's\x1b[2J'; }
check 'names from files do not reach the terminal raw' no_escapes

# Colours: only on a terminal, unless told
cp tests/fixtures/report/full.json "$state/paniclab/runs/$id/report.json"
colored() { grep -q "$(printf '\033\[')" "$dir/out"; }
plain() { run 0 report --state "$state/paniclab" "$@" "$id" && ! colored; }
always() { run 0 report --state "$state/paniclab" --color=always "$id" && colored; }
always_wins() { NO_COLOR=1 run 0 report --state "$state/paniclab" --color=always "$id" && colored; }
# in_terminal ARGUMENT...: what it says there
in_terminal() {
	script -qec "'$PANICLAB' report --state '$state/paniclab' $* $id" /dev/null >"$dir/out" </dev/null
}
on_a_terminal() { in_terminal && colored; }
no_color() { NO_COLOR=1 in_terminal && [ -s "$dir/out" ] && ! colored; }
no_color_empty() { NO_COLOR='' in_terminal && colored; }
never() { in_terminal --color=never && [ -s "$dir/out" ] && ! colored; }
check 'no colours in a file' plain
check '--color=auto the same' plain --color=auto
check '--color=always' always
check '... wins over NO_COLOR' always_wins
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	check 'colours on a terminal' on_a_terminal
	check '... not with NO_COLOR' no_color
	check '... an empty one does not count' no_color_empty
	check '... not with --color=never' never
fi
done_testing
