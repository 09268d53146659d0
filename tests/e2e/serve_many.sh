#!/bin/sh
# The dump server among many: 64 guests that dump at once, and noise from everywhere during a dump.
# shellcheck disable=SC1091,SC2119,SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh

noise=
end_noise() {
	for p in $noise; do kill "$p"; done 2>/dev/null
	for p in $noise; do wait "$p"; done 2>/dev/null
	noise=
}
trap 'end_noise; stop; rm -rf "$dir"' EXIT
"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
exact() { done_as "$2" complete && is_file "$1" "$2"; }

# ---- 64 guests, no two with the same file ----
all_at_once() {
	senders=
	for i in $(seq 64); do
		{ echo "guest $i" && head -c $((60000 + i * 1000)) "$dir/core"; } >"$dir/of-$i"
		"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.$i" --timeout 60s \
			--file "$dir/of-$i" --name "many-$i" >/dev/null 2>&1 &
		senders="$senders $!"
	done
	for s in $senders; do wait "$s" || return 1; done
}
each_exact() {
	for i in $(seq 64); do
		exact "of-$i" "many-$i" || {
			echo "guest $i"
			return 1
		}
	done
}
serve --max-rate 0
check "64 guests dump at once" all_at_once
check "each file is exact" each_exact

# ---- noise ----
# Other ports of the guest's own address, and other hosts: random bytes, cut packets, requests for
# the same name, bad names, block numbers of the transfer.
among_noise() {
	"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.2" --timeout 60s --delay 200us \
		--file "$dir/core" --name noisy >"$dir/sent" 2>&1 &
	sender=$!
	until_has '"event":"started","name":"noisy"' || return 1
	for from in 2 3 4; do
		"$BUILD/badnet" noise "127.0.0.1:$port" "$net.$from" noisy 0 "$from" >/dev/null &
		noise="$noise $!"
	done
	begun=$(date +%s)
	wait "$sender"
	sent=$?
	end_noise
	seconds=$(($(date +%s) - begun + 1))
	return "$sent"
}
check "a dump among noise ends well" among_noise
check "the file is exact" exact core noisy
check "what was refused was told" has '"event":"refused"'
no_flood() {
	told=$(grep -c '"event":"refused"' "$dir/out")
	echo "$told refusals in $seconds s"
	[ "$told" -le $((16 * (seconds + 1))) ]
}
check "and a flood of refusals is not" no_flood
nothing_made() { [ "$(find "$dir/dumps" -newer "$dir/sent" -o -name 'no-*' -o -name '*incomplete*' | grep -vc -e 'noisy$' -e 'dumps$')" = 0 ]; }
check "noise makes no files" nothing_made
check "the server is still there" send --file "$dir/of-1" --name after
check "and takes the next dump" exact of-1 after
stop
done_testing
