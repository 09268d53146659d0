#!/bin/sh
# paniclab serve, seen from outside: what the running process has given up, and that it still takes dumps.
# shellcheck disable=SC2317,SC2154 # most functions are called by check, by name; $dir is lib.sh's
set -u
. tests/cli/lib.sh
server=
stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ -z "$server" ] || wait "$server" 2>/dev/null
	server=
}
trap 'stop; rm -rf "$dir"' EXIT
until_says() {
	tries=0
	until grep -qF -- "$1" "$dir/out"; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || return 1
		sleep 0.01
	done
}
serve() {
	stop
	: >"$dir/out"
	"$PANICLAB" serve --bind 127.0.0.1 --port 0 --json --verbose "$@" >"$dir/out" 2>"$dir/err" &
	server=$!
	until_says '"event":"listening"' || return 1
	port=$(sed -n 's/.*"event":"listening".*"port":\([0-9]*\).*/\1/p' "$dir/out")
}
send() { "$BUILD/kernsim" send --server "127.0.0.1:$port" --from 127.0.0.2 --timeout 60s "$@" >"$dir/sent" 2>&1; }
status_is() { grep -q "^$1:[[:space:]]*$2\$" "/proc/$server/status"; }
is_file() { cmp -s "$dir/$1" "$2"; }

if [ ! -r /proc/self/status ]; then
	skip "what the process has given up" "there is no /proc here"
	done_testing
fi
"$BUILD/kernsim" core --size 4M --out "$dir/core" >/dev/null || exit 1
gzip -c <"$dir/core" >"$dir/core.gz"

# ---- as whoever runs this ----
serve --dir "$dir/dumps" --decompress
if grep -q 'AddressSanitizer' "$dir/err"; then
	skip "no new privileges" "a build with AddressSanitizer is not restricted"
	skip "a filter of system calls" "a build with AddressSanitizer is not restricted"
else
	check "no new privileges" status_is NoNewPrivs 1
	check "a filter of system calls" status_is Seccomp 2
fi
send --file "$dir/core.gz" --name core.gz
check "a confined server takes a dump" until_says '"event":"done"'
check "and decompresses it" is_file core "$dir/dumps/core"
send --generate 2M --name cut --stop-at 1M
kill "$server"
wait "$server"
check "a confined server ends with 0" [ $? = 0 ]
server=
check "and leaves what was under way as incomplete" [ -e "$dir/dumps/cut.incomplete" ]

# ---- as another user ----
if [ "$(id -u)" != 0 ] || ! id nobody >/dev/null 2>&1; then
	skip "--user" "only root can become another user"
	done_testing
fi
uid=$(id -u nobody)
gid=$(id -g nobody)
chmod 755 "$dir"
serve --user nobody --dir "$dir/theirs/dumps"
check "--user: all four user ids" status_is Uid "$uid	$uid	$uid	$uid"
check "--user: all four group ids" status_is Gid "$gid	$gid	$gid	$gid"
check "--user: no other groups" status_is Groups "$gid "
check "--user: no effective capabilities" status_is CapEff 0000000000000000
check "--user: and no permitted ones" status_is CapPrm 0000000000000000
send --file "$dir/core.gz" --name core.gz
check "a dump is taken" is_file core.gz "$dir/theirs/dumps/core.gz"
check "and is that user's" [ -n "$(find "$dir/theirs/dumps/core.gz" -user nobody -perm 600)" ]
check "the folder too" [ -n "$(find "$dir/theirs/dumps" -prune -user nobody -perm 700)" ]
stop
mkdir "$dir/mine"
check "a folder that the user cannot write to is an error" run 3 serve --user nobody --bind 127.0.0.1 --port 0 --dir "$dir/mine"
check "which says what to do" grep -q 'mine: the user nobody cannot write.*chown' "$dir/err"
mkdir -m 700 "$dir/closed"
check "a folder above that it may not pass is named" run 3 serve --user nobody --bind 127.0.0.1 --port 0 --dir "$dir/closed/a/b"
check "in words" grep -qF "$dir/closed does not let it through" "$dir/err"
check "and nothing was made" [ ! -e "$dir/closed/a" ]
check "--dry-run says so too" run 3 serve --dry-run --user nobody --bind 127.0.0.1 --port 0 --dir "$dir/closed/a/b"
check "and of one that it cannot write to" run 3 serve --dry-run --user nobody --bind 127.0.0.1 --port 0 --dir "$dir/mine"
check "no such user is misuse" run 2 serve --user 'no such user' --dir "$dir/mine"
check "so is root" run 2 serve --user root --dir "$dir/mine"
done_testing
