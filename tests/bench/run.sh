#!/bin/sh
# Speed, as ratios within one run: sh tests/bench/run.sh BUILD
# Figures of one machine at one moment; only the ratios carry over.
set -eu
case $1 in
/*) build=$1 ;;
*) build=$PWD/$1 ;;
esac
work=$(mktemp -d "${TMPDIR:-/tmp}/paniclab-bench.XXXXXX")
server=
tidy() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT TERM

# Seconds that a command takes, as a decimal.
seconds() {
	start=$(date +%s.%N)
	"$@" >"$work/out" 2>&1 || {
		cat "$work/out" >&2
		exit 1
	}
	date +%s.%N | awk -v s="$start" '{ printf "%.3f\n", $1 - s }'
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

echo '== receiving a core of 256 MiB: a client by the kernel rules, both on one machine =='
"$build/paniclab" serve --bind 127.0.0.1 --port 0 --dir "$work/dumps" --json >"$work/events" 2>/dev/null &
server=$!
i=0
until grep -q listening "$work/events" 2>/dev/null; do
	i=$((i + 1))
	[ "$i" -lt 200 ] || {
		echo 'bench: the server does not start' >&2
		exit 1
	}
	sleep 0.05
done
port=$(sed -n 's/.*"port":[[:space:]]*\([0-9]*\).*/\1/p' "$work/events" | head -n 1)
head -c 268435456 /dev/zero >"$work/zeroes"
copy=$(seconds cp "$work/zeroes" "$work/copy")
took=$(seconds "$build/kernsim" send --server "127.0.0.1:$port" --from 127.0.0.2 --file "$work/zeroes" --name bench-core)
echo "serve: ${took} s; a plain copy of the file: ${copy} s; ratio $(ratio "$took" "$copy")"

echo '== unpacking a core of 512 MiB =='
"$build/kernsim" core --out "$work/core" --size 512M >/dev/null
gzip -1 <"$work/core" >"$work/core.gz"
mine=$(seconds "$build/paniclab" inspect --json "$work/core.gz")
theirs=$(seconds gzip -t "$work/core.gz")
echo "inspect of the .gz (decompresses, verifies, reads it): ${mine} s; gzip -t: ${theirs} s; ratio $(ratio "$mine" "$theirs")"
