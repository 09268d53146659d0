# For tests of single commands: TAP, a folder of one's own in $dir, and `run`.
# shellcheck shell=sh
# Source it, then: check NAME COMMAND...; skip NAME WHY; done_testing.

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
# Some tests leave the repository's folder.
case $PANICLAB in /*) ;; *) PANICLAB=$PWD/$PANICLAB ;; esac
count=0
failed=0

# check NAME COMMAND...: one test, ok if the command succeeds; if not, its
# words and paniclab's last ones are shown.
check() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >"$dir/check" 2>&1; then
		echo "ok $count - $name"
		return
	fi
	echo "not ok $count - $name"
	failed=1
	for said in check out err; do
		[ ! -s "$dir/$said" ] || tail -n 40 "$dir/$said" | sed 's/^/# /'
	done
}

# skip NAME WHY
skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# run STATUS ARGUMENT...: paniclab must exit with it; $dir/out and $dir/err hold what it said.
run() {
	want=$1
	shift
	"$PANICLAB" "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$got" -eq "$want" ] || {
		echo "exit $got, not $want"
		return 1
	}
}

done_testing() {
	echo "1..$count"
	exit $failed
}
