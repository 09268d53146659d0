#!/bin/sh
# Runs each fuzz target from its seeds for some seconds: sh tests/fuzz/run.sh
# BUILD SECONDS. What it finds stays in BUILD/fuzz/found/; exit 1 if anything.
set -u
build=$1
seconds=$2
status=0

mkdir -p "$build/fuzz/found"
for target in "$build"/fuzz/fuzz_*; do
	name=${target##*/fuzz_}
	work=$build/fuzz/work/$name
	mkdir -p "$work"
	echo "fuzz: $name for ${seconds}s"
	if ! "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$build/fuzz/found/$name-" "$work" "tests/fuzz/corpus/$name" \
		>"$build/fuzz/$name.log" 2>&1; then
		tail -n 30 "$build/fuzz/$name.log"
		echo "fuzz: $name FAILED; its input is in $build/fuzz/found/"
		status=1
		continue
	fi
	grep 'stat::number_of_executed_units' "$build/fuzz/$name.log"
done
exit $status
