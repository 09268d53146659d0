#!/bin/sh
# paniclab serve as a service: a socket that somebody else has bound, readiness, a port of root's.
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
says() { grep -qF -- "$1" "$dir/out" || grep -qF -- "$1" "$dir/err"; }
until_says() {
	tries=0
	until says "$1"; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || return 1
		sleep 0.01
	done
}
send() { "$BUILD/kernsim" send --from 127.0.0.2 --timeout 60s "$@" >"$dir/sent" 2>&1; }
is_file() { cmp -s "$dir/$1" "$dir/dumps/$2"; }
ends_with() { # ends_with CODE: the server does by itself
	wait "$server"
	code=$?
	server=
	[ "$code" = "$1" ]
}

head -c 100000 /dev/urandom >"$dir/dump"
# An address that no other test has: all of 127.0.0.0/8 is this host on Linux.
own=127.$(($$ / 65536 % 64 + 64)).$(($$ / 256 % 256)).$(($$ % 256))

# ---- systemd's own launcher ----
if command -v systemd-socket-activate >/dev/null; then
	: >"$dir/out"
	systemd-socket-activate --datagram --listen="$own:10691" --fdname=dumps \
		"$PANICLAB" serve --dir "$dir/dumps" --once --json >"$dir/out" 2>"$dir/err" &
	server=$!
	check "systemd waits at the socket" until_says "Listening on $own:10691"
	send --server "$own:10691" --file "$dir/dump" --name by-systemd
	check "the first packet starts the server" says "\"event\":\"listening\",\"address\":\"$own\",\"port\":10691"
	check "which takes that dump and exits 0" ends_with 0
	check "and has it whole" is_file dump by-systemd
	stop
else
	skip "a socket of systemd's" "systemd-socket-activate is not here"
fi

# ---- a launcher and a waiter of our own ----
# python: activate OPTION...: binds a free port, becomes the server with that socket as 3, and
# keeps what is sent to $NOTIFY_SOCKET by way of a child. Its first line is the port.
cat >"$dir/activate" <<'P'
import os, socket, sys
kind = {"udp": (socket.AF_INET, socket.SOCK_DGRAM), "tcp": (socket.AF_INET, socket.SOCK_STREAM)}[sys.argv[1]]
work = sys.argv[2]
given = socket.socket(*kind)
given.bind(("127.0.0.1", 0))
waiter = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
waiter.bind(work + "/notify")
if os.fork() == 0:
    waiter.settimeout(30)
    said = waiter.recv(100)
    open(work + "/said", "wb").write(said)
    os._exit(0)
print(given.getsockname()[1], flush=True)
os.environ.update(NOTIFY_SOCKET=work + "/notify", LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="dumps")
os.dup2(given.fileno(), 3)
os.set_inheritable(3, True)
os.execv(sys.argv[3], sys.argv[3:])
P
activate() { # activate KIND OPTION...
	stop
	kind=$1
	shift
	rm -f "$dir/notify" "$dir/said"
	: >"$dir/out"
	python3 "$dir/activate" "$kind" "$dir" "$PANICLAB" serve --dir "$dir/dumps" "$@" >"$dir/out" 2>"$dir/err" &
	server=$!
}
is_told() {
	tries=0
	until [ -s "$dir/said" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 1000 ] || return 1
		sleep 0.01
	done
	[ "$(cat "$dir/said")" = "READY=1" ]
}
if command -v python3 >/dev/null && [ "$(uname)" = Linux ]; then
	activate udp --once
	check "a socket with a free port" until_says "listening on 127.0.0.1"
	port=$(head -n 1 "$dir/out")
	check "listening there" says "listening on 127.0.0.1:$port"
	check "whoever waits at NOTIFY_SOCKET is told" is_told
	send --server "127.0.0.1:$port" --file "$dir/dump" --name by-socket
	check "a dump is taken" is_file dump by-socket
	check "and the server exits 0" ends_with 0
	activate udp --port 99
	check "--port has no say then" ends_with 2
	check "and says so" says "leave them out"
	activate tcp
	check "TCP is misuse" ends_with 2
	check "and says what is wanted" says "it is not UDP): give one UDP socket of IPv4"
else
	skip "a socket of somebody else's" "python3 is not here, or this is not Linux"
fi

# ---- without the manager's library, its variables can be anything ----
: >"$dir/out"
LISTEN_PID=1 LISTEN_FDS=1 "$PANICLAB" serve --bind 127.0.0.1 --port 0 --dir "$dir/dumps" >"$dir/out" 2>"$dir/err" &
server=$!
check "another process's socket is left alone" until_says "listening on 127.0.0.1:"
stop
: >"$dir/out"
NOTIFY_SOCKET=$dir/nobody "$PANICLAB" serve --bind 127.0.0.1 --port 0 --dir "$dir/dumps" >"$dir/out" 2>"$dir/err" &
server=$!
check "nobody at NOTIFY_SOCKET is no reason not to serve" until_says "listening on 127.0.0.1:"
check "but is said" says "cannot say that the server is ready"
stop

# ---- a port that only root may bind ----
if [ "$(id -u)" = 0 ] && id nobody >/dev/null 2>&1; then
	chmod 755 "$dir"
	: >"$dir/out"
	"$PANICLAB" serve --user nobody --bind "$own" --port 69 --dir "$dir/theirs" --json >"$dir/out" 2>"$dir/err" &
	server=$!
	check "--user with a port of root's" until_says '"port":69'
	send --server "$own:69" --file "$dir/dump" --name low
	check "takes a dump" cmp "$dir/dump" "$dir/theirs/low"
	send --server "$own:69" --generate 2M --stop-at 1M --name killed
	kill -9 "$server"
	wait "$server" 2>/dev/null
	check "which stays under way when the server is killed" [ -e "$dir/theirs/killed.partial" ]
	: >"$dir/out"
	"$PANICLAB" serve --user nobody --bind "$own" --port 69 --dir "$dir/theirs" --json >"$dir/out" 2>"$dir/err" &
	server=$!
	until_says '"port":69'
	check "and is set aside by the next one, as that user" [ -e "$dir/theirs/killed.incomplete" ]
	stop
	check "nothing in the folder is root's" [ -z "$(find "$dir/theirs" ! -user nobody)" ]
else
	skip "--user with a port of root's" "only root may bind it"
fi
done_testing
