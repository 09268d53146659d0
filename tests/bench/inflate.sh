#!/bin/sh
# Speed of decompressing a core: sh tests/bench/inflate.sh BUILD [--json FILE]
#
# A file of 512 MiB is made of runs of pages: 30 in 100 are zeros, 45 from a core
# of `kernsim core` (whose pages are too much alike alone), 15 text, 10 noise. gzip
# -1 makes a quarter of it. Each way decodes it in turn, five rounds; the figures
# are medians, of one machine at one moment: only those of one run compare. Each
# uses one thread, nothing waits for the disk, and the files are in the page cache,
# so the time of the processor is what compares on a machine that does other work.
set -eu
usage() {
	echo 'usage: sh tests/bench/inflate.sh BUILD [--json FILE]' >&2
	exit 2
}
[ $# -eq 1 ] || { [ $# -eq 3 ] && [ "$2" = --json ]; } || usage
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
build=$1
json=${3:-}
bench=$build/bench-inflate
for program in bench-inflate kernsim; do
	[ -x "$build/$program" ] || {
		echo "bench: no $build/$program: build it with make bench BUILD=$build" >&2
		exit 2
	}
done
work=$(mktemp -d "${TMPDIR:-/tmp}/paniclab-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

mib=512
rounds=5
"$build/kernsim" core --out "$work/core" --size 64M >/dev/null
"$bench" make "$work/core" $mib "$work/plain"
gzip -1 <"$work/plain" >"$work/plain.gz"

# One way: its name, then its command.
measure() {
	name=$1
	shift
	rm -f "$work/out"
	took=$("$bench" time "$@" 2>"$work/err") || {
		cat "$work/err" >&2
		exit 1
	}
	printf '%s\t%s\n' "$name" "$took" >>"$work/times"
}

there() { command -v "$1" >/dev/null 2>&1; }

round=0
while [ $round -lt $rounds ]; do
	round=$((round + 1))
	measure 'gzip -dc' gzip -dc "$work/plain.gz"
	"$bench" libraries >"$work/libraries"
	while read -r library; do
		measure "$library" "$bench" decode "$library" "$work/plain.gz"
		measure "$library, sparse file" "$bench" decode "$library" "$work/plain.gz" "$work/out"
		cmp -s "$work/plain" "$work/out" || {
			echo "bench: $library does not give the bytes that were compressed" >&2
			exit 1
		}
	done <"$work/libraries"
	! there igzip || measure 'igzip -dc' igzip -dc "$work/plain.gz"
	! there libdeflate-gunzip || measure 'libdeflate-gunzip -c' libdeflate-gunzip -c "$work/plain.gz"
	measure 'cp of the plain file' cp "$work/plain" "$work/out"
done

medians "$work/times" >"$work/medians"

packed=$(wc -c <"$work/plain.gz")
echo "== decompressing $mib MiB, gzip -1 made $((packed * 100 / (mib * 1048576)))% of it =="
gzip_time=$(awk -F '\t' '$1 == "gzip -dc" { print $3 }' "$work/medians")
awk -F '\t' -v gzip="$gzip_time" -v mib=$mib '
	BEGIN { printf "%-28s %9s %9s %9s %s\n", "", "elapsed", "processor", "MiB/s", "  times gzip, by the processor" }
	{ printf "%-28s %7.2f s %7.2f s %9.0f %7.2f\n", $1, $2, $3, mib / $3, gzip / $3 }' "$work/medians"

if [ -n "$json" ]; then
	awk -F '\t' -v gzip="$gzip_time" -v mib=$mib -v packed="$packed" -v rounds=$rounds '
		BEGIN {
			printf "{\"inflate\": {\"plain_bytes\": %.0f, \"gzip_bytes\": %.0f, \"rounds\": %d, \"ways\": [",
				mib * 1048576, packed, rounds
		}
		{
			printf "%s{\"name\": \"%s\", \"elapsed_s\": %s, \"processor_s\": %s, \"times_gzip\": %.3f}",
				(NR > 1 ? ", " : ""), $1, $2, $3, gzip / $3
		}
		END { print "]}}" }' "$work/medians" >"$json"
fi
