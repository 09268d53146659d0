#!/bin/sh
# Runs every test, each as a process of its own, some at a time:
# sh tests/run.sh BUILD [PATTERN]. The last line is "N passed, N failed".
# A test prints TAP; its whole output is kept in BUILD/test-logs.
set -u

BUILD=$1
pattern=${2:-}
case $BUILD in
/*) ;;
*) BUILD=$PWD/$BUILD ;;
esac
PANICLAB=$BUILD/paniclab
export BUILD PANICLAB
export CMOCKA_MESSAGE_OUTPUT=TAP
# Errors of the sanitizers fail the test that has them.
export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1}"
export LSAN_OPTIONS="${LSAN_OPTIONS:-suppressions=$PWD/tests/lsan.supp:print_suppressions=0}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

LOGS=$BUILD/test-logs
export LOGS
rm -rf "$LOGS"
mkdir -p "$LOGS"

list() {
	find "$BUILD/unit" -type f -name 'test_*' -perm -u+x 2>/dev/null
	find tests/cli tests/e2e -name '*.sh' ! -name 'lib*.sh' 2>/dev/null
	for f in tests/fuzz/fuzz_*.c; do
		[ -e "$f" ] || continue
		f=${f#tests/fuzz/fuzz_}
		echo "$BUILD/fuzz/replay_${f%.c}"
	done
}

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# Most of a test's time is waiting for a guest, not computing.
jobs=$((jobs * 2))

list | grep -e "$pattern" | sort | xargs -n 1 -P "$jobs" sh tests/run-one.sh

passed=0
failed=0
for f in "$LOGS"/*.count; do
	[ -e "$f" ] || continue
	read -r p n <"$f"
	passed=$((passed + p))
	failed=$((failed + n))
done
if [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
	failed=1
	echo "no test ran"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
