#!/bin/sh
# Speed of decompressing a core: sh tests/bench/inflate.sh BUILD [--json FILE]
#
# A file of 512 MiB is made of runs of pages: 30 in 100 are zeros, 45 from a core
# of `kernsim core` (whose pages are too much alike alone), 15 text, 10 noise. gzip
# -1 makes a quarter of it. Each way decodes it in turn, five rounds; the figures
# are medians, of one machine at one moment: only those of one run compare.
# Nothing waits for the disk, and the files are in the page cache.
set -eu
usage() {
	echo 'usage: sh tests/bench/inflate.sh BUILD [--json FILE]' >&2
	exit 2
}
[ $# -eq 1 ] || { [ $# -eq 3 ] && [ "$2" = --json ]; } || usage
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

# NAME <tab> median, in the order of the first round.
awk -F '\t' '
	!($1 in n) { name[++names] = $1 }
	{ t[$1, ++n[$1]] = $2 }
	END {
		for (i = 1; i <= names; i++) {
			k = name[i]
			for (a = 2; a <= n[k]; a++)
				for (b = a; b > 1 && t[k, b - 1] > t[k, b]; b--) {
					x = t[k, b]; t[k, b] = t[k, b - 1]; t[k, b - 1] = x
				}
			printf "%s\t%s\n", k, t[k, int((n[k] + 1) / 2)]
		}
	}' "$work/times" >"$work/medians"

packed=$(wc -c <"$work/plain.gz")
echo "== decompressing $mib MiB, gzip -1 made $((packed * 100 / (mib * 1048576)))% of it =="
gzip_time=$(awk -F '\t' '$1 == "gzip -dc" { print $2 }' "$work/medians")
awk -F '\t' -v gzip="$gzip_time" -v mib=$mib '
	{ printf "%-28s %6.2f s  %6.0f MiB/s  %5.2f times gzip\n", $1, $2, mib / $2, gzip / $2 }' "$work/medians"

if [ -n "$json" ]; then
	awk -F '\t' -v gzip="$gzip_time" -v mib=$mib -v packed="$packed" -v rounds=$rounds '
		BEGIN {
			printf "{\"inflate\": {\"plain_bytes\": %.0f, \"gzip_bytes\": %.0f, \"rounds\": %d, \"ways\": [",
				mib * 1048576, packed, rounds
		}
		{
			printf "%s{\"name\": \"%s\", \"median_s\": %s, \"times_gzip\": %.3f}",
				NR > 1 ? ", " : "", $1, $2, gzip / $2
		}
		END { print "]}}" }' "$work/medians" >"$json"
fi
