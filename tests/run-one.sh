#!/bin/sh
# Runs one test for tests/run.sh and counts its TAP lines into LOGS/NAME.count.
set -u
test=$1
name=$(printf %s "${test#"$BUILD"/}" | tr '/' '-')
log=$LOGS/$name.log
limit=${TEST_LIMIT:-600}

case $test in
*.sh) set -- sh "$test" ;;
*/replay_*) set -- "$test" "tests/fuzz/corpus/${test##*/replay_}" ;;
*) set -- "$test" ;;
esac
timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
status=$?

# cmocka calls a test that skips itself "not ok N # SKIP".
passed=$(grep -c -e '^[[:space:]]*ok ' -e '^[[:space:]]*not ok [0-9]* # SKIP' "$log")
failed=$(grep '^[[:space:]]*not ok ' "$log" | grep -vc '^[[:space:]]*not ok [0-9]* # SKIP')
why=
if [ "$status" -eq 124 ]; then
	why=" (still running after ${limit}s)"
	failed=$((failed + 1))
elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
	why=" (exit $status)"
	failed=$((failed + 1))
elif [ "$passed" -eq 0 ] && [ "$failed" -eq 0 ]; then
	why=" (it tested nothing)"
	failed=1
fi
echo "$passed $failed" >"$LOGS/$name.count"
if [ "$failed" -eq 0 ]; then
	echo "ok      $name ($passed)"
else
	echo "FAILED  $name: $failed of $((passed + failed))$why"
	sed 's/^/        /' "$log" | grep -v '^        ok ' | tail -n 40
fi
exit 0
