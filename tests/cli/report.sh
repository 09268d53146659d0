#!/bin/sh
# paniclab report: finds a run, writes its pages again, prints it.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh

state=$dir/state
run=$state/runs/20261121-101500-ab12
mkdir -p "$run" "$state/runs/20261121-101500-cd34" "$state/runs/20261122-000000-ef56" "$dir/elsewhere/20261121-101500-ab12"
cp tests/fixtures/report/full.json "$run/report.json"
cp tests/fixtures/report/full.json "$dir/elsewhere/20261121-101500-ab12/report.json"

# report EXPECTED-EXIT-CODE ARGUMENT...
report() {
	expected=$1
	shift
	"$PANICLAB" report --state "$state" "$@" >"$dir/out" 2>"$dir/err"
	[ $? -eq "$expected" ]
}
says() { grep -qF -e "$1" "$dir/out"; }
complains() { grep -qF -e "$1" "$dir/err"; }
silent() { [ ! -s "$dir/$1" ]; }

check 'takes a whole id' report 0 20261121-101500-ab12
check 'prints the summary' says 'As expected: panicker-double-free on sierra'
check 'says where the report is now' says "$run/report.html"
check 'wrote the page' grep -q '</html>' "$run/report.html"
check 'wrote the Markdown' grep -q '^# As expected' "$run/report.md"
check 'leaves the document as it was' cmp -s tests/fixtures/report/full.json "$run/report.json"
private() { [ "$(find "$run" -name 'report.[hm]*' -perm 600 | wc -l)" -eq 2 ]; }
check 'pages are private' private
rm -f "$run/report.html" "$run/report.md"

check 'takes the beginning of an id' report 0 20261121-101500-a
check 'a shared beginning is a usage error' report 2 20261121-101500
check 'an unknown run is a usage error' report 2 19990101
check 'takes a path' report 0 "$run/"
check 'refuses a path outside' report 2 "$dir/elsewhere/20261121-101500-ab12"
check 'and names the place' complains "not a run below $state/runs"
check 'refuses a path that climbs out' report 2 "$state/runs/../../elsewhere/20261121-101500-ab12"
check 'no argument is a usage error' report 2

check '--json prints the document' report 0 --json 20261121-101500-ab12
check 'as one JSON object' grep -q '"kernel_uuid": "D0A77E52' "$dir/out"
check 'and nothing else' silent err

rm -f "$run/report.html" "$run/report.md"
check '--dry-run is fine' report 0 --dry-run 20261121-101500-ab12
unwritten() { [ ! -e "$run/report.html" ] && [ ! -e "$run/report.md" ]; }
check 'and writes nothing' unwritten

check '--color=always colours' report 0 --color=always 20261121-101500-ab12
check 'with ANSI codes' says "$(printf '\033[1;32m')"

check 'a run without a report is exit 1' report 1 20261122
check 'says what to do' complains 'paniclab teardown'
echo '[]' >"$state/runs/20261122-000000-ef56/report.json"
check 'a report that is no object is exit 1' report 1 20261122
echo '{' >"$state/runs/20261122-000000-ef56/report.json"
check 'broken JSON is exit 1' report 1 20261122
check 'with the place' complains 'report.json'
cp tests/fixtures/report/hostile.json "$state/runs/20261122-000000-ef56/report.json"
check 'a hostile report is a report' report 0 20261122
clean() { ! LC_ALL=C tr -d '\n' <"$dir/out" | LC_ALL=C grep -q '[[:cntrl:]]'; }
check 'and sends no control bytes' clean

# Independent judges of the page, where they are installed.
for page in "$run" "$state/runs/20261122-000000-ef56"; do
	if command -v tidy >/dev/null; then
		report 0 "$page"
		parses() { tidy -q -e "$page/report.html" 2>"$dir/err"; [ $? -lt 2 ]; }
		check 'tidy finds no errors' parses
	else
		skip 'tidy finds no errors' 'tidy is not installed'
	fi
done

done_testing
