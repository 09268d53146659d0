# For tests of paniclab's runs in the simulated lab; adds to lib-simlab.sh.
# shellcheck shell=sh disable=SC2034,SC2119,SC2120,SC2154
# Source it, then:
#   new_lab [OPTIONS of simlab start]  a lab of one's own in $WORK, with lab.yaml, scenario.yaml
#   lab_set SED..., scenario_set SED...  edits those files
#   run_lab [OPTIONS]                  paniclab run; STATUS, $OUT, $ERR
#   signal_at SIGNAL TEXT              the same, with a signal when a line with TEXT appears
#   remember, same NAME                the lab's state now; is it still the same?
#   done_testing

. tests/e2e/lib-simlab.sh

# Where the examples of `paniclab init` look for it.
LAB=$WORK/simlab
STATE=$WORK/state
OUT=$WORK/out
ERR=$WORK/err
# Two kernels cannot dump from one address, and the lab's own tests are in 127.44:
# a network of one's own by the process id, which no two tests share at a time.
NET=127.$((64 + $$ / 250 % 128)).$((1 + $$ % 250))

# So that the lab is stopped too when nobody reads the test's output any more.
trap 'exit 1' HUP PIPE

unset XDG_STATE_HOME PANICLAB_STATE
export NO_COLOR=1

# edit FILE SED-EXPRESSION...
edit() {
	edited=$1
	shift
	for expression; do
		sed "$expression" "$edited" >"$edited.new" && mv "$edited.new" "$edited"
	done
}

lab_set() {
	edit "$WORK/lab.yaml" "$@"
}

scenario_set() {
	edit "$WORK/scenario.yaml" "$@"
}

# The examples as `paniclab init` writes them, for this lab's ports; the dump
# server takes a free one, so that tests can run beside each other.
write_config() {
	"$PANICLAB" init --force "$WORK" >/dev/null
	lab_set "s|url: .*|url: $SIMLAB_URL|" "s|port: 10022|port: $SIMLAB_SSH_PORT|" \
		"s|port: auto|port: 0|" "s|boot_timeout: .*|boot_timeout: 30s|"
	scenario_set "s|timeout: 60s|timeout: 20s|" "s|within: 10m|within: 30s|"
}

# 1 MiB of core: small, and yet thousands of packets.
new_lab() {
	lab_start --sip off --core-size 1M "$@"
	write_config
}

# fault NAME[=VALUE]... | clear
fault() {
	"$SIMLAB" fault --dir "$LAB" "$@" >/dev/null
}

# paniclab COMMAND ARGUMENT...
paniclab() {
	"$PANICLAB" "$@" --state "$STATE"
}

run_lab() {
	paniclab run "$@" "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT" 2>"$ERR" </dev/null
	STATUS=$?
}

# begin COMMAND...: of paniclab, beside the test; its process is PID, its lines
# come from descriptor 3. A shell's child in the background ignores SIGINT, and
# paniclab would leave it at that.
begin() {
	[ -p "$WORK/lines" ] || mkfifo "$WORK/lines"
	: >"$ERR"
	env --default-signal=INT "$PANICLAB" "$@" --state "$STATE" >"$OUT" 2>"$WORK/lines" </dev/null &
	PID=$!
	exec 3<"$WORK/lines"
}

begin_run() {
	begin run "$WORK/lab.yaml" "$WORK/scenario.yaml"
}

# read_to TEXT: its lines go to $ERR until one has TEXT in it.
read_to() {
	while IFS= read -r said <&3; do
		printf '%s\n' "$said" >>"$ERR"
		case $said in *"$1"*) return 0 ;; esac
	done
	return 1
}

# end: the rest of its lines; STATUS.
end() {
	cat <&3 >>"$ERR"
	exec 3<&-
	wait "$PID" 2>/dev/null
	STATUS=$?
}

# signal_at SIGNAL TEXT [SIGNAL TEXT]...: a run that gets each once a line has
# TEXT in it. SIGNALLED is 0 if there were such lines.
signal_at() {
	begin_run
	signals_at "$@"
}

signals_at() {
	SIGNALLED=0
	while [ $# -gt 0 ] && [ $SIGNALLED -eq 0 ]; do
		read_to "$2"
		SIGNALLED=$?
		[ $SIGNALLED -ne 0 ] || kill -s "$1" "$PID"
		shift 2
	done
	end
}

# kill_at_event TEXT | COUNT: kill -9 of what `begin` began, at the lab's next
# event with TEXT, or after COUNT events. SIGNALLED as above.
kill_at_event() {
	[ -p "$WORK/events" ] || mkfifo "$WORK/events"
	tail -n +$(($(wc -l <"$LAB/log/events.log") + 1)) -F "$LAB/log/events.log" >"$WORK/events" 2>/dev/null &
	watcher=$!
	# Lines that nobody reads would fill the pipe and stop it.
	cat <&3 >>"$ERR" &
	reader=$!
	# The watcher's end: when paniclab ends by itself before the event.
	(
		while kill -0 "$PID" 2>/dev/null; do sleep 0.1; done
		kill $watcher
	) 2>/dev/null &
	ender=$!
	case $1 in
	*[!0-9]*) grep -qm 1 "$1" <"$WORK/events" ;;
	*) [ "$(head -n "$1" <"$WORK/events" | wc -l)" -eq "$1" ] ;;
	esac
	SIGNALLED=$?
	[ $SIGNALLED -ne 0 ] || kill -s KILL "$PID"
	wait "$PID" 2>/dev/null
	STATUS=$?
	kill $watcher 2>/dev/null
	wait $watcher $ender $reader 2>/dev/null
	exec 3<&-
}

# The folder of the newest run. By the clock: an id knows only seconds.
run_dir() {
	find "$STATE/runs" -mindepth 1 -maxdepth 1 -type d -exec ls -1td {} + | head -n 1
}

# What `paniclab runs` says of it.
run_row() {
	paniclab runs 2>/dev/null | grep "^$(basename "$(run_dir)")" | tr -s ' '
}

# field JQ-EXPRESSION: of the newest report.
field() {
	jq -r "$1" "$(run_dir)/report.json"
}

lab_state() {
	"$SIMLAB" state --dir "$LAB"
}

remember() {
	lab_state >"$WORK/before"
}

# same NAME: the lab's state is what it was at `remember`.
same() {
	lab_state >"$WORK/after"
	cmp -s "$WORK/before" "$WORK/after"
	same_status=$?
	ok $same_status "$1"
	[ $same_status -eq 0 ] || diff "$WORK/before" "$WORK/after" | sed 's/^/# /'
}

# killed NAME: what holds after a kill -9, and after its teardown.
killed() {
	is "$SIGNALLED $STATUS" "0 137" "$1: killed"
	paniclab teardown >"$OUT" 2>"$ERR"
	teardown_status=$?
	is $teardown_status 0 "$1: teardown"
	[ $teardown_status -eq 0 ] || show "$ERR"
	same "$1: the lab is what it was"
}

# udp_open ADDRESS PORT: has a process an UDP socket there? From /proc/net/udp,
# where an address is a number in the byte order of the (little-endian) machine.
udp_open() {
	# shellcheck disable=SC2046,SC2183 # four numbers
	local_address=$(printf '%02X%02X%02X%02X:%04X' $(echo "$1" | awk -F . '{ print $4, $3, $2, $1 }') "$2")
	grep -q "^ *[0-9]*: $local_address " /proc/net/udp
}

# lacks TEXT PART NAME
lacks() {
	case $1 in
	*"$2"*)
		ok 1 "$3"
		printf '# has %s in: %s\n' "$2" "$1"
		;;
	*) ok 0 "$3" ;;
	esac
}

# skip NAME WHY
skip() {
	TESTS=$((TESTS + 1))
	echo "ok $TESTS - $1 # SKIP $2"
}

# show FILE: as diagnosis, after a test that failed.
show() {
	sed 's/^/# /' "$1"
}
