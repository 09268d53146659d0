# For tests in the simulated lab: TAP, a lab of one's own, the guest.
# shellcheck shell=sh disable=SC2154
# Source it, then: lab_start OPTIONS...; g COMMAND...; rest METHOD PATH [BODY]; done_testing.

SIMLAB=${SIMLAB:-$BUILD/simlab}
TESTS=0
FAILED=0
WORK=$(mktemp -d)
LAB=$WORK/lab
# Tests run beside each other: an address of one's own for the guest, as two
# kernels cannot dump from the same one.
NET=127.44.$((8 + $$ % 240))
trap 'lab_stop; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM

# ok CONDITION-STATUS NAME: the status of what was just tried.
ok() {
	TESTS=$((TESTS + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $TESTS - $2"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $TESTS - $2"
	fi
}

# is GOT WANTED NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || printf '# got:    %s\n# wanted: %s\n' "$1" "$2"
}

# has TEXT PART NAME
has() {
	case $1 in
	*"$2"*) ok 0 "$3" ;;
	*)
		ok 1 "$3"
		printf '# got:    %s\n# wanted: ...%s...\n' "$1" "$2"
		;;
	esac
}

done_testing() {
	echo "1..$TESTS"
	[ "$FAILED" -eq 0 ]
	exit $?
}

lab_start() {
	"$SIMLAB" start --dir "$LAB" --port 0 --ssh-port 0 --guest-ip "$NET.130" --boot-time 50ms "$@" >"$WORK/start" || {
		cat "$WORK/start"
		echo "Bail out! the simulated lab does not start"
		exit 1
	}
	# shellcheck disable=SC1091 # simlab start writes it
	. "$LAB/lab.env"
	PASSWORD=$(cat "$SIMLAB_PASSWORD_FILE")
}

lab_stop() {
	[ ! -d "$LAB/run" ] || "$SIMLAB" stop --dir "$LAB"
}

vmrun() {
	"$SIMLAB_VMRUN" -T fusion "$@"
}

# The locks of a VM that went off stay for a moment; until then vmrun finds its files "in use".
unlocked() {
	wait_for 10 test ! -e "$SIMLAB_VMX.lck"
}

TYPE=application/vnd.vmware.vmw.rest-v1+json

# rest METHOD PATH [BODY]: the body, then the status on a line of its own.
rest() {
	if [ $# -eq 3 ]; then
		curl -s -m 20 -u "simlab:$PASSWORD" -H "Accept: $TYPE" -H "Content-Type: $TYPE" -X "$1" \
			--data-binary "$3" -w '\n%{http_code}\n' "$SIMLAB_URL/api$2"
	else
		curl -s -m 20 -u "simlab:$PASSWORD" -H "Accept: $TYPE" -X "$1" -w '\n%{http_code}\n' \
			"$SIMLAB_URL/api$2"
	fi
}

# g COMMAND: in the guest, as its user.
g() {
	ssh -F none -i "$SIMLAB_GUEST_KEY" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 \
		-o UserKnownHostsFile="$SIMLAB_KNOWN_HOSTS" -o ServerAliveInterval=1 -o ServerAliveCountMax=2 \
		-p "$SIMLAB_SSH_PORT" "lab@$SIMLAB_GUEST_IP" "$@"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	limit=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -le "$limit" ] || return 1
		sleep 0.05
	done
}

guest_up() {
	wait_for 20 g true
}

event() {
	grep -q "$1" "$LAB/log/events.log"
}

# For wait_for after an action that ends in one more event of that kind.
events_at_least() {
	[ "$(grep -c "$2" "$LAB/log/events.log")" -ge "$1" ]
}
