#!/bin/sh
# paniclab serve: what its options do to a running server, and what --dry-run says of them.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
server=
stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ -z "$server" ] || wait "$server" 2>/dev/null
	server=
}
trap 'stop; rm -rf "$dir"' EXIT
says() { grep -qF -- "$1" "$dir/out"; }
dry() { run 0 serve --dry-run --port 0 --dir "$dir/none" "$@"; }
dry_says() { # dry_says TEXT OPTION...
	text=$1
	shift
	dry "$@" && says "$text"
}
until_says() {
	tries=0
	until says "$1"; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || return 1
		sleep 0.01
	done
}
serve() {
	stop
	: >"$dir/out"
	"$PANICLAB" serve --port 0 --dir "$dir/dumps" --json "$@" >"$dir/out" 2>"$dir/err" &
	server=$!
	until_says '"event":"listening"' || return 1
	port=$(sed -n 's/.*"event":"listening".*"port":\([0-9]*\).*/\1/p' "$dir/out")
}
send() { "$BUILD/kernsim" send --server "127.0.0.1:$port" --timeout 10s --generate 1K "$@" >"$dir/sent" 2>&1; }
misuse() { # misuse TEXT OPTION...: exit 2, and the line says it
	text=$1
	shift
	run 2 serve --dir "$dir/none" "$@" && grep -qF -- "$text" "$dir/err"
}

# The loopback's name differs: lo, lo0. Another address of this host, if there is one.
case $(uname) in
Darwin) lo=lo0 other=$(ifconfig | sed -n 's/^[[:space:]]*inet \([0-9.]*\).*/\1/p' | grep -v '^127\.' | head -n 1) ;;
*) lo=lo other=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep '^[0-9.]\{7,\}$' | head -n 1) ;;
esac

check "--dry-run says where it would listen" dry_says "on 127.0.0.1, UDP port 0 (a free one)" --bind 127.0.0.1
default_port() {
	# Somebody else may have it just now: that names it as well.
	"$PANICLAB" serve --dry-run --bind 127.0.0.1 --dir "$dir/none" >"$dir/out" 2>&1
	grep -q '127.0.0.1, UDP port 1069$\|127.0.0.1:1069: cannot listen' "$dir/out"
}
check "by default on 1069" default_port
check "an interface is its address" dry_says "on 127.0.0.1, UDP port 0" --bind "$lo"
check "the loopback's network may send" dry_says "would take them from 127.0.0.0/8" --bind "$lo"
check "--allow takes its place" dry_says "would take them from 10.1.0.0/16, 192.0.2.7/32" --bind "$lo" --allow 10.1.2.3/16 \
	--allow 192.0.2.7
check "everybody" dry_says "would take them from 0.0.0.0/0" --allow 0.0.0.0/0
check "the rate" dry_says "7 new ones a second" --max-rate 7
check "the gaps" dry_says "gaps in them of 5.0 MiB" --max-seek 5M
check "all files" dry_says "2.0 GiB in all" --max-total 2G
check "the free space" dry_says "leave 1.0 MiB of the disk free" --min-free 1M
check "spinning" dry_says "would spin 200us" --busy-poll 200us
check "decompressing" dry_says "would decompress" --decompress
as_json() {
	dry --json --bind 127.0.0.1 --max-size 3K --idle-timeout 5s --allow 10.1.2.3/16 --once &&
		[ "$(wc -l <"$dir/out")" -eq 1 ] && for part in '"dry_run":true' '"address":"127.0.0.1"' '"port":0' \
		'"allow":["10.1.0.0/16"]' '"max_size":3072' '"idle_timeout":5.0' "\"dir\":\"$dir/none\"" \
		'"dir_exists":false' '"user":null' '"once":true'; do
		says "$part" || return 1
	done
}
check "--json: the same in one object" as_json
check "--dry-run makes nothing" [ ! -e "$dir/none" ]

# ---- --dry-run fails where the start would, with the same words ----
: >"$dir/file"
mkdir "$dir/read-only"
chmod 500 "$dir/read-only"
# both_fail TEXT OPTION...
both_fail() {
	text=$1
	shift
	run 3 serve --dry-run --bind 127.0.0.1 "$@" && [ ! -s "$dir/out" ] && cp "$dir/err" "$dir/err-dry" &&
		grep -qF -- "$text" "$dir/err" && run 3 serve --bind 127.0.0.1 "$@" && cmp -s "$dir/err" "$dir/err-dry"
}
check "a file for a folder" both_fail "not a folder" --port 0 --dir "$dir/file"
check "a folder below a file" both_fail "cannot make the folder" --port 0 --dir "$dir/file/sub/dumps"
if [ "$(id -u)" = 0 ]; then
	skip "a folder that cannot be written to" "root can"
	skip "nor made" "root can"
else
	check "a folder that cannot be written to" both_fail "cannot write to the folder" --port 0 --dir "$dir/read-only"
	check "nor made" both_fail "cannot make the folder" --port 0 --dir "$dir/read-only/sub/dumps"
fi
serve --bind 127.0.0.1
check "a port that is taken" both_fail "another dump server has the port" --port "$port" --dir "$dir/none"
stop
check "none of it makes a folder" [ ! -e "$dir/none" ]

check "no such interface: which there are" misuse "$lo (127.0.0.1)" --bind nosuch0
check "a time too long to spin" misuse "100ms at the most" --busy-poll 1s
check "a rate that is no number" misuse "dumps a second" --max-rate many
check "a gap that is no size" misuse "a size like 16G" --max-seek -1
check "the nearest option" misuse "did you mean --max-rate" --max-rates 3

# ---- room ----
# warns_of TEXT OPTION...: at the start and in a dry run; without TEXT, of nothing
warns_of() {
	text=$1
	shift
	serve --bind 127.0.0.1 "$@" && cp "$dir/err" "$dir/err-start" &&
		run 0 serve --dry-run --bind 127.0.0.1 --port 0 --dir "$dir/dumps" "$@" || return 1
	if [ -z "$text" ]; then
		[ ! -s "$dir/err" ] && ! grep -q 'no room' "$dir/err-start"
	else
		grep -q "^paniclab: warning: .*no room.*$text" "$dir/err" && grep -q "^paniclab: warning: .*no room.*$text" "$dir/err-start"
	fi
}
check "no warning where there is room" warns_of "" --min-free 1K --max-total 1M
check "a warning where less is free than shall stay" warns_of "--min-free" --min-free 1000000000G
printf 1234567890 >"$dir/dumps/ten-bytes"
check "one where the folder's limit is used up" warns_of "--max-total" --max-total 10 --min-free 0
check "and none a byte before" warns_of "" --max-total 11 --min-free 0
stop

# ---- who may send ----
serve --bind "$lo"
check "a sender on the bound network" send --from 127.0.0.2 --name near
if [ -n "$other" ]; then
	send --from "$other" --name far
	check "one of another network is refused" grep -q '"event":"refused".*"name":"far"' "$dir/out"
	serve --bind "$lo" --allow "$other"
	check "unless --allow names it" send --from "$other" --name far-2
	send --from 127.0.0.2 --name near-2
	check "and then the bound network may not" grep -q '"event":"refused".*"name":"near-2"' "$dir/out"
else
	skip "one of another network is refused" "this host has the loopback only"
fi
stop

# ---- open files ----
# shellcheck disable=SC3045 # not of POSIX, but dash, bash and zsh have it; the test is skipped where not
few_files() { ulimit -n 200 && ulimit -Hn 200; } 2>/dev/null
too_many() { (
	few_files
	run 3 serve --bind 127.0.0.1 --port 0 --dir "$dir/dumps" --max-sessions 1000 && grep -q -- '--max-sessions 76$' "$dir/err"
); }
if (few_files); then
	check "more dumps than the limit of open files allows: how many would be" too_many
else
	skip "more dumps than the limit of open files allows" "this shell cannot lower it"
fi
done_testing
