# For tests of the dump server over real sockets; adds to lib.sh.
# shellcheck shell=sh disable=SC2034,SC2154
# Source it after lib.sh, then:
#   serve [OPTION...]       a server with JSON events in the background; $server, $port
#   send [OPTION...]        the simulated kernel's dump, to its end; its words in $dir/sent
#   until_has TEXT          until an event has that text, ten seconds at most
#   ends CODE               the server ends, with that exit code
#   field EVENT NAME KEY, is EVENT NAME KEY VALUE     of the last such event of that file
#   done_as NAME STATUS     ten seconds at most until it is so
#   is_file SENT NAME, absent NAME                    files of $dir against those of $dir/dumps

server=
# Two kernels cannot dump from one address: a network of one's own by the process id.
net=127.$((64 + $$ / 250 % 128)).$((1 + $$ % 250))
stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ -z "$server" ] || wait "$server" 2>/dev/null
	server=
}
trap 'stop; rm -rf "$dir"' EXIT
has() { grep -qF -- "$1" "$dir/out"; }
# until_true COMMAND...: ten seconds at most
until_true() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || return 1
		sleep 0.01
	done
}
until_has() { until_true has "$1"; }
# With $under before it, if that is set: "prlimit --fsize=1000", say.
serve() {
	stop
	: >"$dir/out"
	# shellcheck disable=SC2086 # a command and its arguments
	${under:-} "$PANICLAB" serve --bind 127.0.0.1 --port "${want_port:-0}" --dir "$dir/dumps" --json "$@" \
		>"$dir/out" 2>"$dir/err" &
	server=$!
	until_has '"event":"listening"' || return 1
	port=$(sed -n 's/.*"event":"listening".*"port":\([0-9]*\).*/\1/p' "$dir/out")
}
send() { "$BUILD/kernsim" send --server "127.0.0.1:$port" --from "$net.2" --timeout 60s "$@" >"$dir/sent" 2>&1; }
gone() { ! kill -0 "$server" 2>/dev/null; }
ends() {
	until_true gone || {
		kill "$server"
		return 1
	}
	wait "$server"
	code=$?
	server=
	[ "$code" = "$1" ]
}
field() {
	grep "\"event\":\"$1\"" "$dir/out" | grep "\"name\":\"$2\"" | tail -n 1 |
		sed -n "s/.*\"$3\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}
# The event may come after the answer to the guest.
done_as() { until_true is 'done' "$1" status "$2"; } # done_as NAME STATUS
is() { [ "$(field "$1" "$2" "$3")" = "$4" ]; }
is_file() { cmp -s "$dir/$1" "$dir/dumps/$2"; }
absent() { [ ! -e "$dir/dumps/$1" ]; }
