#!/bin/sh
# A disk that is really full: the guest is told, what came is kept, and the server goes on.
# shellcheck disable=SC1091,SC2016,SC2119,SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh

# All of it once more in a namespace of its own, where anybody may mount.
if [ -z "${IN_NAMESPACE:-}" ]; then
	if ! unshare -rm sh -c 'mount -t tmpfs -o size=1m none "$0"' "$dir" 2>/dev/null; then
		skip "a full disk" "no mount namespace for this user"
		done_testing
	fi
	rm -rf "$dir"
	IN_NAMESPACE=1 exec unshare -rm sh "$0"
fi

"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
{ echo small && head -c 300000 "$dir/core"; } >"$dir/small"
{ echo large && cat "$dir/core"; } >"$dir/large"
mkdir "$dir/dumps"
mount -t tmpfs -o size=2m none "$dir/dumps" || exit 1
trap 'stop; umount -l "$dir/dumps"; rm -rf "$dir"' EXIT

exact() { done_as "$2" complete && is_file "$1" "$2"; }
# All that is there is what was sent, and it is so much at least.
is_part() { # is_part SENT NAME BYTES
	size=$(wc -c <"$dir/dumps/$2") && [ "$size" -ge "$3" ] && head -c "$size" "$dir/$1" | cmp - "$dir/dumps/$2"
}
sends_not() { ! send "$@"; }
told() { grep -q "complete=no.* errors=[1-9].* code=$1 " "$dir/sent"; }
no_core() { [ "$(ls "$dir/dumps")" = core.gz ]; }
no_partial() { [ -z "$(find "$dir/dumps" -name '*.partial' -o -name '*.tmp.*')" ]; }
note() { # note NAME KEY VALUE
	grep -q "\"$2\": \"$3\"" "$dir/dumps/$1.json"
}

serve --min-free 0
check "a dump that fits" send --file "$dir/small" --name first
check "is exact" exact small first
check "one that does not fit fails" sends_not --file "$dir/large" --name big --time-factor 0.1
check "the guest is told: code 3" told 3
check "done says incomplete" done_as big incomplete
check "and why" has 'No space left on device'
check "what came is kept" is_part large big.incomplete 1500000
check "nothing else is left of it" no_partial
check "the first is as it was" is_file small first
check "the server does not take what there is no room for" sends_not --file "$dir/small" --name second --time-factor 0.1
check "the guest is told: code 3" told 3
rm "$dir/dumps/big.incomplete"
check "there is room again: a dump to the same server" send --file "$dir/small" --name third
check "is exact" exact small third

# Two at once, one of which fills the disk while the other waits with what it has.
rm "$dir/dumps/"*
together() {
	"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.3" --timeout 60s --time-factor 0.1 \
		--file "$dir/large" --name filler >/dev/null 2>&1 &
	filler=$!
	until_has '"event":"started","name":"filler"'
	send --file "$dir/small" --name beside
	wait "$filler"
	[ -e "$dir/dumps/filler.incomplete" ]
}
check "a guest that fills the disk beside another" together
# Whoever wins, no file is called whole that is not.
honest() {
	if [ -e "$dir/dumps/beside" ]; then exact small beside; else is_part small beside.incomplete 0; fi
}
check "the other's file is exact or called incomplete" honest
stop

# A note needs a block of its own: here half of the disk is left when the guest dies.
rm -f "$dir/dumps/"*
serve --min-free 0 --idle-timeout 1s
send --file "$dir/large" --name died --stop-at 1M --time-factor 0.1
check "with room for it there is a note" until_true note died.incomplete why timed-out

# A core that is decompressed can be made again: it gives way to what cannot.
stop
umount "$dir/dumps"
mount -t tmpfs -o size=90m none "$dir/dumps" || exit 1
"$BUILD/kernsim" core --size 60M --out "$dir/core" >/dev/null
gzip -1 -c <"$dir/core" >"$dir/core.gz"
serve --min-free 0 --decompress
check "--decompress without room for the core: the dump ends well" send --file "$dir/core.gz" --name core.gz
check "is exact" exact core.gz core.gz
check "there is no core" no_core
check "and it is said why" grep -q 'not decompressed: the disk is nearly full' "$dir/err"
stop
done_testing
