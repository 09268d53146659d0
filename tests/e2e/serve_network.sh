#!/bin/sh
# The dump server on bad networks: packets that the kernel's own filter drops, then a relay that
# loses, doubles and delays them. Files must be exact, every time.
# shellcheck disable=SC1091,SC2016,SC2119,SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh

relay=
end_relay() {
	[ -z "$relay" ] || kill "$relay" 2>/dev/null
	[ -z "$relay" ] || wait "$relay" 2>/dev/null
	relay=
}
trap 'end_relay; stop; rm -rf "$dir"' EXIT

"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
gzip -1 -c <"$dir/core" >"$dir/core.gz"
# In 20 % of loss each way a packet in three is sent again: fewer of them.
{ echo 'no gzip' && head -c 70000 "$dir/core.gz"; } >"$dir/some"
exact() { done_as "$2" complete && is_file "$1" "$2"; }

# ---- the filter of a network of its own, both ways ----
dropping() { # dropping PERCENT FILE NAME; the filter's count in $dir/dropped
	PERCENT=$1 FILE=$2 NAME=$3 DIR=$dir unshare -rn sh -eu -c '
		ip link set lo up
		nft add table ip t
		nft "add chain ip t in { type filter hook input priority 0; }"
		nft add rule ip t in meta l4proto udp numgen random mod 100 "<" "$PERCENT" counter drop
		. tests/cli/lib.sh
		. tests/cli/lib-serve.sh
		rmdir "$dir"
		dir=$DIR
		trap stop EXIT
		serve
		send --file "$dir/$FILE" --name "$NAME" --time-factor 0.1
		nft list chain ip t in | sed -n "s/.*counter packets \([0-9]*\).*/\1/p" >"$dir/dropped"
	'
}
dropped_some() { [ "$(cat "$dir/dropped")" -gt 0 ]; }
if unshare -rn sh -ec 'ip link set lo up
	nft add table ip t
	nft "add chain ip t in { type filter hook input priority 0; }"
	nft add rule ip t in numgen random mod 100 "<" 1 drop' 2>/dev/null; then
	for percent in 1 5 20; do
		file=core.gz
		[ $percent -lt 20 ] || file=some
		check "a dump over a network that drops $percent %" dropping $percent $file "dropped-$percent"
		check "packets were dropped" dropped_some
		check "the file is exact" exact $file "dropped-$percent"
	done
else
	skip "a dump over a network that drops packets" "no nft or ip, or no network namespace for this user"
fi

# ---- a relay ----
relay_listens() { relayed=$(sed -n 's/^port=//p' "$dir/relay") && [ -n "$relayed" ]; }
through() { # through LOSS TWICE LATE-TO-SERVER LATE-TO-CLIENT NAME
	: >"$dir/relay"
	"$BUILD/badnet" relay 127.0.0.1:0 "127.0.0.1:$port" "$1" "$2" "$3" "$4" 7 >"$dir/relay" &
	relay=$!
	until_true relay_listens || return 1
	real=$port
	port=$relayed
	send --file "$dir/some" --name "$5" --time-factor 0.1
	sent=$?
	port=$real
	end_relay
	return "$sent"
}
serve
check "a network that doubles packets" through 0 50 0 0 doubled
check "the file is exact" exact some doubled
check "a network where packets pass others" through 0 0 20 0 late
check "the file is exact" exact some late
check "a network that loses, doubles and delays" through 5 20 10 0 wrong
check "the file is exact" exact some wrong
# To a kernel any ACK but the last block's is that of the next, so a late one costs it a block:
# nobody can help it, but nobody may call the file whole either.
not_whole() { through 5 20 10 20 hole && return 1; absent hole; }
check "late answers cost the client a block, and the file is not called whole" not_whole
stop
done_testing
