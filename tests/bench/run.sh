#!/bin/sh
# Speed: sh tests/bench/run.sh BUILD [--quick] [--json FILE] [--only PART]
#
# Parts: see the table in main.c; inflate.sh and extract.sh are the parts "inflate" and
# "extract". Everything that is written goes below TMPDIR: have it on the disk
# that is to be measured. --quick tries everything in a minute or two; its
# figures are worth little.
#
# The figures of one machine at one moment: only those of one run compare.
set -eu
here=$(dirname "$0")
usage() {
	echo 'usage: sh tests/bench/run.sh BUILD [--quick] [--json FILE] [--only PART]' >&2
	exit 2
}
[ $# -ge 1 ] || usage
case $1 in
-*) usage ;;
/*) build=$1 ;;
*) build=$PWD/$1 ;;
esac
shift
for program in bench paniclab kernsim; do
	[ -x "$build/$program" ] || {
		echo "bench: no $build/$program: build it with make bench BUILD=$build" >&2
		exit 2
	}
done
only=
json=
quick=
last=
for argument in "$@"; do
	[ "$last" != --only ] || only=$argument
	[ "$last" != --json ] || json=$argument
	[ "$argument" != --quick ] || quick=yes
	last=$argument
done

work=$(mktemp -d "${TMPDIR:-/tmp}/paniclab-bench.XXXXXX")
child=
# shellcheck disable=SC2317 # the trap calls it
tidy() {
	[ -z "$child" ] || kill "$child" 2>/dev/null || true
	rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT TERM

status=0
# The parts that are scripts: not in a quick run unless asked for. Their figures join the others.
script=
for part in inflate extract; do
	[ "$only" != $part ] || script=$part
	[ "${only:-${quick:-$part}}" = $part ] || continue
	echo "== $part.sh"
	flag=
	[ -z "$quick" ] || [ $part = inflate ] || flag=--quick
	# shellcheck disable=SC2086 # a flag or none
	sh "$here/$part.sh" "$build" $flag --json "$work/$part.json" || status=$?
	echo
done
if [ -z "$script" ]; then
	"$build/bench" "$build" "$work" "$@" &
	child=$!
	wait "$child" || status=$?
	child=
elif [ -n "$json" ] && [ "$status" -eq 0 ]; then
	cp "$work/$script.json" "$json"
fi
exit "$status"
