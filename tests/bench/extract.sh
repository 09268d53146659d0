#!/bin/sh
# Speed from an on-disk core image to the core: sh tests/bench/extract.sh BUILD [--quick] [--json FILE]
#
# An image of 1 GiB holds a core of 512 MiB (made as in inflate.sh), which gzip -1 has
# compressed; behind it are zeroes that are really written, as in a copy of a partition.
# Each way in turn, seven rounds, medians by the clock: of one machine at one moment, only
# those of one run compare. What is read is in the page cache. What is written is in the
# page cache afterwards with all but paniclab: that has checked it, hashed it, and waited
# for it to be on disk. TMPDIR says which disk. --quick: an image of 64 MiB, two rounds.
set -eu
usage() {
	echo 'usage: sh tests/bench/extract.sh BUILD [--quick] [--json FILE]' >&2
	exit 2
}
[ $# -ge 1 ] || usage
build=$1
shift
mib=512 rounds=7 json=
while [ $# -gt 0 ]; do
	case $1 in
	--quick) mib=32 rounds=2 ;;
	--json)
		[ $# -ge 2 ] || usage
		json=$2
		shift
		;;
	*) usage ;;
	esac
	shift
done
bench=$build/bench-inflate
for program in bench-inflate kernsim paniclab; do
	[ -x "$build/$program" ] || {
		echo "bench: no $build/$program: build it with make bench BUILD=$build" >&2
		exit 2
	}
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/paniclab-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
here=$(dirname "$0")
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
# shellcheck source=tests/cli/lib-image.sh
. "$here/../cli/lib-image.sh"

"$build/kernsim" core --out "$dir/core" --size 64M >/dev/null
"$bench" make "$dir/core" $mib "$dir/plain"
rm "$dir/core"
gzip -1 <"$dir/plain" >"$dir/plain.gz"
packed=$(size "$dir/plain.gz")
{ header1 0 0 1 && file1 4096 "$packed" kernel; } >"$dir/header"
dd if=/dev/zero of="$dir/image" bs=1048576 count=$((mib * 2)) 2>/dev/null
put "$dir/image" 0 "$dir/header"
dd if="$dir/plain.gz" of="$dir/image" bs=4096 seek=1 conv=notrunc 2>/dev/null

# One way: its name, then its command; what it made is compared if it is there.
measure() {
	name=$1
	shift
	rm -rf "$dir/out"
	sync
	took=$("$bench" time "$@" 2>"$dir/err") || {
		cat "$dir/err" >&2
		exit 1
	}
	printf '%s\t%s\n' "$name" "$took" >>"$dir/times"
	made=$dir/out
	[ ! -d "$made" ] || made=$made/kernel.core
	cmp -s "$dir/plain" "$made" || {
		echo "bench: $name does not give the core" >&2
		exit 1
	}
}
# The same with a line for the shell, which has the image, its core's gzip data and the output as $1 to $3.
measure_line() {
	line_name=$1
	shift
	measure "$line_name" sh -c "$1" sh "$dir/image" "$dir/plain.gz" "$dir/out"
}
there() { command -v "$1" >/dev/null 2>&1; }

ours='paniclab extract --only kernel'
round=0
while [ $round -lt $rounds ]; do
	round=$((round + 1))
	# shellcheck disable=SC2016 # the inner shell's variables
	{
		measure_line 'by hand: carve, then gzip -d' "tail -c +4097 \"\$1\" | head -c $packed >\"\$3.gz\" && gzip -d \"\$3.gz\""
		measure_line 'gzip -dc' 'gzip -dc "$2" >"$3"'
		! there pigz || measure_line 'pigz -dc' 'pigz -dc "$2" >"$3"'
		! there igzip || measure_line 'igzip -dc' 'igzip -dc "$2" >"$3"'
	}
	measure 'cp of the core' cp "$dir/plain" "$dir/out"
	measure "$ours" "$build/paniclab" extract -q --only kernel "$dir/image" "$dir/out"
	measure 'paniclab extract' "$build/paniclab" extract -q "$dir/image" "$dir/out"
done

medians "$dir/times" >"$dir/medians"

time_of() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$dir/medians"; }
own=$(time_of "$ours")
echo "== from an image of $((mib * 2)) MiB to its core of $mib MiB, in $((packed / 1048576)) MiB of gzip data =="
awk -F '\t' -v own="$own" '
	BEGIN { printf "%-32s %9s %9s %9s  %s\n", "", "elapsed", "processor", "memory", "times paniclab'"'"'s" }
	{ printf "%-32s %7.2f s %7.2f s %5.1f MiB %6.2f\n", $1, $2, $3, $4 / 1024, $2 / own }' "$dir/medians"
if [ -n "$(time_of 'igzip -dc')" ]; then
	awk -v own="$own" -v igzip="$(time_of 'igzip -dc')" -v hand="$(time_of 'by hand: carve, then gzip -d')" 'BEGIN {
		printf "paniclab takes %.2f of igzip'"'"'s time (at most 0.8 is wanted) and is %.1f times as fast as by hand (5)\n",
			own / igzip, hand / own
	}'
fi

if [ -n "$json" ]; then
	awk -F '\t' -v mib=$mib -v packed="$packed" -v rounds=$rounds '
		BEGIN {
			printf "{\"extract\": {\"plain_bytes\": %.0f, \"gzip_bytes\": %.0f, \"rounds\": %d, \"ways\": [",
				mib * 1048576, packed, rounds
		}
		{
			printf "%s{\"name\": \"%s\", \"elapsed_s\": %s, \"processor_s\": %s, \"memory_kib\": %s}",
				(NR > 1 ? ", " : ""), $1, $2, $3, $4
		}
		END { print "]}}" }' "$dir/medians" >"$json"
fi
