#!/bin/sh
# kill -9 of the server in the middle of a dump, and a new one on its port: what it did not see
# the beginning of it does not acknowledge, what is left is kept and named so, and the next dump
# under the same name is taken.
# shellcheck disable=SC1091,SC2034,SC2119,SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh

"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
{ echo sent && cat "$dir/core"; } >"$dir/sent-file"
exact() { done_as "$2" complete && is_file "$1" "$2"; }
is_part() { # is_part SENT NAME: nothing else than was sent
	size=$(wc -c <"$dir/dumps/$2") && head -c "$size" "$dir/$1" | cmp - "$dir/dumps/$2"
}
note() { grep -q "\"$2\": \"$3\"" "$dir/dumps/$1.json"; } # note NAME KEY VALUE
grown() { [ "$(wc -c <"$dir/dumps/$1")" -ge "$2" ]; } 2>/dev/null
ends_not() { ! wait "$sender"; }
none_done() { ! has '"event":"done"' && ! has '"event":"started"'; }
kill_server() {
	kill -9 "$server"
	wait "$server" 2>/dev/null
	server=
}

# killed NAME BYTES INCOMPLETE: once so much of it is in the file
killed() {
	"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.2" --timeout 60s --time-factor 0.01 \
		--file "$dir/sent-file" --name "$1" --delay 500us >"$dir/sent" 2>&1 &
	sender=$!
	until_true grown "$1.partial" "$2"
	kill_server
	want_port=$port
	serve
	check "killed after $2 bytes: the dump fails" ends_not
	check "the next server takes nothing of it" none_done
	check "what came is set aside" is_part sent-file "$3"
	check "no less than was on disk" grown "$3" "$2"
	check "and nothing is under way" absent "$1.partial"
	check "nor whole" absent "$1"
	check "the note says so" note "$3" why killed
}

serve
# Not at a place of the test's choice: bytes from a fixed, arbitrary sequence.
seed=7
for round in 1 2 3; do
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	file=core.incomplete
	[ $round -eq 1 ] || file=core.incomplete-$round
	killed core $((seed % 3000000)) $file
done
check "the guest panics again: its dump under the same name" send --file "$dir/sent-file" --name core
check "is exact" exact sent-file core

# A second server in the same folder leaves the first one's dump alone.
"$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.2" --timeout 60s \
	--file "$dir/sent-file" --name beside --delay 200us >"$dir/sent" 2>&1 &
sender=$!
until_has '"event":"started","name":"beside"'
kill -STOP "$sender" # so that it is not over too soon
second() {
	"$PANICLAB" serve --bind 127.0.0.1 --port 0 --dir "$dir/dumps" --json >"$dir/second" 2>&1 &
	other=$!
	until_true grep -q listening "$dir/second"
	kill "$other"
	wait "$other"
}
check "a second server comes and goes" second
kill -CONT "$sender"
check "the first one's dump ends well" wait "$sender"
check "and is exact" exact sent-file beside
stop
done_testing
