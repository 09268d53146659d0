#!/bin/sh
# Speed: sh tests/bench/run.sh BUILD [--quick] [--json FILE] [--only PART]
#
# Parts: see the table in main.c; inflate.sh, where there is one, is the part
# "inflate". Everything that is written goes below TMPDIR: have it on the disk
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
# Not quick, hence not in a quick run unless asked for. Its figures join the others.
if [ -f "$here/inflate.sh" ] && [ "${only:-${quick:-inflate}}" = inflate ]; then
	echo '== inflate: unpacking, library by library'
	sh "$here/inflate.sh" "$build" --json "$work/inflate.json" || status=$?
	echo
fi
if [ "$only" != inflate ]; then
	"$build/bench" "$build" "$work" "$@" &
	child=$!
	wait "$child" || status=$?
	child=
elif [ -n "$json" ] && [ "$status" -eq 0 ]; then
	cp "$work/inflate.json" "$json"
fi
exit "$status"
