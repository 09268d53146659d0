#!/bin/sh
# A disk or a folder that fails in the middle of a dump: the guest is told, what came is kept, no
# file is called whole, and the server goes on.
# shellcheck disable=SC1091,SC2034,SC2119,SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh

"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
{ echo small && head -c 100000 "$dir/core"; } >"$dir/small"
{ echo large && head -c 1000000 "$dir/core"; } >"$dir/large"
exact() { done_as "$2" complete && is_file "$1" "$2"; }
sends_not() { ! send "$@" --time-factor 0.1; }
told() { grep -q "complete=no.* errors=[1-9].* code=$1 " "$dir/sent"; }
is_part() { # is_part SENT NAME BYTES: so much of it at least
	size=$(wc -c <"$dir/dumps/$2") && [ "$size" -ge "$3" ] && head -c "$size" "$dir/$1" | cmp - "$dir/dumps/$2"
}
note() { grep -q "\"$2\": \"$3\"" "$dir/dumps/$1.json"; } # note NAME KEY VALUE
afresh() {
	stop
	rm -rf "$dir/dumps"
	serve
}

# ---- errors of the disk ----
errors() {
	# From errno.h, of this system.
	printf '#include <errno.h>\nEIO EDQUOT\n' | ${CC:-cc} -E -P - | tail -n 1
}
disk() { # disk NUMBER COMMAND...
	FAIL_ERRNO=$1 LD_PRELOAD=$dir/fail_io.so
	shift
	export FAIL_ERRNO LD_PRELOAD
	exec "$@"
}
disk_tests() { # disk_tests NAME NUMBER WORDS
	under="disk $2"
	FAIL_AFTER=400000
	export FAIL_AFTER
	afresh
	check "$1: a dump before it" send --file "$dir/small" --name before
	check "is exact" exact small before
	check "$1 in the middle of one" sends_not --file "$dir/large" --name broken
	check "the guest is told: code 3" told 3
	check "done says incomplete" done_as broken incomplete
	check "and why" has "$3"
	check "what came is kept" is_part large broken.incomplete 200000
	check "with a note" [ -s "$dir/dumps/broken.incomplete.json" ]
	unset FAIL_AFTER
	FAIL_SYNC=1
	export FAIL_SYNC
	afresh
	check "$1 when the file is to be on disk" sends_not --file "$dir/large" --name unsynced
	check "it is not called whole" absent unsynced
	check "done says incomplete" done_as unsynced incomplete
	check "all that came is kept" is_part large unsynced.incomplete 1000000
	check "the server is still there" kill -0 "$server"
	unset FAIL_SYNC
	under=
}
# The worst moment for a kill -9: all has come, and is not on disk yet.
killed_tests() {
	under="disk 0"
	FAIL_SYNC=2
	export FAIL_SYNC
	afresh
	unset FAIL_SYNC
	under=
	check "killed while it writes to disk: the guest is not told that all is well" sends_not \
		--file "$dir/large" --name unsynced
	check "the server is gone" gone
	serve
	check "what came is set aside by the next server" is_part large unsynced.incomplete 1000000
	check "with a note" note unsynced.incomplete why killed
	check "and not called whole" absent unsynced
	check "the guest dumps again" send --file "$dir/large" --name unsynced
	check "which is exact" exact large unsynced
}
if [ "$(uname -s)" != Linux ]; then
	skip "errors of the disk" "LD_PRELOAD is for Linux"
elif grep -q __asan_init "$PANICLAB"; then
	skip "errors of the disk" "the sanitizer's runtime has to be the first library"
elif ! ${CC:-cc} -shared -fPIC -O1 -o "$dir/fail_io.so" tests/e2e/fail_io.c -ldl 2>"$dir/err"; then
	skip "errors of the disk" "no C compiler"
else
	read -r eio edquot <<-END
		$(errors)
	END
	disk_tests EIO "$eio" 'Input/output error'
	disk_tests EDQUOT "$edquot" 'Disk quota exceeded'
	killed_tests
fi

# ---- the folder ----
begin_long() {
	"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.2" --timeout 60s --time-factor 0.1 --delay 1ms \
		--file "$dir/large" --name "$1" >"$dir/sent" 2>&1 &
	sender=$!
	until_has "\"event\":\"started\",\"name\":\"$1\""
	kill -STOP "$sender" # so that it is not over too soon
}
ends_not() { ! wait "$sender"; }

afresh
begin_long lost
rm -rf "$dir/dumps"
kill -CONT "$sender"
check "the folder is removed in the middle: the dump fails" ends_not
check "the guest is told" told '[0-9]'
check "done says incomplete" done_as lost incomplete
check "the server is still there" kill -0 "$server"

# Also for root: without its capabilities the modes of files count.
weak() { exec setpriv --bounding-set=-all --inh-caps=-all "$@"; }
if [ "$(id -u)" = 0 ] && ! (weak true) 2>/dev/null; then
	skip "a folder that becomes read-only" "root may write to it nevertheless"
else
	[ "$(id -u)" != 0 ] || under=weak
	afresh
	under=
	begin_long denied
	chmod 500 "$dir/dumps"
	kill -CONT "$sender"
	check "the folder becomes read-only in the middle: the dump fails" ends_not
	check "the guest is told" told '[0-9]'
	check "it is not called whole" absent denied
	check "done says incomplete" done_as denied incomplete
	check "a new dump is refused" sends_not --file "$dir/small" --name denied-too
	check "the guest is told: code 2" told 2
	chmod 700 "$dir/dumps"
	check "what came is kept" is_part large denied.partial 900000
	check "when it is writable again, the next dump" send --file "$dir/small" --name again
	check "is exact" exact small again
fi
stop
done_testing
